import type { AudioCodec } from './audio-codec.ts';
import { Concealment } from './concealment.ts';

/** G.711 by table: bit-exact with ITU-T G.191's reference (`alaw_compress`, `ulaw_compress` and their inverses). */

/** A-law code of a 13-bit value, indexed by the upper 12 bits of the sample. */
const aLawCode = new Uint8Array(4096);
/** µ-law code of a 14-bit value, indexed by the upper 14 bits of the sample. */
const muLawCode = new Uint8Array(16384);
const aLawValue = new Int16Array(256);
const muLawValue = new Int16Array(256);

for (let i = 0; i < 4096; i++) aLawCode[i] = compressALaw((i << 20) >> 16);
for (let i = 0; i < 16384; i++) muLawCode[i] = compressMuLaw((i << 18) >> 16);
for (let code = 0; code < 256; code++) {
  aLawValue[code] = expandALaw(code);
  muLawValue[code] = expandMuLaw(code);
}

function compressALaw(sample: number): number {
  // G.191 takes the one's complement of negative values: −1 is as far from the centre as 0.
  let value = (sample < 0 ? ~sample : sample) >> 4;
  if (value > 15) {
    let exponent = 1;
    while (value > 31) {
      value >>= 1;
      exponent++;
    }
    value = value - 16 + (exponent << 4);
  }
  return (sample >= 0 ? value | 0x80 : value) ^ 0x55;
}

function expandALaw(code: number): number {
  const bits = code ^ 0x55;
  const exponent = (bits & 0x7f) >> 4;
  let mantissa = bits & 0x0f;
  if (exponent > 0) mantissa += 16;
  mantissa = (mantissa << 4) + 8;
  if (exponent > 1) mantissa <<= exponent - 1;
  return bits > 127 ? mantissa : -mantissa;
}

function compressMuLaw(sample: number): number {
  const magnitude = Math.min(((sample < 0 ? ~sample : sample) >> 2) + 33, 0x1fff);
  let segment = 1;
  for (let rest = magnitude >> 6; rest !== 0; rest >>= 1) segment++;
  const code = ((8 - segment) << 4) | (0x0f - ((magnitude >> segment) & 0x0f));
  return sample >= 0 ? code | 0x80 : code;
}

function expandMuLaw(code: number): number {
  const bits = ~code & 0xff;
  const exponent = (bits >> 4) & 7;
  const step = 4 << (exponent + 1);
  const value = (0x80 << exponent) + step * (bits & 0x0f) + (step >> 1) - 4 * 33;
  return code < 0x80 ? -value : value;
}

export function encodeALaw(pcm: Int16Array, out: Uint8Array): number {
  for (let i = 0; i < pcm.length; i++) out[i] = aLawCode[(pcm[i]! >> 4) & 0xfff]!;
  return pcm.length;
}

export function decodeALaw(codes: Uint8Array, out: Int16Array): number {
  for (let i = 0; i < codes.length; i++) out[i] = aLawValue[codes[i]!]!;
  return codes.length;
}

export function encodeMuLaw(pcm: Int16Array, out: Uint8Array): number {
  for (let i = 0; i < pcm.length; i++) out[i] = muLawCode[(pcm[i]! >> 2) & 0x3fff]!;
  return pcm.length;
}

export function decodeMuLaw(codes: Uint8Array, out: Int16Array): number {
  for (let i = 0; i < codes.length; i++) out[i] = muLawValue[codes[i]!]!;
  return codes.length;
}

/** PCMA or PCMU as an `AudioCodec`: 8 kHz, one byte per sample, losses concealed from what was heard last. */
export class G711Codec implements AudioCodec {
  readonly name: 'PCMA' | 'PCMU';
  readonly clockRate = 8000;
  readonly sampleRate = 8000;
  readonly #encode: (pcm: Int16Array, out: Uint8Array) => number;
  readonly #decode: (codes: Uint8Array, out: Int16Array) => number;
  readonly #concealment = new Concealment(8000);

  constructor(name: 'PCMA' | 'PCMU') {
    this.name = name;
    this.#encode = name === 'PCMA' ? encodeALaw : encodeMuLaw;
    this.#decode = name === 'PCMA' ? decodeALaw : decodeMuLaw;
  }

  encode(pcm: Int16Array, out: Uint8Array): number {
    return this.#encode(pcm, out);
  }

  decode(payload: Uint8Array | undefined, out: Int16Array): number {
    if (payload === undefined || payload.length === 0 || payload.length > out.length) {
      return this.#concealment.conceal(out, 160);
    }
    const count = this.#decode(payload, out);
    this.#concealment.heard(out, count);
    return count;
  }

  duration(payload: Uint8Array): number {
    return payload.length;
  }

  close(): void {}
}
