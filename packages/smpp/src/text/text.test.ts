import fc from 'fast-check';
import smpp from 'smpp';
import { describe, expect, it } from 'vitest';
import { decodePdu, encodePdu } from '../pdu/pdu.ts';
import { decodeText, decodeUcs2, encodeUcs2 } from './coding.ts';
import { decodeGsm7, encodeGsm7 } from './gsm7.ts';
import { codingOf, encodeText, wholeOf } from './segments.ts';
import { readUserData, sarFields, udhFields } from './user-data.ts';

const gsmCharacters = [
  ...'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà',
  ...'\f^{}\\[~]|€',
];
const gsmText = fc.array(fc.constantFrom(...gsmCharacters), { maxLength: 700 }).map((list) => list.join(''));
const anyText = fc.string({ unit: 'grapheme', maxLength: 400 }).map((text) => text.toWellFormed());

/** As a handset does: the payloads of all parts, one after the other. */
const join = (parts: readonly Uint8Array[], coding: number) => decodeText(coding, Buffer.concat(parts));

describe('the GSM alphabet', () => {
  it('has each of its characters once, and comes back', () => {
    for (const character of gsmCharacters) {
      const octets = encodeGsm7(character);
      expect(octets, character).toBeDefined();
      expect(decodeGsm7(octets!)).toBe(character);
    }
    expect(new Set(gsmCharacters.map((one) => String(encodeGsm7(one)))).size).toBe(gsmCharacters.length);
  });

  it('is the one of another implementation', () => {
    fc.assert(
      fc.property(gsmText, (text) => {
        const ours = encodeGsm7(text)!;
        expect(Buffer.from(ours)).toEqual(smpp.gsmCoder.encode(text, 0));
        expect(smpp.gsmCoder.decode(ours, 0)).toBe(text);
      }),
    );
  });

  it.each(['ç', 'á', 'ş', 'क', '—', '“', '`', '😀', '\x1b', '\u0000'])('does not have %j', (character) => {
    expect(encodeGsm7(`a${character}`)).toBeUndefined();
  });

  it('reads any octets as some text', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        expect(decodeGsm7(octets).length).toBeLessThanOrEqual(octets.length);
      }),
    );
    // An escape that says nothing: the main table's character; at the end: a space.
    expect(decodeGsm7(Uint8Array.of(0x1b, 0x41, 0x1b))).toBe('A ');
    expect(decodeGsm7(Uint8Array.of(0x1b, 0x1b))).toBe(' ');
  });
});

