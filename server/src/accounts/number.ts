import { type CountryCode, isSupportedCountry, parsePhoneNumberWithError } from 'libphonenumber-js/max';
import { Problem } from '../problem.ts';

/**
 * A telephone number in any human form → E.164. `region` (ISO 3166) is where a number without + is from.
 *
 * A number is accepted when its length is possible in its numbering plan: the finer check against assigned ranges
 * refuses new and fictitious ranges, and the code sent to the number proves that it exists anyway.
 * @throws Problem `not-a-number`
 */
export function toE164(input: string, region?: string): string {
  const text = input.normalize('NFKC').trim().replace(/^tel:/i, '');
  const country = text.startsWith('+') ? undefined : region?.toUpperCase();
  if (country !== undefined && !isSupportedCountry(country)) {
    throw notANumber('The region is not known. Use two letters such as US or GB.');
  }
  // Without a region, 00 is the international prefix nearly everywhere (ITU-T E.123).
  const international = country === undefined ? text.replace(/^00/, '+') : text;
  if (country === undefined && !international.startsWith('+')) {
    throw notANumber('Begin with + and the country code, such as +1 415 555 0101.');
  }
  return parse(international, country as CountryCode | undefined);
}

function parse(text: string, country: CountryCode | undefined): string {
  let number: ReturnType<typeof parsePhoneNumberWithError>;
  try {
    number = parsePhoneNumberWithError(text, {
      extract: false,
      ...(country ? { defaultCountry: country } : {}),
    });
  } catch (error) {
    throw notANumber('Check the digits and the country code, such as +1 415 555 0101.', error);
  }
  if (number.ext) throw notANumber('Leave the extension out.');
  if (!number.isPossible()) throw notANumber('It has too many or too few digits for its country.');
  return number.number;
}

function notANumber(detail: string, cause?: unknown): Problem {
  return new Problem('not-a-number', detail, { cause });
}
