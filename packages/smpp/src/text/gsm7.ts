/** The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038 section 6.2.1), one septet per octet. */
const alphabet =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

const escapeSeptet = 0x1b;
const extension: ReadonlyArray<readonly [number, string]> = [
  [0x0a, '\f'],
  [0x14, '^'],
  [0x28, '{'],
  [0x29, '}'],
  [0x2f, '\\'],
  [0x3c, '['],
  [0x3d, '~'],
  [0x3e, ']'],
  [0x40, '|'],
  [0x65, '€'],
];

const septetOf = new Map([...alphabet].map((character, septet) => [character, septet]));
septetOf.delete('\x1b');
const extensionSeptetOf = new Map(extension.map(([septet, character]) => [character, septet]));
const extensionCharacterOf = new Map(extension);

/** The septets of one character: one, or two with the escape. `undefined` when the alphabet has no such character. */
export function septetsOf(character: string): readonly number[] | undefined {
  const plain = septetOf.get(character);
  if (plain !== undefined) return [plain];
  const extended = extensionSeptetOf.get(character);
  return extended === undefined ? undefined : [escapeSeptet, extended];
}

/** @returns `undefined` when a character is not in the alphabet: then it has to be UCS-2 */
export function encodeGsm7(text: string): Uint8Array | undefined {
  const septets: number[] = [];
  for (const character of text) {
    const own = septetsOf(character);
    if (own === undefined) return undefined;
    septets.push(...own);
  }
  return Uint8Array.from(septets);
}

/**
 * An escape before what the extension table does not have is shown as the character of the main table, and one at the
 * end as a space (TS 23.038 section 6.2.1.1). Octets beyond 7 bits lose their highest one.
 */
export function decodeGsm7(octets: Uint8Array): string {
  let text = '';
  for (let at = 0; at < octets.length; at += 1) {
    const septet = (octets[at] ?? 0) & 0x7f;
    if (septet !== escapeSeptet) {
      text += alphabet[septet];
      continue;
    }
    at += 1;
    const next = octets[at];
    if (next === undefined) return `${text} `;
    const plain = (next & 0x7f) === escapeSeptet ? ' ' : alphabet[next & 0x7f];
    text += extensionCharacterOf.get(next & 0x7f) ?? plain;
  }
  return text;
}
