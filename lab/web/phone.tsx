import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Coverage } from '../src/model/types.ts';
import type { CarrierView, HandsetView } from '../src/views.ts';
import { api } from './api.ts';
import { CallControls } from './call-controls.tsx';
import { Dialler } from './dialler.tsx';
import { formatNumber } from './format.ts';
import { Keypad } from './keypad.tsx';
import { PhoneScreen } from './phone-screen.tsx';
import { SmsForm } from './sms-app.tsx';
import { act, handOver } from './store.ts';

interface Props {
  handset: HandsetView;
  carrier: CarrierView | undefined;
  handsets: readonly HandsetView[];
  /** Shown where there is room for one phone only, and the one that links hand things to. */
  selected: boolean;
}

/** One handset with its SIM. */
export function Phone({ handset, carrier, handsets, selected }: Props) {
  const typed = useSignal('');
  const pressed = useSignal('');
  const showsSms = useSignal(false);
  const smsTo = useSignal('');
  const smsText = useSignal('');
  const { number, call } = handset;
  useEffect(() => {
    typed.value = '';
    pressed.value = '';
    // A call comes before everything else.
    if (call !== null) showsSms.value = false;
  }, [call?.id]);
  const wish = handOver.value;
  useEffect(() => {
    if (wish === undefined || !(wish.handset === number || (wish.handset === undefined && selected))) return;
    showsSms.value = wish.kind === 'sms';
    if (wish.kind === 'dial') typed.value = wish.text;
    else {
      smsTo.value = wish.to;
      smsText.value = wish.text;
    }
    handOver.value = undefined;
  }, [wish, selected]);
  const press = (key: string) => {
    if (call === null) typed.value += key;
    else if (call.state !== 'setup') {
      pressed.value += key;
      void act(() => api.pressKey(number, key));
    }
  };
  return (
    <article class={`phone ${selected ? 'selected' : ''} ${handset.state}`} aria-label={handset.owner}>
      <header>
        <h2>{handset.owner}</h2>
        <p class="soft small num">{formatNumber(number)}</p>
      </header>
      <PhoneScreen handset={handset} carrierName={carrier?.name ?? ''} showsSms={showsSms.value} />
      <fieldset class="apps" aria-label={`On ${handset.owner}`}>
        <button type="button" aria-pressed={!showsSms.value} onClick={() => (showsSms.value = false)}>
          Phone
        </button>
        <button type="button" aria-pressed={showsSms.value} onClick={() => (showsSms.value = true)}>
          SMS{handset.inbox.length > 0 && ` · ${handset.inbox.length}`}
        </button>
      </fieldset>
      {showsSms.value ? (
        <SmsForm handset={handset} carrier={carrier} handsets={handsets} to={smsTo} text={smsText} />
      ) : call === null ? (
        <Dialler handset={handset} carrier={carrier} handsets={handsets} typed={typed} />
      ) : (
        <CallControls handset={handset} pressed={pressed.value} />
      )}
      {!showsSms.value && (
        <details class="keys" open={call?.direction === 'incoming' && call.state === 'active'}>
          <summary>Keypad</summary>
          <Keypad onPress={press} />
        </details>
      )}
      <CoverageSwitch handset={handset} />
    </article>
  );
}

const coverages: ReadonlyArray<{ value: Coverage; label: string }> = [
  { value: 'covered', label: 'In coverage' },
  { value: 'no-coverage', label: 'No coverage' },
  { value: 'roaming-off', label: 'Roaming off' },
  { value: 'sim-out', label: 'SIM out' },
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