describe('UCS-2', () => {
  it('brings every text back', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(decodeUcs2(encodeUcs2(text))).toBe(text);
      }),
    );
    expect([...encodeUcs2('€😀')]).toEqual([0x20, 0xac, 0xd8, 0x3d, 0xde, 0x00]);
  });

  it('reads any octets as well-formed text', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        expect(decodeUcs2(octets).isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('data_coding', () => {
  it.each([
    [0x00, 'é€'],
    [0x10, 'é€'],
    [0xf0, 'é€'],
    [0xf1, 'é€'],
    // As the package, and many SMS centres, call it.
    [0x01, 'a_b [1] €'],
  ])('%i is the GSM alphabet', (coding, text) => {
    expect(decodeText(coding, encodeGsm7(text)!)).toBe(text);
  });
  it.each([0x08, 0x18, 0x19, 0xe0])('%i is UCS-2', (coding) => {
    expect(decodeText(coding, encodeUcs2('héß'))).toBe('héß');
  });
  it.each([
    [0x01, 'plain'],
    [0x03, 'né'],
    [0x04, 'né'],
  ])('%i is octets of one character each', (coding, text) => {
    expect(decodeText(coding, Buffer.from(text, 'latin1'))).toBe(text);
  });
});

describe('a text in parts', () => {
  it('is one part as long as it fits', () => {
    expect(encodeText('')).toMatchObject({ alphabet: 'gsm7', parts: [new Uint8Array()] });
    expect(encodeText('a'.repeat(160)).parts).toHaveLength(1);
    expect(encodeText('a'.repeat(161)).parts.map((part) => part.length)).toEqual([153, 8]);
    expect(encodeText('€'.repeat(80)).parts).toHaveLength(1);
    expect(encodeText('я'.repeat(70)).parts).toHaveLength(1);
    expect(encodeText('я'.repeat(71)).parts.map((part) => part.length)).toEqual([134, 8]);
  });

  it('is GSM where it can be and UCS-2 for national letters', () => {
    expect(encodeText('Grüße, señor: [ok] 5 €').alphabet).toBe('gsm7');
    for (const text of ['João', 'कोड', 'ação', 'İstanbul', 'ok 👍'])
      expect(encodeText(text).alphabet).toBe('ucs2');
    expect(codingOf(encodeText('a'), 0)).toBe(0);
    expect(codingOf(encodeText('a'), 1)).toBe(1);
    expect(codingOf(encodeText('я'), 1)).toBe(8);
  });

  it('tears no character apart, neither escapes nor surrogates', () => {
    const escapes = encodeText(`${'a'.repeat(152)}${'€'.repeat(10)}`);
    expect(escapes.parts.map((part) => part.length)).toEqual([152, 20]);
    const faces = encodeText(`${'я'.repeat(66)}😀😀😀`);
    expect(faces.parts.map((part) => part.length)).toEqual([132, 12]);
    fc.assert(
      fc.property(fc.oneof(gsmText, anyText), (text) => {
        const encoded = encodeText(text);
        const coding = codingOf(encoded, 0);
        const limit = encoded.alphabet === 'gsm7' ? [160, 153] : [140, 134];
        for (const part of encoded.parts) {
          expect(part.length).toBeLessThanOrEqual(limit[encoded.parts.length > 1 ? 1 : 0]!);
        }
        expect(encoded.parts.map((part) => decodeText(coding, part)).join('')).toBe(text);
        expect(join(encoded.parts, coding)).toBe(text);
        expect(decodeText(coding, wholeOf(encoded))).toBe(text);
      }),
    );
  });
});

describe('user data', () => {
  const submit = (fields: Record<string, string | number | Uint8Array>) =>
    decodePdu(encodePdu({ command: 'deliver_sm', sequence: 1, fields }));

  it('comes back over the wire with its place in the message, by header and by parameters', () => {
    const place = fc.integer({ min: 2, max: 255 }).chain((parts) =>
      fc.record({
        parts: fc.constant(parts),
        part: fc.integer({ min: 1, max: parts }),
        reference: fc.integer({ min: 0, max: 255 }),
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 153 }),
        place,
        fc.constantFrom(0, 8),
        (payload, where, coding) => {
          const udh = readUserData(submit({ ...udhFields(payload, where), data_coding: coding }));
          expect({ ...udh, payload: [...udh.payload] }).toEqual({
            coding,
            payload: [...payload],
            concatenation: where,
          });
          const sar = readUserData(submit({ ...sarFields(payload, where), data_coding: coding }));
          expect(sar.concatenation).toEqual({ ...where, reference: 0x20000 | where.reference });
          expect([...sar.payload]).toEqual([...payload]);
        },
      ),
    );
  });

  it('reads 16-bit references, and other elements beside', () => {
    const header = Buffer.from([11, 0x05, 4, 0x23, 0xf4, 0, 0, 0x08, 4, 0x12, 0x34, 3, 2]);
    header[0] = header.length - 1;
    const pdu = submit({ esm_class: 0x40, short_message: Buffer.concat([header, Buffer.from('hi')]) });
    expect(readUserData(pdu)).toMatchObject({ concatenation: { reference: 0x11234, parts: 3, part: 2 } });
    expect(Buffer.from(readUserData(pdu).payload).toString()).toBe('hi');
  });

  it('reads message_payload where there is no short_message', () => {
    const pdu = submit({ message_payload: Buffer.from('x'.repeat(1000)), data_coding: 3 });
    expect(readUserData(pdu).payload).toHaveLength(1000);
  });

  it.each([
    ['part 0', [5, 0, 3, 1, 2, 0]],
    ['part beyond', [5, 0, 3, 1, 2, 3]],
    ['one part', [5, 0, 3, 1, 1, 1]],
    ['no element', [0]],
    ['too short', [9, 0, 3]],
  ])('ignores a header that makes no sense: %s', (_, header) => {
    const pdu = submit({ esm_class: 0x40, short_message: Buffer.from(header) });
    expect(readUserData(pdu).concatenation).toBeUndefined();
  });

  it('reads anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 254 }), fc.nat(255), fc.nat(255), (octets, esm, coding) => {
        const data = readUserData(submit({ esm_class: esm, short_message: octets, data_coding: coding }));
        expect(typeof decodeText(data.coding, data.payload)).toBe('string');
      }),
    );
  });
});
