import { describe, expect, it } from 'vitest';
import { Problem } from '../problem.ts';
import { countingFailures, TokenBuckets } from './rate-limits.ts';

describe('TokenBuckets', () => {
  it('gives so many at once, and more as time passes', () => {
    let now = 0;
    const buckets = new TokenBuckets({ capacity: 3, periodMs: 60_000, now: () => now });
    for (let count = 0; count < 3; count += 1) buckets.take('a');
    expect(() => buckets.take('a')).toThrow('Try again in 20 s.');
    buckets.take('b');
    now = 20_000;
    buckets.take('a');
    expect(() => buckets.take('a')).toThrow();
    now = 3_600_000;
    for (let count = 0; count < 3; count += 1) buckets.take('a');
    expect(() => buckets.take('a')).toThrow();
  });

  it('takes back what did not count, and never holds more than its capacity', () => {
    const buckets = new TokenBuckets({ capacity: 1, periodMs: 1000, now: () => 0 });
    buckets.take('a');
    buckets.giveBack('a');
    buckets.giveBack('a');
    buckets.take('a');
    expect(() => buckets.take('a')).toThrow();
  });

  it('never gains from a clock that goes back', () => {
    let now = 1000;
    const buckets = new TokenBuckets({ capacity: 1, periodMs: 1000, now: () => now });
    buckets.take('a');
    now = 0;
    expect(() => buckets.take('a')).toThrow();
  });
});

describe('countingFailures', () => {
  it('counts wrong passwords only, and those of one moment as well', async () => {
    const limit = {
      buckets: new TokenBuckets({ capacity: 3, periodMs: 60_000, now: () => 0 }),
      key: 'a',
      code: 'wrong-password',
    } as const;
    for (let right = 0; right < 9; right += 1) expect(await countingFailures(limit, async () => 1)).toBe(1);
    const other = countingFailures(limit, () => Promise.reject(new Problem('overloaded')));
    await expect(other).rejects.toMatchObject({ code: 'overloaded' });
    const guesses = Array.from({ length: 9 }, () =>
      countingFailures(limit, () => Promise.reject(new Problem('wrong-password'))).catch(
        (problem: Problem) => problem.code,
      ),
    );
    const codes = await Promise.all(guesses);
    expect(codes.filter((code) => code === 'wrong-password')).toHaveLength(3);
    expect(codes.filter((code) => code === 'too-many-requests')).toHaveLength(6);
  });
});
