import { describe, expect, it } from 'vitest';
import { TokenBuckets } from './rate-limits.ts';

describe('TokenBuckets', () => {
  it('gives so many at once, and more as time passes', () => {
    let now = 0;
    const buckets = new TokenBuckets({ capacity: 3, periodMs: 60_000, now: () => now });
    for (let count = 0; count < 3; count += 1) buckets.take('a');
    expect(() => buckets.take('a')).toThrow('Try again in 20 s.');
    expect(() => buckets.check('a')).toThrow();
    buckets.take('b');
    now = 20_000;
    buckets.take('a');
    expect(() => buckets.take('a')).toThrow();
    now = 3_600_000;
    for (let count = 0; count < 3; count += 1) buckets.take('a');
    expect(() => buckets.take('a')).toThrow();
  });

  it('checks without taking', () => {
    const buckets = new TokenBuckets({ capacity: 1, periodMs: 1000, now: () => 0 });
    buckets.check('a');
    buckets.check('a');
    buckets.take('a');
    expect(() => buckets.check('a')).toThrow();
  });

  it('never gains from a clock that goes back', () => {
    let now = 1000;
    const buckets = new TokenBuckets({ capacity: 1, periodMs: 1000, now: () => now });
    buckets.take('a');
    now = 0;
    expect(() => buckets.take('a')).toThrow();
  });
});
