import { expect, it } from 'vitest';
import { normaliseNumber } from './numbers.ts';

it.each([
  ['+14155550101', 'US', false, '+14155550101'],
  ['14155550101', 'US', true, '+14155550101'],
  ['14155550101', 'US', false, '+14155550101'],
  ['4155550101', 'US', false, '+14155550101'],
  ['(415) 555-0101', 'US', false, '+14155550101'],
  ['07700900123', 'GB', false, '+447700900123'],
  ['447700900123', 'GB', false, '+447700900123'],
  ['447700900123', 'GB', true, '+447700900123'],
  ['00447700900123', 'GB', false, '+447700900123'],
  ['447700900123', 'US', true, '+447700900123'],
  ['03012345678', 'DE', false, '+493012345678'],
  // No numbers of anybody.
  ['12345', 'US', false, '12345'],
  ['80888', 'GB', true, '80888'],
  ['Ringthrough', 'US', false, 'Ringthrough'],
  ['', 'US', false, ''],
  ['+999999999999999999', 'US', false, '+999999999999999999'],
])('%s from a carrier in %s (international: %s) is %s', (written, country, international, number) => {
  expect(normaliseNumber(written, country, international)).toBe(number);
});
