import { afterEach, expect, it, vi } from 'vitest';
import { AnswerHash, randomDigits, randomToken, randomWord } from './secrets.ts';

afterEach(() => vi.restoreAllMocks());

it('draws codes that are as long as they should be, every digit as likely as any other in every place', () => {
  const draws = 20_000;
  const counts = Array.from({ length: 6 }, () => new Array<number>(10).fill(0));
  for (let nth = 0; nth < draws; nth += 1) {
    const code = randomDigits(6);
    expect(code).toMatch(/^\d{6}$/);
    for (const [place, digit] of [...code].entries()) counts[place]![Number(digit)]! += 1;
  }
  // Chi square with 9 degrees of freedom: above 45 by chance once in a million.
  for (const places of counts) {
    const expected = draws / 10;
    const chi = places.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chi).toBeLessThan(45);
  }
});

it('takes no randomness that can be foretold', () => {
  const weak = vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const clock = vi.spyOn(Date, 'now').mockReturnValue(0);
  for (const draw of [() => randomDigits(10), randomToken, randomWord]) {
    expect(new Set(Array.from({ length: 50 }, draw)).size).toBe(50);
  }
  expect(weak).not.toHaveBeenCalled();
  expect(clock).not.toHaveBeenCalled();
});

it('makes tokens of more than 128 bits, and words without look-alikes', () => {
  expect(randomToken()).toMatch(/^[A-Za-z0-9]{22}$/);
  expect(22 * Math.log2(62)).toBeGreaterThan(128);
  for (let nth = 0; nth < 200; nth += 1) expect(randomWord()).toMatch(/^[2-9A-HJKMNP-TV-Z]{8}$/);
});

it('recognises an answer by key and validation only', () => {
  const hash = new AnswerHash(Buffer.alloc(32, 1));
  const kept = hash.of('one', '123456');
  expect(hash.matches(kept, 'one', '123456')).toBe(true);
  expect(hash.matches(kept, 'one', '123457')).toBe(false);
  expect(hash.matches(kept, 'two', '123456')).toBe(false);
  expect(new AnswerHash(Buffer.alloc(32, 2)).matches(kept, 'one', '123456')).toBe(false);
});
