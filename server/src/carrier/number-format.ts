import { formatUri, type SipUri } from '@ringthrough/sip';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { TrunkConfig } from '../config.ts';

export type NumberFormat = NonNullable<TrunkConfig['numberFormat']>;

/**
 * A number as a trunk wants it: `+4930123456`, `4930123456`, or as it is dialled in the country of the carrier:
 * `030123456` at home, `00…` or `011…` before others.
 * @param e164 with its plus
 * @param country ISO 3166
 */
export function formatNumber(e164: string, format: NumberFormat, country: string): string {
  if (format === 'e164') return e164;
  if (format === 'e164-no-plus') return e164.slice(1);
  const parsed = parsePhoneNumberFromString(e164);
  if (!parsed) return e164;
  const code = country as CountryCode;
  const home = parsed.country === code || (parsed.country === undefined && isOfCountry(e164, code));
  const text = home ? parsed.formatNational() : parsed.format('IDD', { fromCountry: code });
  return text.replace(/\D/g, '');
}

/** Numbers of a calling code that several countries share may belong to none of them for sure. */
function isOfCountry(e164: string, country: CountryCode): boolean {
  const home = parsePhoneNumberFromString(e164, country);
  return home?.getPossibleCountries().includes(country) ?? false;
}

export interface NumberUriOptions {
  format: NumberFormat;
  country: string;
  scheme: 'sip' | 'tel';
  /** Behind the number, in a SIP URI. */
  host: string;
  port?: number | undefined;
  userPhone: boolean;
}

/** The URI of a number: RFC 3966, or RFC 3261 section 19.1.6. National numbers of a tel URI have their context. */
export function numberUri(e164: string, options: NumberUriOptions): string {
  const { format, country, scheme, host, port, userPhone } = options;
  const user = formatNumber(e164, format, country);
  const params = new Map<string, string | undefined>();
  if (scheme === 'tel') {
    // RFC 3966 section 5.1.4: a number without a plus is local, and local to somewhere.
    if (!user.startsWith('+')) params.set('phone-context', host);
    return formatUri({ scheme, user, host: '', params, headers: new Map() });
  }
  if (userPhone) params.set('user', 'phone');
  const uri: SipUri = { scheme, user, host, params, headers: new Map() };
  if (port !== undefined) uri.port = port;
  return formatUri(uri);
}
