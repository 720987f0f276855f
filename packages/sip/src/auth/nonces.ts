import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { HmacSha256 } from './hmac.ts';

const stampBytes = 6;
const randomPart = 8;
const payloadBytes = stampBytes + randomPart;
const macBytes = 16;
const nonceBytes = payloadBytes + macBytes;

/** What a nonce of ours says. */
export interface Nonce {
  /** Unix milliseconds. */
  issuedAt: number;
  /** 64 random bits that no other nonce has, in two halves. */
  high: number;
  low: number;
}

/**
 * Nonces that need no memory: time of issue and random bytes, sealed with an HMAC. Any process with the same secret
 * accepts them.
 */
export class NonceMint {
  readonly #hmac: HmacSha256;
  readonly #expected = Buffer.alloc(macBytes);
  /** Random bytes for many nonces. */
  readonly #pool = Buffer.alloc(randomPart * 256);
  #used = this.#pool.length;

  constructor(secret: string | Uint8Array) {
    this.#hmac = new HmacSha256(secret);
  }

  /** A nonce issued at `now` (unix ms) to `client`: 40 characters of base64url. */
  issue(now: number, client: string): string {
    const nonce = Buffer.alloc(nonceBytes);
    nonce.writeUIntBE(now, 0, stampBytes);
    this.#drawRandom(nonce);
    nonce.write(this.#mac(nonce, client), payloadBytes, 'hex');
    return nonce.toString('base64url');
  }

  /** Undefined when the nonce is not from here, or was issued to another client. */
  read(nonce: string, client: string): Nonce | undefined {
    // One text per nonce: base64url decoding would accept others.
    if (!/^[A-Za-z0-9_-]{40}$/.test(nonce)) return undefined;
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== nonceBytes) return undefined;
    this.#expected.write(this.#mac(bytes, client), 'hex');
    if (!timingSafeEqual(bytes.subarray(payloadBytes), this.#expected)) return undefined;
    return {
      issuedAt: bytes.readUIntBE(0, stampBytes),
      high: bytes.readUInt32BE(stampBytes),
      low: bytes.readUInt32BE(stampBytes + 4),
    };
  }

  /** As much of it as fits, hex. */
  #mac(nonce: Buffer, client: string): string {
    return this.#hmac.hex('nonce', nonce.subarray(0, payloadBytes), client).slice(0, 2 * macBytes);
  }

  #drawRandom(nonce: Buffer): void {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    this.#pool.copy(nonce, stampBytes, this.#used, this.#used + randomPart);
    this.#used += randomPart;
  }
}
