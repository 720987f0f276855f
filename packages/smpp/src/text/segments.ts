import { encodeUcs2, ucs2Coding } from './coding.ts';
import { encodeGsm7, septetsOf } from './gsm7.ts';

/** A message as it goes over the wire: one part, or several that the handset joins. */
export interface EncodedText {
  alphabet: 'gsm7' | 'ucs2';
  /** Without headers, in order; never empty. */
  parts: readonly Uint8Array[];
}

/** A handset counts parts in one octet. */
export const maxParts = 255;

/** What fits into one SMS of 140 octets, and beside the six octets of a concatenation header (TS 23.040 9.2.3.24.1). */
const room = {
  gsm7: { alone: 160, joined: 153 },
  ucs2: { alone: 140, joined: 134 },
} as const;

/** In the GSM alphabet if every character is in it, otherwise in UCS-2; cut where no character is torn. */
export function encodeText(text: string): EncodedText {
  const septets = encodeGsm7(text);
  if (septets) return { alphabet: 'gsm7', parts: cut(septets, gsmUnits(text), room.gsm7) };
  return { alphabet: 'ucs2', parts: cut(encodeUcs2(text), ucs2Units(text), room.ucs2) };
}

/** data_coding of it. @param gsmCoding what the SMS centre takes for the GSM alphabet: 0 (its default), or 1 */
export const codingOf = ({ alphabet }: EncodedText, gsmCoding: number): number =>
  alphabet === 'gsm7' ? gsmCoding : ucs2Coding;

/** All of it in one piece, for message_payload. */
export const wholeOf = ({ parts }: EncodedText): Uint8Array => Buffer.concat(parts);

/** Lengths of what must stay together: a character with its escape, a surrogate pair. */
const gsmUnits = (text: string): number[] =>
  Array.from(text, (character) => septetsOf(character)?.length ?? 0);
const ucs2Units = (text: string): number[] => Array.from(text, (character) => character.length * 2);

function cut(
  octets: Uint8Array,
  units: readonly number[],
  { alone, joined }: { alone: number; joined: number },
): Uint8Array[] {
  if (octets.length <= alone) return [octets];
  const parts: Uint8Array[] = [];
  let begin = 0;
  let end = 0;
  for (const unit of units) {
    if (end + unit - begin > joined) {
      parts.push(octets.subarray(begin, end));
      begin = end;
    }
    end += unit;
  }
  parts.push(octets.subarray(begin, end));
  return parts;
}
