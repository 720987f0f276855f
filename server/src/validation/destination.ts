import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

/**
 * The country that an E.164 number is in, by which sends are limited: +1 alone is two dozen of them, and the dear ones
 * are why anybody pumps SMS. A number of no range that is known counts for the largest country of its code. What belongs to no country (satellites, +8xx) goes by its calling code, such as +881.
 */
export function destinationOf(number: string): string {
  const parsed = parsePhoneNumberFromString(number);
  if (!parsed) return number.slice(0, 3);
  return parsed.country ?? parsed.getPossibleCountries()[0] ?? `+${parsed.countryCallingCode}`;
}
