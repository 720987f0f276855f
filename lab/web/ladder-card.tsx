import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { LadderEntry } from '../src/ladder.ts';
import type { CallView } from '../src/views.ts';
import { api } from './api.ts';
import { clockTime, duration, formatNumber, offset } from './format.ts';
import { Ladder, nameOf } from './ladder.tsx';
import { chooseCall, chosenCall, shownCall, shownLadder, snapshot } from './store.ts';

/** The ladder of one call and the chosen message. */
export function LadderCard() {
  const call = shownCall.value;
  const entries = shownLadder.value;
  const picked = useSignal<LadderEntry | undefined>(undefined);
  const pointed = useSignal<LadderEntry | undefined>(undefined);
  useEffect(() => {
    picked.value = undefined;
    pointed.value = undefined;
  }, [call?.id]);
  const read = pointed.value ?? picked.value;
  return (
    <section class="ladder-card" aria-label="Messages of the call">
      <div class="ladder-head">
        <h2>Ladder</h2>
        <CallPicker />
        {call !== undefined && <Files call={call} />}
      </div>
      {call === undefined ? (
        <p class="soft empty">
          Dial from a handset. Every message between handset, switch and Ringthrough appears here.
        </p>
      ) : (
        <>
          <Summary call={call} />
          <Ladder
            entries={entries}
            startedAt={call.startedAt}
            picked={picked.value?.id}
            onPick={(entry) => (picked.value = picked.value?.id === entry.id ? undefined : entry)}
            onPoint={(entry) => (pointed.value = entry)}
          />
          <Detail entry={read} startedAt={call.startedAt} />
        </>
      )}
    </section>
  );
}

function CallPicker() {
  const calls = snapshot.value?.calls ?? [];
  if (calls.length === 0) return null;
  return (
    <select
      aria-label="Shown call"
      value={chosenCall.value ?? ''}
      onChange={(event) =>
        chooseCall(event.currentTarget.value === '' ? undefined : event.currentTarget.value)
      }
    >
      <option value="">Newest call</option>
      {calls.map((call) => (
        <option key={call.id} value={call.id}>
          {clockTime(call.startedAt)} → {formatNumber(call.called)}
        </option>
      ))}
    </select>
  );
}

/** To take the ladder away. */
function Files({ call: { id } }: { call: CallView }) {
  return (
    <p class="files small">
      <a href={api.ladderFile(id, 'txt')} target="_blank" rel="noopener">
        Text
      </a>{' '}
      <a href={api.ladderFile(id, 'pcap')} download>
        PCAP
      </a>
    </p>
  );
}

function Summary({ call }: { call: CallView }) {
  const words = {
    setup: 'Setting up',
    alerting: 'Ringing',
    active: 'In call',
    ended: call.release?.text ?? 'Ended',
  };
  const lasted =
    call.answeredAt !== null && call.endedAt !== null
      ? ` after ${duration(call.endedAt - call.answeredAt)}`
      : '';
  return (
    <p class="small soft">
      <span class="num">{formatNumber(call.caller)}</span> →{' '}
      <span class="num">{formatNumber(call.called)}</span> · {words[call.state]}
      {lasted}
      {call.release !== null && ` · cause ${call.release.q850}`}
      {call.codec !== null && ` · ${call.codec}`}
    </p>
  );
}

function Detail({ entry, startedAt }: { entry: LadderEntry | undefined; startedAt: number }) {
  if (entry === undefined) {
    return <p class="soft small hint">Point at a message, or choose it, to read it.</p>;
  }
  const between =
    entry.from === entry.to ? nameOf(entry.from) : `${nameOf(entry.from)} → ${nameOf(entry.to)}`;
  return (
    <div class="detail">
      <p class="small">
        <b>{entry.label}</b> · {between} · {offset(entry.at - startedAt)}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long messages scroll, and the keyboard must reach them */}
      <pre tabIndex={0}>{entry.detail.trimEnd()}</pre>
    </div>
  );
}
