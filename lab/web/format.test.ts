import { expect, it } from 'vitest';
import { duration, formatNumber, offset } from './format.ts';

it.each([
  ['+14155550101', '+1 415 555 0101'],
  ['+447700900123', '+44 7700 900123'],
  ['+491713920011', '+49 171 3920011'],
  ['+49301234', '+49301234'],
])('shows %s as %s', (number, shown) => {
  expect(formatNumber(number)).toBe(shown);
});

it('shows times as short as they can be read', () => {
  expect([offset(3.4), offset(1234), offset(12_345)]).toEqual(['3 ms', '1.23 s', '12.3 s']);
  expect([duration(0), duration(75_900)]).toEqual(['0:00', '1:15']);
});
