import { signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { formatNumber } from '../format/number.ts';
import { formatDuration } from '../format/time.ts';
import { type Call, callerName, dispatch, phoneState, sendTone } from '../phone/index.ts';
import { texts } from '../texts/index.ts';
import { IconButton } from '../ui/button.tsx';
import { useNow } from '../ui/use-now.ts';
import { CallButton, RingingArt, Waiting } from './ringing.tsx';

/** The call goes on while the person looks at the other screens. */
export const callMinimised = signal(false);

const keys = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

/** A call that is active, being placed, or just over. */
export function InCall(props: { call: Call; waiting: Call | undefined }) {
  const { call } = props;
  const region = useRef<HTMLElement>(null);
  const keypad = useSignal(false);
  const typed = useSignal('');
  useEffect(() => region.current?.focus(), []);
  const press = (key: string) => {
    typed.value = (typed.value + key).slice(-16);
    sendTone(call.id, key);
  };
  const over = call.phase === 'ended';
  return (
    <section
      ref={region}
      class="call-screen"
      aria-label={texts.inCall.label}
      tabIndex={-1}
      data-testid="in-call"
      data-phase={call.phase}
      data-audio={call.audio}
      onKeyDown={(event) => {
        if (keypad.value && keys.includes(event.key)) press(event.key);
      }}
    >
      {!over && (
        <IconButton
          class="call-corner"
          icon="down"
          label={texts.inCall.minimise}
          onClick={() => {
            callMinimised.value = true;
          }}
        />
      )}
      <div class="call-top">
        <h1 class="call-who">{callerName(call)}</h1>
        {call.called && <p class="call-to">{texts.ringing.toNumber(formatNumber(call.called))}</p>}
        <p class="call-kind" role="status">
          {statusText(call)}
        </p>
        <Timer call={call} />
      </div>
      {props.waiting && <Waiting call={props.waiting} />}
      {keypad.value && !over ? (
        <Keypad typed={typed.value} onPress={press} />
      ) : (
        <RingingArt still={call.phase !== 'calling'} />
      )}
      {over ? (
        // Keeps the picture where it was.
        <div class="call-buttons" />
      ) : (
        <Controls call={call} keypad={keypad.value} onKeypad={() => (keypad.value = !keypad.value)} />
      )}
    </section>
  );
}

function statusText(call: Call): string {
  if (call.phase === 'ended') {
    if (call.microphoneProblem && call.outcome === 'microphone')
      return texts.microphone[call.microphoneProblem];
    return texts.outcome[call.outcome ?? 'completed'];
  }
  if (call.phase === 'calling') return texts.inCall.calling;
  if (call.audio === 'interrupted') return texts.inCall.interrupted;
  if (call.audio === 'connecting') return texts.inCall.connecting;
  return phoneState.value.connection === 'registered' ? texts.inCall.flowing : texts.inCall.signalLost;
}

function Timer(props: { call: Call }) {
  const now = useNow();
  const { answeredAt, endedAt } = props.call;
  if (answeredAt === undefined) return null;
  return (
    <p class="call-timer" role="timer" aria-label={texts.inCall.duration} aria-live="off">
      {formatDuration((endedAt ?? now) - answeredAt)}
    </p>
  );
}

function Keypad(props: { typed: string; onPress: (key: string) => void }) {
  return (
    <div class="stack">
      <p class="typed num call-top">
        <span class="visually-hidden">{texts.inCall.typed}: </span>
        {props.typed}
      </p>
      <div class="keypad">
        {keys.map((key) => (
          <button key={key} type="button" aria-label={keyName(key)} onClick={() => props.onPress(key)}>
            {key}
          </button>
        ))}
      </div>
    </div>
  );
}

function Controls(props: { call: Call; keypad: boolean; onKeypad: () => void }) {
  const { call } = props;
  return (
    <div class="call-buttons">
      <CallButton
        kind=""
        icon={call.muted ? 'mic-off' : 'mic'}
        pressed={call.muted}
        onClick={() => dispatch({ type: 'mute', id: call.id, muted: !call.muted })}
      >
        {texts.inCall.mute}
      </CallButton>
      <CallButton kind="" icon="keypad" pressed={props.keypad} onClick={props.onKeypad}>
        {texts.inCall.keypad}
      </CallButton>
      <CallButton
        kind="end"
        icon="phone-down"
        onClick={() => dispatch({ type: 'hang-up', id: call.id, at: Date.now() })}
      >
        {texts.inCall.hangUp}
      </CallButton>
    </div>
  );
}

function keyName(key: string): string {
  if (key === '*') return texts.inCall.star;
  return key === '#' ? texts.inCall.hash : key;
}

/** The minimised call, above the other screens. */
export function CallBar(props: { call: Call }) {
  const now = useNow();
  const { call } = props;
  return (
    <button
      type="button"
      class="call-bar"
      onClick={() => {
        callMinimised.value = false;
      }}
    >
      <span>{texts.inCall.backToCall}</span>
      <span class="num">
        {call.answeredAt === undefined ? callerName(call) : formatDuration(now - call.answeredAt)}
      </span>
    </button>
  );
}
