import { randomBytes } from 'node:crypto';

/**
 * Ids of messages that came over SMPP. Of each part the answer tells a hexadecimal id and the receipt the same number in
 * decimal, as SMS centres do it. A part's number is 48 random bits of the message and, behind them, its place in it.
 */
const prefix = 'smpp-';

/** A new message of the centre. */
export const newMessage = (): string => randomBytes(6).toString('hex');

/** As submit_sm_resp tells it. */
export const partId = (message: string, part: number): string =>
  `${message}${part.toString(16).padStart(2, '0')}`.toUpperCase();

/** The id of a whole message in the centre's list. */
export const recordId = (message: string, parts: number): string => `${prefix}${message}-${parts}`;

/** The ids of its parts as receipts tell them; none when it did not come over SMPP. */
export function receiptIds(record: string): string[] {
  const match = /^smpp-([0-9a-f]{12})-(\d+)$/.exec(record);
  if (!match) return [];
  const [, message = '', parts = '0'] = match;
  return Array.from({ length: Number(parts) }, (_, index) =>
    BigInt(`0x${partId(message, index + 1)}`).toString(),
  );
}
