import type { Signal } from '@preact/signals';
import type { CarrierView, HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { PhoneIcon } from './phone-icon.tsx';
import { act } from './store.ts';

interface Props {
  handset: HandsetView;
  carrier: CarrierView | undefined;
  handsets: readonly HandsetView[];
  typed: Signal<string>;
}

/** Long enough to be heard as one ring. */
const missedCallMs = 1500;

/** Dials a number or a code, or places a missed call. */
export function Dialler({ handset, carrier, handsets, typed }: Props) {
  const { number, owner } = handset;
  const dial = (ringMs?: number) => {
    if (typed.value === '') return;
    void act(async () => {
      const result = await api.dial(number, typed.value, ringMs);
      if (result.kind === 'service') typed.value = '';
    });
  };
  return (
    <form
      class="dialler"
      onSubmit={(event) => {
        event.preventDefault();
        dial();
      }}
    >
      <fieldset class="suggestions" aria-label="Fill in">
        {suggestions(handset, carrier, handsets).map(({ text, label }) => (
          <button type="button" class="chip" key={text} title={text} onClick={() => (typed.value = text)}>
            {label}
          </button>
        ))}
      </fieldset>
      <div class="entry">
        <input
          type="text"
          inputMode="tel"
          autocomplete="off"
          spellcheck={false}
          maxLength={64}
          placeholder="Number or code"
          aria-label={`Number or code to dial on ${owner}`}
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        <button type="submit" class="round call" aria-label="Dial" disabled={typed.value === ''}>
          <PhoneIcon />
        </button>
      </div>
      <button
        type="button"
        class="missed"
        disabled={!/^[+#]?[\d\s().#-]{3,}$/.test(typed.value)}
        onClick={() => dial(missedCallMs)}
      >
        Let it ring once, and hang up
      </button>
    </form>
  );
}

interface Suggestion {
  text: string;
  label: string;
}

/** What people will want to dial, so that nobody has to copy it. */
function suggestions(
  handset: HandsetView,
  carrier: CarrierView | undefined,
  handsets: readonly HandsetView[],
): Suggestion[] {
  if (handset.role === 'own') return carrier === undefined ? [] : codesOf(carrier);
  return handsets
    .filter((one) => one.role === 'own' && one !== handset)
    .map((one) => ({ text: one.number, label: one.owner.replace(/^Your /, '') }));
}

function codesOf({ family, cNumber, serviceNumbers }: CarrierView): Suggestion[] {
  const codes =
    family === 'cdma'
      ? [
          { text: `*71${cNumber.replace(/^\+1/, '')}`, label: 'Forward' },
          { text: '*73', label: 'Stop' },
        ]
      : [
          { text: `**004*${cNumber}#`, label: 'Forward' },
          { text: '*#004#', label: 'Status' },
          { text: '##004#', label: 'Stop' },
        ];
  const [missed] = serviceNumbers;
  return missed === undefined ? codes : [...codes, { text: missed, label: 'Missed call' }];
}
