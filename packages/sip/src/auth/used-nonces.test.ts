import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsedNonces } from './used-nonces.ts';

const half = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffffffff }));
const count = fc.oneof(
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: 0xffffffc0, max: 0xffffffff }),
  fc.constant('whole' as const),
);

describe('UsedNonces', () => {
  it('knows as sets of counts would, within the window, for any number of nonces', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(half, half, count), { maxLength: 400 }), (uses) => {
        const nonces = new UsedNonces();
        const model = new Map<string, { highest: number; seen: Set<number> }>();
        for (const [high, low, one] of uses) {
          const nonce = { issuedAt: 0, high, low };
          const key = `${high} ${low}`;
          const known = model.get(key);
          const number = one === 'whole' ? Number.POSITIVE_INFINITY : one;
          if (known === undefined) {
            expect(nonces.take(nonce, one)).toBeUndefined();
            nonces.add(nonce, one);
            model.set(key, { highest: number, seen: new Set([number]) });
            continue;
          }
          const fresh = one !== 'whole' && number > known.highest - 32 && !known.seen.has(number);
          expect(nonces.take(nonce, one)).toBe(fresh);
          if (!fresh) continue;
          known.seen.add(number);
          known.highest = Math.max(known.highest, number);
        }
        expect(nonces.size).toBe(model.size);
      }),
    );
  });
});
