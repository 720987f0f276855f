import {
  type CountryCode,
  getCountryCallingCode,
  isSupportedCountry,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';

/** Finds carriers by number. */
export interface NumberIndex<T> {
  find(e164: string): T | undefined;
}

/** Which numbers somebody serves. */
interface Serving {
  prefixes: readonly string[];
  ranges?: ReadonlyArray<{ from: string; to: string }> | undefined;
}

interface Range<T> {
  from: string;
  to: string;
  carrier: T;
  /** Digits that the ends have in common: the fewer numbers, the more it says. */
  weight: number;
}

/** By prefixes, the longest first, and ranges, which say as much as what their ends have in common. */
export function numberIndex<T extends Serving>(carriers: readonly T[]): NumberIndex<T> {
  const prefixes = new Map<string, T>();
  const ranges: Range<T>[] = [];
  for (const carrier of carriers) {
    for (const prefix of carrier.prefixes) if (!prefixes.has(prefix)) prefixes.set(prefix, carrier);
    for (const { from, to } of carrier.ranges ?? []) {
      ranges.push({ from, to, carrier, weight: commonLength(from, to) });
    }
  }
  ranges.sort((a, b) => b.weight - a.weight);
  const longest = Math.max(0, ...[...prefixes.keys()].map(({ length }) => length));
  return {
    find(e164) {
      const range = ranges.find(({ from, to }) => e164.length === from.length && e164 >= from && e164 <= to);
      for (let length = Math.min(longest, e164.length); length > (range?.weight ?? 0); length -= 1) {
        const carrier = prefixes.get(e164.slice(0, length));
        if (carrier) return carrier;
      }
      return range?.carrier;
    },
  };
}

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

/** Where a number is: the country, or where that cannot be told the country calling code. */
export interface NumberCountry {
  country: string | undefined;
  callingCode: string | undefined;
}

export function countryOf(e164: string): NumberCountry {
  const parsed = parsePhoneNumberFromString(e164);
  return { country: parsed?.country, callingCode: parsed?.countryCallingCode };
}

/** Numbers of which the country is not certain, such as +1 555 …, may be of each that has the calling code. */
export function sameCountry(country: string, number: NumberCountry): boolean {
  if (number.country !== undefined) return country === number.country;
  return (
    number.callingCode !== undefined &&
    isSupportedCountry(country) &&
    getCountryCallingCode(country as CountryCode) === number.callingCode
  );
}
