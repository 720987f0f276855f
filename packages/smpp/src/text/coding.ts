import { decodeGsm7 } from './gsm7.ts';

/** data_coding of UCS-2 (SMPP 3.4 section 5.2.19). */
export const ucs2Coding = 0x08;

type Alphabet = 'gsm7' | 'ascii' | 'latin1' | 'ucs2' | 'octets';

/** Big-endian; characters beyond the BMP as surrogate pairs, as every handset of today reads them. */
export function encodeUcs2(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16();
}

export function decodeUcs2(octets: Uint8Array): string {
  // An odd octet at the end is half a character.
  const even = Buffer.from(octets.subarray(0, octets.length & ~1));
  return even.swap16().toString('utf16le').toWellFormed();
}

/** The words of a message. What is no text (binary, unknown codings) is read as Latin-1. */
export function decodeText(coding: number, octets: Uint8Array): string {
  const alphabet = alphabetOf(coding);
  switch (alphabet === 'ascii' && isGsm(octets) ? 'gsm7' : alphabet) {
    case 'gsm7':
      return decodeGsm7(octets);
    case 'ucs2':
      return decodeUcs2(octets);
    case 'ascii':
      return Buffer.from(octets).toString('ascii');
    case 'latin1':
    case 'octets':
      return Buffer.from(octets).toString('latin1');
  }
}

/** Many SMS centres call the GSM alphabet IA5 (1). Nobody writes control characters: `@`, `$`, `_` and the escape are there. */
const isGsm = (octets: Uint8Array): boolean =>
  octets.some((octet) => octet < 0x20 && octet !== 0x09 && octet !== 0x0a && octet !== 0x0d);

function alphabetOf(coding: number): Alphabet {
  if (coding === 0x00) return 'gsm7';
  if (coding === 0x01) return 'ascii';
  if (coding === 0x03) return 'latin1';
  if (coding === ucs2Coding) return 'ucs2';
  // As a GSM data coding scheme (TS 23.038 section 4): with a message class, or a message waiting.
  const group = coding >> 4;
  if (group === 0x1) return ([`gsm7`, 'octets', 'ucs2', 'octets'] as const)[(coding >> 2) & 3] ?? 'octets';
  if (group === 0xf) return (coding & 0x04) === 0 ? 'gsm7' : 'octets';
  if (group === 0xc || group === 0xd) return 'gsm7';
  if (group === 0xe) return 'ucs2';
  return 'octets';
}
