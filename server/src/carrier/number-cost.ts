import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

/** What the callee earns by, or the caller pays for: whoever owns such a number has us called to be paid for it. */
const dear = new Set(['PREMIUM_RATE', 'SHARED_COST']);

/** Whether calls and SMS to this E.164 number cost more than to a telephone, by its numbering plan. */
export function costsExtra(number: string): boolean {
  const type = parsePhoneNumberFromString(number)?.getType();
  return type !== undefined && dear.has(type);
}
