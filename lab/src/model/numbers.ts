/** International prefixes people dial instead of `+` (ITU-T E.164 national annexes). */
const internationalPrefixes: Readonly<Record<string, string>> = { '+1': '011' };
const defaultInternationalPrefix = '00';

/**
 * Completes what was typed on a handset to E.164, as the subscriber's own switch does: `+…`, the international
 * prefix, the national trunk prefix `0`, or a plain national number.
 * @returns `undefined` when it is no dialable number.
 */
export function toE164(dialled: string, countryPrefix: string): string | undefined {
  const digits = dialled.replace(/[\s().-]/g, '');
  if (!/^\+?[0-9]{3,15}$/.test(digits)) return undefined;
  if (digits.startsWith('+')) return digits;
  const international = internationalPrefixes[countryPrefix] ?? defaultInternationalPrefix;
  if (digits.startsWith(international)) return asE164(`+${digits.slice(international.length)}`);
  const national = digits.startsWith('0') ? digits.slice(1) : digits;
  const code = countryPrefix.slice(1);
  // In North America the trunk prefix is the country code itself: 1 415 555 0101.
  if (countryPrefix === '+1' && national.length === 11 && national.startsWith(code)) return `+${national}`;
  return asE164(`${countryPrefix}${national}`);
}

function asE164(number: string): string | undefined {
  return /^\+[1-9][0-9]{3,14}$/.test(number) ? number : undefined;
}
