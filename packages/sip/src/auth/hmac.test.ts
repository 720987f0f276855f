import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HmacSha256 } from './hmac.ts';

describe('HmacSha256', () => {
  it('is HMAC-SHA-256 (RFC 2104) for keys, bytes and texts of any length, and keeps nothing between calls', () => {
    const key = fc.oneof(fc.string({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }));
    const input = fc.tuple(
      fc.string({ maxLength: 10 }),
      fc.uint8Array({ maxLength: 50 }),
      fc.string({ maxLength: 300 }),
    );
    fc.assert(
      fc.property(key, fc.array(input, { minLength: 1, maxLength: 5 }), (secret, inputs) => {
        const hmac = new HmacSha256(secret);
        for (const [label, bytes, text] of inputs) {
          const expected = createHmac('sha256', secret)
            .update(label)
            .update(bytes)
            .update(text)
            .digest('hex');
          expect(hmac.hex(label, bytes, text)).toBe(expected);
        }
      }),
    );
  });
});
