import { expect, it } from 'vitest';
import { toE164 } from './numbers.ts';

it.each([
  ['+14155550101', '+1', '+14155550101'],
  ['4155550101', '+1', '+14155550101'],
  ['14155550101', '+1', '+14155550101'],
  ['011447700900123', '+1', '+447700900123'],
  ['07700900123', '+44', '+447700900123'],
  ['0014155550101', '+44', '+14155550101'],
  ['+44 7700 900123', '+1', '+447700900123'],
])('%s dialled in %s is %s', (dialled, prefix, expected) => {
  expect(toE164(dialled, prefix)).toBe(expected);
});

it.each(['', '+', '12', '+1415555010155555555', 'x', '0000'])('%s is no number', (dialled) => {
  expect(toE164(dialled, '+44')).toBeUndefined();
});
