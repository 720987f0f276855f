import { expect, it } from 'vitest';
import { costsExtra } from './number-cost.ts';

it.each([
  ['+19005551234', true],
  ['+449098790000', true],
  ['+448431234567', true],
  ['+499001234567', true],
  ['+14155550101', false],
  ['+447700900123', false],
  ['+4917139200110', false],
  ['+918123456789', false],
  ['+12', false],
])('%s: %s', (number, expected) => expect(costsExtra(number)).toBe(expected));
