import { signal } from '@preact/signals';
import type { CountryCode } from 'libphonenumber-js';
import { locale } from '../texts/index.ts';

type PhoneLibrary = typeof import('libphonenumber-js/min');

/** The number library, once loaded. It is large, so screens are drawn without it first and then again with it. */
export const phoneLibrary = signal<PhoneLibrary | undefined>(undefined);

let loading: Promise<PhoneLibrary> | undefined;

export function loadPhoneLibrary(): Promise<PhoneLibrary> {
  loading ??= import('libphonenumber-js/min').then((library) => {
    phoneLibrary.value = library;
    return library;
  });
  return loading;
}

/** An E.164 number as people write it, `+44 7700 900123`; unchanged when it is none or the library is not there yet. */
export function formatNumber(e164: string): string {
  const library = phoneLibrary.value;
  if (!library) return e164;
  return library.parsePhoneNumberFromString(e164)?.formatInternational() ?? e164;
}

/** The same for running text: it does not break at the end of a line. */
export function unbroken(e164: string): string {
  return formatNumber(e164).replaceAll(' ', '\u00a0');
}

/** Country of an E.164 number as ISO 3166 code; undefined when unknown. */
export function countryOf(e164: string): string | undefined {
  return phoneLibrary.value?.parsePhoneNumberFromString(e164)?.country;
}

/** What somebody typed, understood: E.164 and country, or undefined as long as it is no possible number. */
export function understand(
  text: string,
  region: string,
): { e164: string; country: string | undefined } | undefined {
  const library = phoneLibrary.value;
  const parsed = library?.parsePhoneNumberFromString(text, region as CountryCode);
  return parsed?.isPossible() ? { e164: parsed.number, country: parsed.country } : undefined;
}

/** The country that a person most likely means when they leave the country code away. */
export function guessRegion(languages: readonly string[] = navigator.languages): string {
  for (const language of languages) {
    const region = new Intl.Locale(language).region;
    if (region) return region;
  }
  for (const language of languages) {
    const region = new Intl.Locale(language).maximize().region;
    if (region) return region;
  }
  return 'US';
}

let regionNames: { locale: string | undefined; names: Intl.DisplayNames } | undefined;

/** The country's name in the language in use. */
export function countryName(region: string): string {
  if (!regionNames || regionNames.locale !== locale) {
    regionNames = { locale, names: new Intl.DisplayNames(locale, { type: 'region' }) };
  }
  try {
    return regionNames.names.of(region) ?? region;
  } catch {
    return region;
  }
}

/** Every country with its calling code, by name; empty until the library is there. */
export function countries(): Array<{ region: string; name: string; callingCode: string }> {
  const library = phoneLibrary.value;
  if (!library) return [];
  return library
    .getCountries()
    .map((region) => ({
      region,
      name: countryName(region),
      callingCode: library.getCountryCallingCode(region),
    }))
    .sort((a, b) => a.name.localeCompare(b.name, locale));
}
