import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const stampBytes = 6;
const randomPart = 8;
const macBytes = 16;
const nonceBytes = stampBytes + randomPart + macBytes;

/**
 * Nonces that need no memory: time of issue and random bytes, sealed with an HMAC. Any process with the same secret
 * accepts them.
 */
export class NonceMint {
  readonly #secret: string | Uint8Array;

  constructor(secret: string | Uint8Array) {
    this.#secret = secret;
  }

  /** A nonce issued at `now` (unix ms) to `client`: 40 characters of base64url. */
  issue(now: number, client: string): string {
    const payload = Buffer.concat([Buffer.alloc(stampBytes), randomBytes(randomPart)]);
    payload.writeUIntBE(now, 0, stampBytes);
    return Buffer.concat([payload, this.#mac(payload, client)]).toString('base64url');
  }

  /** When the nonce was issued (unix ms), or undefined when it is not from here, or was issued to another client. */
  issuedAt(nonce: string, client: string): number | undefined {
    // One text per nonce: base64url decoding would accept others, and the replay guard compares texts.
    if (!/^[A-Za-z0-9_-]{40}$/.test(nonce)) return undefined;
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== nonceBytes) return undefined;
    const payload = bytes.subarray(0, stampBytes + randomPart);
    if (!timingSafeEqual(bytes.subarray(stampBytes + randomPart), this.#mac(payload, client)))
      return undefined;
    return payload.readUIntBE(0, stampBytes);
  }

  #mac(payload: Uint8Array, client: string): Buffer {
    const mac = createHmac('sha256', this.#secret).update('nonce').update(payload).update(client);
    return mac.digest().subarray(0, macBytes);
  }
}
