import { useSignal } from '@preact/signals';
import type { Coverage } from '../src/model/types.ts';
import type { HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { formatNumber, shortTime } from './format.ts';
import { act } from './store.ts';

const signalText: Readonly<Record<Coverage, string>> = {
  covered: 'In coverage',
  'no-coverage': 'No network',
  'roaming-off': 'Roaming is off',
  'sim-out': 'No SIM',
  off: 'Switched off',
};

/** What the phone shows: its call, the answer to a code, the newest SMS, or nothing. */
export function PhoneScreen({ handset, carrierName }: { handset: HandsetView; carrierName: string }) {
  const showInbox = useSignal(false);
  const { coverage, inbox, call } = handset;
  return (
    <div class={`screen ${coverage}`}>
      <div class="status">
        <SignalBars coverage={coverage} />
        <span class="grow">{coverage === 'covered' ? carrierName : signalText[coverage]}</span>
        {inbox.length > 0 && coverage !== 'off' && (
          <button
            type="button"
            class="inbox-button"
            aria-expanded={showInbox.value}
            onClick={() => (showInbox.value = !showInbox.value)}
          >
            {showInbox.value ? 'Close' : `SMS ${inbox.length}`}
          </button>
        )}
      </div>
      <div class="content" aria-live="polite">
        {coverage === 'off' ? null : showInbox.value && inbox.length > 0 ? (
          <Inbox handset={handset} />
        ) : call !== null ? (
          <CallPicture handset={handset} />
        ) : (
          <Idle handset={handset} />
        )}
      </div>
    </div>
  );
}

function CallPicture({ handset }: { handset: HandsetView }) {
  const { call } = handset;
  if (call === null) return null;
  const words = {
    setup: 'Calling …',
    alerting: call.direction === 'outgoing' ? 'Ringing …' : 'Incoming call',
    active: 'In call',
    ended: '',
  };
  return (
    <div class="call-picture">
      <p class="peer num">{formatNumber(call.peer)}</p>
      <p>{words[call.state]}</p>
    </div>
  );
}

function Idle({ handset }: { handset: HandsetView }) {
  const { screen, inbox } = handset;
  const [newest] = inbox;
  if (screen !== null) {
    return (
      <div class="message">
        <p class="title">{screen.title}</p>
        {screen.lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
    );
  }
  if (newest !== undefined) return <Sms from={newest.from} text={newest.text} at={newest.deliveredAt} />;
  return <p class="soft idle">{handset.role === 'own' ? 'No messages' : 'Ready to call'}</p>;
}

function Sms({ from, text, at }: { from: string; text: string; at: number }) {
  return (
    <div class="sms">
      <p class="small soft">
        {formatNumber(from)} · {shortTime(at)}
      </p>
      <p>{text}</p>
    </div>
  );
}

function Inbox({ handset }: { handset: HandsetView }) {
  return (
    <>
      {handset.inbox.map((sms) => (
        <Sms key={sms.id} from={sms.from} text={sms.text} at={sms.deliveredAt} />
      ))}
      <button type="button" class="link" onClick={() => void act(() => api.clearInbox(handset.number))}>
        Delete all
      </button>
    </>
  );
}

function SignalBars({ coverage }: { coverage: Coverage }) {
  return (
    <svg class="bars" viewBox="0 0 20 14" width="20" height="14" role="img" aria-label={signalText[coverage]}>
      {[0, 1, 2, 3].map((bar) => (
        <rect
          key={bar}
          x={bar * 5}
          y={10 - bar * 3}
          width="3.4"
          height={4 + bar * 3}
          rx="1"
          class={coverage === 'covered' ? 'lit' : 'dark'}
        />
      ))}
      {coverage !== 'covered' && <path d="M1 1 19 13" class="strike" />}
    </svg>
  );
}
