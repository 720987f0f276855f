import { useEffect, useRef } from 'preact/hooks';
import { formatNumber } from '../format/number.ts';
import { type Call, callerName, dispatch } from '../phone/index.ts';
import { texts } from '../texts/index.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { PhoneNumber } from '../ui/number.tsx';

const accept = (call: Call) => dispatch({ type: 'accept', id: call.id, at: Date.now() });
const decline = (call: Call, scope: 'device' | 'all') =>
  dispatch({ type: 'decline', id: call.id, scope, at: Date.now() });

/**
 * Somebody calls. The focus goes to the dialog and not to a button: whoever is typing at that moment must not
 * accept or decline by the next key.
 */
export function Ringing(props: { call: Call }) {
  const { call } = props;
  const dialog = useRef<HTMLDivElement>(null);
  useEffect(() => dialog.current?.focus(), []);
  const answering = call.phase === 'answering';
  return (
    <div
      ref={dialog}
      class="call-screen"
      role="alertdialog"
      aria-modal="true"
      aria-labelledby="ringing-title"
      aria-describedby="ringing-to"
      tabIndex={-1}
    >
      <div class="call-top">
        <p class="call-kind">{answering ? texts.ringing.answering : texts.ringing.incoming}</p>
        <h1 class="call-who" id="ringing-title">
          {callerName(call)}
        </h1>
        {call.peerName && call.peer && (
          <p>
            <PhoneNumber value={call.peer} />
          </p>
        )}
        <p class="call-to" id="ringing-to">
          {call.called ? texts.ringing.toNumber(formatNumber(call.called)) : ''}
        </p>
      </div>
      <RingingArt />
      <div role="alert">
        {call.microphoneProblem && <p class="call-problem">{texts.microphone[call.microphoneProblem]}</p>}
      </div>
      <div class="call-buttons">
        <CallButton kind="end" icon="voicemail" onClick={() => decline(call, 'all')}>
          {texts.ringing.voicemail}
        </CallButton>
        <CallButton kind="" icon="bell-off" onClick={() => decline(call, 'device')}>
          {texts.ringing.silence}
        </CallButton>
        <CallButton kind="accept" icon="phone" busy={answering} onClick={() => accept(call)}>
          {texts.ringing.accept}
        </CallButton>
      </div>
    </div>
  );
}

/** Call waiting: another call while one is going on. */
export function Waiting(props: { call: Call }) {
  const { call } = props;
  return (
    <section class="waiting-card" role="alert" aria-label={texts.ringing.waiting}>
      <div>
        <p class="soft small">{texts.ringing.waiting}</p>
        <p class="item-title">{callerName(call)}</p>
        {call.called && <p class="soft small">{texts.ringing.toNumber(formatNumber(call.called))}</p>}
      </div>
      <div class="row">
        <button type="button" class="button small" onClick={() => accept(call)}>
          {texts.ringing.acceptEnding}
        </button>
        <button type="button" class="button plain small" onClick={() => decline(call, 'all')}>
          {texts.ringing.voicemail}
        </button>
        <button type="button" class="button plain small" onClick={() => decline(call, 'device')}>
          {texts.ringing.silence}
        </button>
      </div>
    </section>
  );
}

export function CallButton(props: {
  kind: string;
  icon: IconName;
  children: string;
  pressed?: boolean;
  busy?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      class={`call-button ${props.kind}`}
      aria-pressed={props.pressed}
      aria-disabled={props.busy ? 'true' : undefined}
      onClick={() => !props.busy && props.onClick()}
    >
      <span class="disc">
        <Icon name={props.icon} />
      </span>
      {props.children}
    </button>
  );
}

export function RingingArt(props: { still?: boolean }) {
  return (
    <svg
      class="call-art"
      aria-hidden="true"
      viewBox="0 0 64 64"
      fill="none"
      stroke-width="4"
      stroke-linecap="round"
    >
      {!props.still && <circle class="halo" cx="32" cy="32" r="25" />}
      {!props.still && <circle class="halo second" cx="32" cy="32" r="25" />}
      <path d="M17.2 26.2A16 16 0 1 1 17.2 37.8" stroke="#f6f3ea" />
      <path d="M4 32H41" stroke="#f0a83c" />
      <circle cx="56" cy="32" r="3" fill="#f0a83c" />
    </svg>
  );
}
