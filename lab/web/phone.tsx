import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Coverage } from '../src/model/types.ts';
import type { CarrierView, HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { CallControls } from './call-controls.tsx';
import { formatNumber } from './format.ts';
import { Keypad } from './keypad.tsx';
import { PhoneIcon } from './phone-icon.tsx';
import { PhoneScreen } from './phone-screen.tsx';
import { act } from './store.ts';

interface Props {
  handset: HandsetView;
  carriers: readonly CarrierView[];
  handsets: readonly HandsetView[];
  /** Shown where there is room for one phone only. */
  selected: boolean;
}

/** One handset with its SIM. */
export function Phone({ handset, carriers, handsets, selected }: Props) {
  const typed = useSignal('');
  const carrier = carriers.find((one) => one.id === handset.carrierId);
  const { number, call } = handset;
  useEffect(() => {
    typed.value = '';
  }, [call?.id]);
  const dial = () => {
    if (typed.value === '') return;
    void act(async () => {
      const result = await api.dial(number, typed.value);
      if (result.kind === 'service') typed.value = '';
    });
  };
  const press = (key: string) => {
    typed.value += key;
    if (call !== null && call.state !== 'setup') void act(() => api.pressKey(number, key));
  };
  return (
    <article class={`phone ${selected ? 'selected' : ''} ${handset.state}`} aria-label={handset.owner}>
      <header>
        <h2>{handset.owner}</h2>
        <p class="soft small num">{formatNumber(number)}</p>
      </header>
      <PhoneScreen handset={handset} carrierName={carrier?.name ?? ''} />
      {call === null ? (
        <form
          class="dialler"
          onSubmit={(event) => {
            event.preventDefault();
            dial();
          }}
        >
          <Suggestions
            handset={handset}
            carrier={carrier}
            handsets={handsets}
            onPick={(text) => (typed.value = text)}
          />
          <div class="entry">
            <input
              type="text"
              inputMode="tel"
              autocomplete="off"
              spellcheck={false}
              maxLength={64}
              placeholder="Number or code"
              aria-label={`Number or code to dial on ${handset.owner}`}
              value={typed.value}
              onInput={(event) => (typed.value = event.currentTarget.value)}
            />
            <button type="submit" class="round call" aria-label="Dial" disabled={typed.value === ''}>
              <PhoneIcon />
            </button>
          </div>
        </form>
      ) : (
        <CallControls handset={handset} />
      )}
      <details class="keys">
        <summary>Keypad</summary>
        <Keypad onPress={press} />
      </details>
      <CoverageSwitch handset={handset} />
    </article>
  );
}

interface SuggestionProps {
  handset: HandsetView;
  carrier: CarrierView | undefined;
  handsets: readonly HandsetView[];
  onPick: (text: string) => void;
}

/** What people will want to dial, so that nobody has to copy it. */
function Suggestions({ handset, carrier, handsets, onPick }: SuggestionProps) {
  const codes =
    carrier === undefined
      ? []
      : [
          { text: `**004*${carrier.cNumber}#`, label: 'Forward' },
          { text: '*#004#', label: 'Status' },
          { text: '##004#', label: 'Stop' },
        ];
  const numbers = handsets
    .filter((one) => one.role === 'own' && one !== handset)
    .map((one) => ({ text: one.number, label: one.owner }));
  return (
    <fieldset class="suggestions" aria-label="Fill in">
      {(handset.role === 'own' ? codes : numbers).map(({ text, label }) => (
        <button type="button" class="chip" key={text} title={text} onClick={() => onPick(text)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
}

const coverages: ReadonlyArray<{ value: Coverage; label: string }> = [
  { value: 'covered', label: 'In coverage' },
  { value: 'no-coverage', label: 'No coverage' },
  { value: 'off', label: 'Off' },
];

function CoverageSwitch({ handset }: { handset: HandsetView }) {
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">Network of {handset.owner}</legend>
      {coverages.map(({ value, label }) => (
        <label key={value} class={handset.coverage === value ? 'on' : ''}>
          <input
            type="radio"
            name={`coverage ${handset.number}`}
            checked={handset.coverage === value}
            onChange={() => void act(() => api.setCoverage(handset.number, value))}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
