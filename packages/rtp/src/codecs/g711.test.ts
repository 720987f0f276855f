import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeALaw, decodeMuLaw, encodeALaw, encodeMuLaw, G711Codec } from './g711.ts';

const folder = resolve(import.meta.dirname, '../../../../../shared/vectors/g711');
const there = existsSync(folder);
if (!there) process.stderr.write(`skipped: ITU G.711 vectors, no ${folder}\n`);

/** The files hold 16-bit little-endian words, codes too. */
function words(name: string): Int16Array {
  const bytes = readFileSync(resolve(folder, name));
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

describe.skipIf(!there)('ITU-T G.191 sweep', () => {
  const laws = [
    {
      encode: encodeALaw,
      decode: decodeALaw,
      codes: 'sweep-r.a',
      decoded: 'sweep-r.a-a',
      both: 'sweep-r.rea',
    },
    {
      encode: encodeMuLaw,
      decode: decodeMuLaw,
      codes: 'sweep-r.u',
      decoded: 'sweep-r.u-u',
      both: 'sweep-r.reu',
    },
  ];
  test.each(laws)('$codes: codes, decoded and re-decoded values are bit-exact', (law) => {
    const source = words('sweep.src');
    const codes = new Uint8Array(source.length);
    law.encode(source, codes);
    expect(Buffer.compare(codes, Uint8Array.from(words(law.codes)))).toBe(0);
    const decoded = new Int16Array(source.length);
    law.decode(codes, decoded);
    expect(decoded).toEqual(words(law.decoded));
    expect(decoded).toEqual(words(law.both));
  });
});

describe('G.711', () => {
  test.each([
    ['PCMA' as const, encodeALaw, decodeALaw],
    ['PCMU' as const, encodeMuLaw, decodeMuLaw],
  ])('%s: every code survives decoding and encoding', (_name, encode, decode) => {
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const pcm = new Int16Array(256);
    const again = new Uint8Array(256);
    decode(codes, pcm);
    encode(pcm, again);
    // µ-law has two zeros; both decode to 0, which encodes as the positive one.
    const expected = encode === encodeMuLaw ? codes.map((code) => (code === 0x7f ? 0xff : code)) : codes;
    expect([...again]).toEqual([...expected]);
  });

  test('a payload that cannot be is concealed and does not throw', () => {
    const codec = new G711Codec('PCMA');
    const out = new Int16Array(960);
    expect(codec.decode(new Uint8Array(0), out)).toBe(160);
    expect(codec.decode(new Uint8Array(5000), out)).toBe(160);
  });

  test('a lost frame in a tone is filled with that tone, and a long loss fades to silence', () => {
    const codec = new G711Codec('PCMU');
    const tone = Int16Array.from({ length: 480 }, (_, i) => 8000 * Math.sin((2 * Math.PI * 200 * i) / 8000));
    const payload = new Uint8Array(480);
    codec.encode(tone, payload);
    const out = new Int16Array(960);
    codec.decode(payload, out);
    expect(codec.decode(undefined, out)).toBe(160);
    expect(Math.max(...out.subarray(0, 80))).toBeGreaterThan(6000);
    for (let i = 0; i < 3; i++) codec.decode(undefined, out);
    expect(out.subarray(0, 160).every((sample) => sample === 0)).toBe(true);
  });
});
