import type { Signal } from '@preact/signals';
import type { CarrierView, HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { clockTime, formatNumber } from './format.ts';
import { SmsText } from './sms-text.tsx';
import { act, snapshot } from './store.ts';

/** Every SMS of a handset, both ways, newest first: for its screen. */
export function SmsList({ handset }: { handset: HandsetView }) {
  const { number, inbox } = handset;
  const sent = (snapshot.value?.sms ?? []).filter((one) => one.origin === 'handset' && one.from === number);
  const all = [
    ...inbox.map(({ id, from, text, deliveredAt }) => ({ id, peer: from, text, at: deliveredAt, state: '' })),
    ...sent.map(({ id, to, text, acceptedAt, state }) => ({ id, peer: to, text, at: acceptedAt, state })),
  ].sort((a, b) => b.at - a.at);
  if (all.length === 0) return <p class="soft idle">No messages</p>;
  return (
    <>
      <ul class="sms-list">
        {all.map(({ id, peer, text, at, state }) => (
          <li key={`${id} ${state === ''}`} class={`sms ${state === '' ? '' : 'sent'}`}>
            <p class="small soft">
              {state === '' ? '' : 'To '}
              {formatNumber(peer)} · {clockTime(at)}
              {state !== '' && ` · ${sentWords[state]}`}
            </p>
            <SmsText text={text} />
          </li>
        ))}
      </ul>
      {inbox.length > 0 && (
        <button type="button" class="link" onClick={() => void act(() => api.clearInbox(number))}>
          Delete received
        </button>
      )}
    </>
  );
}

const sentWords: Readonly<Record<string, string>> = {
  stored: 'on its way',
  delivered: 'delivered',
  failed: 'not delivered',
};

interface FormProps {
  handset: HandsetView;
  carrier: CarrierView | undefined;
  handsets: readonly HandsetView[];
  to: Signal<string>;
  text: Signal<string>;
}

/** Writes an SMS to any number. */
export function SmsForm({ handset, carrier, handsets, to, text }: FormProps) {
  const send = async () => {
    if (await act(() => api.sendSms(handset.number, to.value, text.value))) text.value = '';
  };
  const others = [
    ...(carrier?.smsNumber ? [{ label: 'Ringthrough', number: carrier.smsNumber }] : []),
    ...handsets
      .filter((one) => one !== handset && one.carrierId === handset.carrierId)
      .map(({ owner, number }) => ({ label: owner, number })),
  ];
  return (
    <form
      class="sms-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <fieldset class="suggestions" aria-label="Send to">
        {others.map(({ label, number }) => (
          <button type="button" class="chip" key={number} title={number} onClick={() => (to.value = number)}>
            {label}
          </button>
        ))}
      </fieldset>
      <input
        type="text"
        inputMode="tel"
        autocomplete="off"
        maxLength={32}
        placeholder="To number"
        aria-label={`Number that gets the SMS of ${handset.owner}`}
        value={to.value}
        onInput={(event) => (to.value = event.currentTarget.value)}
      />
      <div class="entry">
        <textarea
          rows={2}
          maxLength={2000}
          placeholder="Text"
          aria-label={`Text of the SMS of ${handset.owner}`}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <button type="submit" class="send" disabled={to.value === '' || text.value === ''}>
          Send
        </button>
      </div>
    </form>
  );
}
