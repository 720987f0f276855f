import { beforeAll, describe, expect, it } from 'vitest';
import { countries, countryOf, formatNumber, guessRegion, loadPhoneLibrary, understand } from './number.ts';
import { formatDuration, formatWhen, secondsUntil } from './time.ts';

describe('numbers', () => {
  it('shows the plain number as long as the library is not there', () => {
    expect(formatNumber('+14155550101')).toBe('+14155550101');
    expect(countries()).toEqual([]);
  });

  describe('with the library', () => {
    beforeAll(async () => {
      await loadPhoneLibrary();
    });

    it.each([
      ['+14155550101', '+1 415 555 0101'],
      ['+447700900123', '+44 7700 900123'],
      ['nonsense', 'nonsense'],
    ])('formats %s', (number, text) => {
      expect(formatNumber(number)).toBe(text);
    });

    it.each([
      ['(415) 555-0101', 'US', '+14155550101'],
      ['07700 900123', 'GB', '+447700900123'],
      ['+44 7700 900123', 'US', '+447700900123'],
      ['0041 44 668 18 00', 'DE', '+41446681800'],
    ])('understands %s typed in %s', (text, region, e164) => {
      expect(understand(text, region)?.e164).toBe(e164);
    });

    it.each(['', '12', 'hello'])('does not take %j for a number', (text) => {
      expect(understand(text, 'US')).toBeUndefined();
    });

    it('knows the country of a number', () => {
      expect(countryOf('+447400123456')).toBe('GB');
    });
  });

  it.each([
    [['de-CH', 'en-US'], 'CH'],
    [['de', 'en-GB'], 'GB'],
    [['de'], 'DE'],
    [[], 'US'],
  ])('guesses the region of %j', (languages, region) => {
    expect(guessRegion(languages)).toBe(region);
  });
});

describe('times', () => {
  it.each([
    [0, '0:00'],
    [-5, '0:00'],
    [61_999, '1:01'],
    [3_600_000, '1:00:00'],
    [36_061_000, '10:01:01'],
  ])('shows %i ms', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  const now = new Date(2026, 10, 21, 15, 0).getTime();

  it('is as short as can be', () => {
    expect(formatWhen(new Date(2026, 10, 21, 9, 5).getTime(), now, 'en-GB')).toBe('09:05');
    expect(formatWhen(new Date(2026, 10, 19, 9, 5).getTime(), now, 'en-GB')).toBe('Thu 09:05');
    expect(formatWhen(new Date(2026, 2, 1, 9, 5).getTime(), now, 'en-GB')).toBe('1 Mar');
    expect(formatWhen(new Date(2025, 2, 1, 9, 5).getTime(), now, 'en-GB')).toBe('1 Mar 2025');
  });

  it('counts down to zero and no further', () => {
    expect(secondsUntil(now + 1500, now)).toBe(2);
    expect(secondsUntil(now - 1500, now)).toBe(0);
  });
});
