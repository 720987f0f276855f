import type { Coverage } from '../src/model/types.ts';
import type { HandsetView } from '../src/views.ts';
import { duration, formatNumber, shortTime } from './format.ts';
import { SmsList } from './sms-app.tsx';
import { SmsText } from './sms-text.tsx';

const signalText: Readonly<Record<Coverage, string>> = {
  covered: 'In coverage',
  'no-coverage': 'No network',
  'roaming-off': 'Roaming is off',
  'sim-out': 'No SIM',
  off: 'Switched off',
};

interface Props {
  handset: HandsetView;
  carrierName: string;
  showsSms: boolean;
}

/** What the handset's own screen shows: the call, an answer of the network, or messages. */
export function PhoneScreen({ handset, carrierName, showsSms }: Props) {
  const { coverage, call } = handset;
  return (
    <section class={`screen ${coverage}`} aria-label={`Screen of ${handset.owner}`}>
      <div class="status">
        <SignalBars coverage={coverage} />
        <span class="grow">{coverage === 'covered' ? carrierName : signalText[coverage]}</span>
        {handset.waitingSms > 0 && (
          <span title="Kept by the SMS centre">{handset.waitingSms} SMS waiting</span>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long messages scroll, and the keyboard must reach them */}
      <div class="content" aria-live="polite" tabIndex={0}>
        {coverage === 'off' ? null : showsSms ? (
          <SmsList handset={handset} />
        ) : call !== null ? (
          <CallPicture handset={handset} />
        ) : (
          <Idle handset={handset} />
        )}
      </div>
    </section>
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
  const { screen, inbox, carrierVoicemail } = handset;
  const [newest] = inbox;
  const [voicemail] = carrierVoicemail.messages;
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
  return (
    <>
      {voicemail !== undefined && (
        <p class="voicemail small">
          Carrier’s voicemail: {formatNumber(voicemail.from)}, {duration(voicemail.durationMs)}
        </p>
      )}
      {newest !== undefined ? (
        <div class="sms">
          <p class="small soft">
            {formatNumber(newest.from)} · {shortTime(newest.deliveredAt)}
          </p>
          <SmsText text={newest.text} />
        </div>
      ) : (
        <p class="soft idle">{handset.role === 'own' ? 'No messages' : 'Ready to call'}</p>
      )}
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
