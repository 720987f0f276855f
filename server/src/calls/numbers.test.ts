import { describe, expect, it } from 'vitest';
import { numberOfUri, toE164 } from './numbers.ts';

describe('numbers as trunks write them', () => {
  it.each([
    ['33612345678', '+33612345678'],
    ['14155550101', '+14155550101'],
    ['+14155550101', '+14155550101'],
    ['02079460000', '+442079460000'],
  ])('%s of a trunk that leaves the plus away', (text, expected) =>
    expect(toE164(text, 'GB', 'e164-no-plus')).toBe(expected),
  );

  it.each([
    ['+14155550101', 'US', '+14155550101'],
    ['4155550101', 'US', '+14155550101'],
    ['14155550101', 'US', '+14155550101'],
    ['(415) 555-0101', 'US', '+14155550101'],
    ['011447700900123', 'US', '+447700900123'],
    ['00447700900123', 'GB', '+447700900123'],
    ['07700900123', 'GB', '+447700900123'],
    ['447700900123', 'GB', '+447700900123'],
    ['0033142278186', 'FR', '+33142278186'],
    ['anonymous', 'US', undefined],
    ['12', 'US', undefined],
  ])('%s of a carrier in %s', (text, country, expected) => expect(toE164(text, country)).toBe(expected));

  it.each([
    ['tel:+1-415-555-0101', '+14155550101'],
    ['tel:4155550101', '+14155550101'],
    ['tel:555-0101;phone-context=+1415', '+14155550101'],
    ['tel:4155550101;phone-context=example.com', '+14155550101'],
    ['sip:+14155550101@carrier.example;user=phone', '+14155550101'],
    ['sip:011447700900123@carrier.example;user=phone', '+447700900123'],
    ['sip:4155550101;phone-context=+1@carrier.example;user=phone', '+14155550101'],
    ['sip:+14155550101;npdi;rn=+14155559999@carrier.example', '+14155550101'],
    ['sips:4155550101@carrier.example', '+14155550101'],
    ['sip:carrier.example', undefined],
    ['sip:alice@carrier.example', undefined],
  ])('%s', (uri, expected) => expect(numberOfUri(uri, 'US')).toBe(expected));
});
