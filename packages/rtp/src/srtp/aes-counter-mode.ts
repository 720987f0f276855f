import { type Cipheriv, createCipheriv } from 'node:crypto';

/**
 * AES-128 in the counter mode of RFC 3711 section 4.1.1, over one session key and salt.
 *
 * A cipher object per packet costs more than the encryption, and `aes-128-ctr` cannot be given a new IV. So one
 * AES-ECB cipher lives as long as the key and encrypts the counter blocks of each packet in one call.
 */
export class AesCounterMode {
  readonly #cipher: Cipheriv;
  readonly #salt: Uint8Array;
  #counters = Buffer.alloc(16 * 16);

  /** @param salt the 112-bit session salt */
  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#cipher = createCipheriv('aes-128-ecb', key, null);
    this.#cipher.setAutoPadding(false);
    this.#salt = salt;
  }

  /**
   * XORs `bytes[from..to)` with the keystream of packet `index` (up to 48 bits) of `ssrc`. Encrypts and decrypts.
   */
  apply(bytes: Uint8Array, from: number, to: number, ssrc: number, index: number): void {
    const length = to - from;
    if (length <= 0) return;
    const stream = this.#keystream(length, ssrc, index);
    for (let i = 0; i < length; i++) bytes[from + i]! ^= stream[i]!;
  }

  /** At least `length` bytes of keystream. */
  #keystream(length: number, ssrc: number, index: number): Uint8Array {
    const blocks = (length + 15) >> 4;
    if (this.#counters.length < 16 * blocks) this.#counters = Buffer.alloc(32 * blocks);
    const out = this.#counters;
    // IV = (salt · 2^16) ⊕ (SSRC · 2^64) ⊕ (index · 2^16); the low 16 bits count blocks.
    out.set(this.#salt, 0);
    const high = Math.floor(index / 0x100000000);
    const low = index >>> 0;
    for (let i = 0; i < 4; i++) {
      out[4 + i]! ^= ssrc >>> (24 - 8 * i);
      out[10 + i]! ^= low >>> (24 - 8 * i);
    }
    out[8]! ^= high >>> 8;
    out[9]! ^= high;
    out[14] = 0;
    out[15] = 0;
    for (let block = 1, at = 16; block < blocks; block++, at += 16) {
      out.copyWithin(at, 0, 14);
      out[at + 14] = block >>> 8;
      out[at + 15] = block;
    }
    return this.#cipher.update(out.subarray(0, 16 * blocks));
  }
}
