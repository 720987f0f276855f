import { useSignal } from '@preact/signals';
import { useEffect, useId } from 'preact/hooks';
import { api } from '../api/client.ts';
import type { Validation, ValidationPurpose } from '../api/types.ts';
import {
  countries,
  countryName,
  formatNumber,
  guessRegion,
  loadPhoneLibrary,
  understand,
} from '../format/number.ts';
import { texts } from '../texts/index.ts';
import { Button } from '../ui/button.tsx';
import { ErrorLine, Field } from '../ui/field.tsx';
import { useAction } from '../ui/use-action.ts';

/** Number and country; the library that understands them arrives while the person types. */
export function NumberField(props: {
  number: string;
  region: string;
  onNumber: (value: string) => void;
  onRegion: (value: string) => void;
  autoFocus?: boolean;
  explainCode?: boolean;
}) {
  const id = useId();
  useEffect(() => void loadPhoneLibrary(), []);
  const list = countries();
  const understood = understand(props.number, props.region);
  const hint =
    understood && props.explainCode
      ? texts.number.understood(
          formatNumber(understood.e164),
          countryName(understood.country ?? props.region),
        )
      : texts.number.hint;
  return (
    <>
      <div class="field">
        <label for={id}>{texts.number.country}</label>
        <select
          id={id}
          class="input"
          value={props.region}
          onChange={(event) => props.onRegion(event.currentTarget.value)}
          autocomplete="country"
        >
          {list.length === 0 && <option value={props.region}>{countryName(props.region)}</option>}
          {list.map((country) => (
            <option key={country.region} value={country.region}>
              {`${country.name} (+${country.callingCode})`}
            </option>
          ))}
        </select>
      </div>
      <Field
        label={texts.number.label}
        type="tel"
        inputMode="tel"
        autocomplete="tel"
        value={props.number}
        onInput={props.onNumber}
        hint={hint}
        autoFocus={props.autoFocus ?? false}
      />
    </>
  );
}

/** Asks for a number and starts its validation. */
export function NumberForm(props: {
  purpose: ValidationPurpose;
  submit: string;
  onStarted: (validation: Validation) => void;
}) {
  const number = useSignal('');
  const region = useSignal(guessRegion());
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    void action.run(async () => {
      const input = { number: number.value, region: region.value, purpose: props.purpose };
      props.onStarted(await api.startValidation(input));
    });
  };
  return (
    <form class="stack" noValidate onSubmit={submit}>
      <NumberField
        number={number.value}
        region={region.value}
        onNumber={(value) => {
          number.value = value;
          action.error.value = undefined;
        }}
        onRegion={(value) => {
          region.value = value;
          action.error.value = undefined;
        }}
        explainCode
        autoFocus
      />
      <ErrorLine text={action.error.value} />
      <Button type="submit" busy={action.busy.value || number.value.trim() === ''}>
        {props.submit}
      </Button>
    </form>
  );
}
