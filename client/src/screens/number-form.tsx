import { useEffect, useId } from 'preact/hooks';
import { countries, countryName, formatNumber, loadPhoneLibrary, understand } from '../format/number.ts';
import { texts } from '../texts/index.ts';
import { Field } from '../ui/field.tsx';

/** Number and country; the library that understands them arrives while the person types. */
export function NumberField(props: {
  number: string;
  region: string;
  onNumber: (value: string) => void;
  onRegion: (value: string) => void;
  autoFocus?: boolean;
  /** Says how the number was understood, before anything is done with it. */
  explain?: boolean;
}) {
  const id = useId();
  useEffect(() => void loadPhoneLibrary(), []);
  const list = countries();
  const understood = understand(props.number, props.region);
  const hint =
    understood && props.explain
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
