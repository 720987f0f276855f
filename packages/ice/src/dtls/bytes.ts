import { DtlsFailure } from './dtls-failure.ts';

/** Reads TLS presentation language (RFC 5246 section 4). Running over the end throws a `decode_error` failure. */
export class ByteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  take(length: number): Buffer {
    if (length > this.remaining) throw new DtlsFailure('decode_error', 'a message ends too early');
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  uint8(): number {
    return this.take(1)[0]!;
  }

  uint16(): number {
    return this.take(2).readUInt16BE(0);
  }

  uint24(): number {
    return this.take(3).readUIntBE(0, 3);
  }

  /** A vector with a length of that many bytes before it. */
  vector(lengthBytes: 1 | 2 | 3): Buffer {
    return this.take(this.take(lengthBytes).readUIntBE(0, lengthBytes));
  }

  /** A vector of 16-bit values. */
  uint16List(lengthBytes: 1 | 2): number[] {
    const bytes = this.vector(lengthBytes);
    return Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16BE(2 * i));
  }
}

export function uint8(value: number): Buffer {
  return Buffer.from([value]);
}

export function uint16(...values: number[]): Buffer {
  const out = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) out.writeUInt16BE(value, 2 * i);
  return out;
}

export function vector(lengthBytes: 1 | 2 | 3, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(body.length, 0, lengthBytes);
  return Buffer.concat([length, body]);
}
