import { parseUri } from '@ringthrough/sip';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { TrunkConfig } from '../config.ts';

/** How a trunk writes numbers. */
export type NumberFormat = NonNullable<TrunkConfig['numberFormat']>;

const e164 = /^\+[1-9]\d{6,14}$/;

/**
 * A number as trunks write it, in E.164; undefined when it is none.
 * @param text international or national digits, visual separators and telephone-uri parameters (RFC 3966) allowed
 * @param country ISO 3166 code of the carrier, for numbers in national form
 * @param format `e164-no-plus`: digits without a plus, and without a leading zero, are an international number
 */
export function toE164(text: string, country: string, format?: NumberFormat): string | undefined {
  const number = (text.split(';')[0] ?? '').replace(/[\s().-]/g, '');
  if (e164.test(number)) return number;
  if (format === 'e164-no-plus' && e164.test(`+${number}`)) return `+${number}`;
  if (!/^\+?\d{3,20}$/.test(number)) return undefined;
  const parsed = parsePhoneNumberFromString(number, country as CountryCode);
  return parsed?.isPossible() ? parsed.number : undefined;
}

/** The number in a sip, sips or tel URI, in E.164. */
export function numberOfUri(
  uri: string | undefined,
  country: string,
  format?: NumberFormat,
): string | undefined {
  const parsed = uri === undefined ? undefined : parseUri(uri);
  if (parsed?.user === undefined) return undefined;
  // RFC 3966 section 5.1.5: of a tel URI it is a parameter; in a SIP URI it is in the user part.
  const context = parsed.params.get('phone-context') ?? /;phone-context=([^;]*)/i.exec(parsed.user)?.[1];
  const number = parsed.user.split(';')[0] ?? '';
  const local = context?.startsWith('+') === true && !number.startsWith('+');
  return toE164(local ? `${context}${number}` : number, country, format);
}
