import { describe, expect, it } from 'vitest';
import { formatNumber, numberUri } from './number-format.ts';

describe('numbers as a trunk wants them', () => {
  it.each([
    ['+14155550101', 'e164', 'US', '+14155550101'],
    ['+14155550101', 'e164-no-plus', 'US', '14155550101'],
    ['+14155550101', 'national', 'US', '4155550101'],
    ['+447700900123', 'national', 'US', '011447700900123'],
    ['+447700900123', 'national', 'GB', '07700900123'],
    ['+493012345678', 'national', 'DE', '03012345678'],
    ['+14155550101', 'national', 'DE', '0014155550101'],
    ['+390612345678', 'national', 'IT', '0612345678'],
  ] as const)('%s as %s in %s is %s', (number, format, country, text) => {
    expect(formatNumber(number, format, country)).toBe(text);
  });

  const base = {
    country: 'US',
    host: 'carrier.example',
    format: 'e164',
    scheme: 'sip',
    userPhone: true,
  } as const;
  it.each([
    [{}, 'sip:+14155550101@carrier.example;user=phone'],
    [{ userPhone: false, port: 5080 }, 'sip:+14155550101@carrier.example:5080'],
    [{ format: 'national' }, 'sip:4155550101@carrier.example;user=phone'],
    [{ scheme: 'tel' }, 'tel:+14155550101'],
    [{ scheme: 'tel', format: 'national' }, 'tel:4155550101;phone-context=carrier.example'],
  ] as const)('%o: %s', (options, uri) => {
    expect(numberUri('+14155550101', { ...base, ...options })).toBe(uri);
  });
});
