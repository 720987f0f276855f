import { describe, expect, it } from 'vitest';
import { Problem } from '../problem.ts';
import { toE164 } from './index.ts';

describe('toE164', () => {
  it.each([
    ['+14155550101', undefined, '+14155550101'],
    ['+1 (415) 555-0101', undefined, '+14155550101'],
    ['tel:+1-415-555-0101', undefined, '+14155550101'],
    ['0044 7700 900123', undefined, '+447700900123'],
    ['(415) 555-0101', 'US', '+14155550101'],
    ['1 415 555 0101', 'us', '+14155550101'],
    ['011 44 7700 900123', 'US', '+447700900123'],
    ['07700 900123', 'GB', '+447700900123'],
    ['+44 (0)7700 900123', undefined, '+447700900123'],
    ['０７７００ ９００１２３', 'GB', '+447700900123'],
    ['+447700900123', 'US', '+447700900123'],
  ])('reads %s (%s)', (text, region, number) => expect(toE164(text, region)).toBe(number));

  it.each([
    ['', undefined, /Begin with \+/],
    ['4155550101', undefined, /Begin with \+/],
    ['+', undefined, /Check the digits/],
    ['+999 123456789', undefined, /Check the digits/],
    ['+1 415 555 010', undefined, /too many or too few/],
    ['+1 415 555 01011', undefined, /too many or too few/],
    ['+14155550101 ext 5', undefined, /extension/],
    ['+14155550101 and more', undefined, /Check the digits/],
    ['anna', 'US', /Check the digits/],
    ['4155550101', 'XX', /region is not known/],
    ['__proto__', '__', /region is not known/],
  ])('refuses %s (%s) and says what to do', (text, region, detail) => {
    try {
      toE164(text, region);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Problem);
      expect(error).toMatchObject({
        code: 'not-a-number',
        status: 422,
        detail: expect.stringMatching(detail),
      });
    }
  });
});
