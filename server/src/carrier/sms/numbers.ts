import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';

/**
 * A number as an SMS centre writes it, in E.164: with a plus, without one, or as it is dialled in the country of the
 * carrier. What is none (a short code, the name of a sender) stays as it is.
 * @param country ISO 3166
 * @param international it says that country code and number are there (SMPP: TON 1)
 */
export function normaliseNumber(written: string, country: string, international = false): string {
  const text = written.trim();
  // Short codes are no numbers of anybody.
  if (!/^\+?[\d\s().-]+$/.test(text) || text.replace(/\D/g, '').length < 7) return text;
  const whole = parsed(text.startsWith('+') ? text : `+${text}`);
  if (international || text.startsWith('+')) return whole ?? text;
  return parsed(text, country) ?? whole ?? text;
}

function parsed(text: string, country?: string): string | undefined {
  const number = parsePhoneNumberFromString(text, country as CountryCode | undefined);
  // Possible is enough: lists of valid ranges lag behind, and the lab's numbers are in none.
  return number?.isPossible() ? number.number : undefined;
}
