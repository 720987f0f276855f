import { describe, expect, it } from 'vitest';
import { type Carrier, CarrierCatalogue } from '../carrier/index.ts';
import { parseConfig } from '../config.ts';
import { destinationOf } from './destination.ts';
import { languageOf } from './languages.ts';
import type { ValidationMechanism } from './mechanism.ts';
import { type NumberOwner, possibilitiesFor } from './possibilities.ts';
import { SmsCode } from './sms-code.ts';
import { SmsConfirm } from './sms-confirm.ts';
import { SmsFromClient } from './sms-from-client.ts';

const sms = { enqueue: async () => {}, send: async () => {}, wake: () => {} };
const origin = 'https://ring.example.org';
const mechanisms: ValidationMechanism[] = [
  new SmsFromClient({ inbox: { subscribe: () => () => {} } }),
  new SmsConfirm({ sms, origin }),
  new SmsCode({ sms, origin, digits: 6 }),
];

const { carriers } = parseConfig(`
carriers:
  - { id: all, name: All, country: US, family: gsm, prefixes: ["+1415", "+1900"], cNumber: "+14155559000",
      trunks: [{ host: 127.0.0.1 }], sms: { url: "http://127.0.0.1:1/", token: secret, inboundToken: a-secret-of-it-all },
      validationNumbers: { sms: "+14155559001" } }
  - { id: ordered, name: Ordered, country: US, family: gsm, prefixes: ["+1212"], cNumber: "+14155559002",
      trunks: [{ host: 127.0.0.1 }], sms: { url: "http://127.0.0.1:1/", token: secret, inboundToken: a-secret-of-it-all },
      validationNumbers: { sms: "72345" }, validation: [sms-from-client, sms-code] }
  - { id: mute, name: Mute, country: GB, family: gsm, prefixes: ["+44"], cNumber: "+447700900999",
      trunks: [{ host: 127.0.0.1 }], validationNumbers: { sms: "+447700900998" } }
`);
const catalogue = new CarrierCatalogue(carriers);

const sendLimits = {
  perNumberPerHour: 5,
  perAddressPerHour: 20,
  perAccountPerHour: 10,
  perCountryPerHour: 300,
  byCountry: {},
  perHour: 2000,
};

async function offered(number: string, carrierId?: string, limits = sendLimits): Promise<string[]> {
  const found = await possibilitiesFor(
    { carriers: catalogue, mechanisms, sendLimits: limits },
    { number, carrierId },
  );
  return found.mechanisms.map(({ name }) => name);
}

describe('what a number can be proved with', () => {
  it('is all that its carrier has the means for, best first', async () => {
    expect(await offered('+14155550101')).toEqual(['sms-code', 'sms-confirm', 'sms-from-client']);
  });

  it('is what the carrier wants, in its order', async () => {
    expect(await offered('+12125550101')).toEqual(['sms-from-client', 'sms-code']);
  });

  it('is nothing that the carrier has no means for', async () => {
    expect(await offered('+447700900123')).toEqual([]);
  });

  it('is nothing until the person has said which carrier it is, where nobody knows', async () => {
    const found = await possibilitiesFor(
      { carriers: catalogue, mechanisms, sendLimits },
      { number: '+13055550101', carrierId: undefined },
    );
    expect(found).toMatchObject({ carrier: undefined, mechanisms: [] });
    expect(found.carriers.map(({ id }) => id)).toEqual(['all', 'ordered']);
  });

  it('is never what the person sends, by the word of the person alone', async () => {
    expect(await offered('+13055550101', 'all')).toEqual(['sms-code', 'sms-confirm']);
    expect(await offered('+12125550101', 'all')).toEqual(['sms-code', 'sms-confirm']);
    expect(await offered('+14155550101', 'all')).toContain('sms-from-client');
  });

  it('is of no carrier that the number cannot be of', async () => {
    await expect(offered('+14155550101', 'mute')).rejects.toMatchObject({ code: 'no-carrier' });
  });

  it('is nothing that we would have to pay for, where nothing is sent to its country', async () => {
    expect(await offered('+14155550101', undefined, { ...sendLimits, byCountry: { US: 0 } })).toEqual([
      'sms-from-client',
    ]);
  });

  it('is nothing that we would pay its owner for, where calling the number costs extra', async () => {
    expect(await offered('+19005551234')).toEqual(['sms-from-client']);
  });

  it('is what the carrier is by a portability lookup, and that is certain', async () => {
    const [all] = carriers as [Carrier];
    const owner: NumberOwner = { carrier: all, by: 'portability', candidates: [all] };
    const found = await possibilitiesFor(
      { carriers: { resolve: async () => owner }, mechanisms, sendLimits },
      { number: '+12125550101', carrierId: undefined },
    );
    expect(found.mechanisms.map(({ name }) => name)).toContain('sms-from-client');
  });
});

it.each([
  ['+14155550101', 'US'],
  ['+16045550101', 'CA'],
  ['+18765550101', 'JM'],
  ['+447700900123', 'GB'],
  ['+37120000000', 'LV'],
  ['+88162345678', '+881'],
])('counts %s for %s', (number, country) => {
  expect(destinationOf(number)).toBe(country);
});

it('knows the languages of countries, where we have them', () => {
  expect(['MX', 'CI', 'AT', 'IN', 'US', 'JP'].map(languageOf)).toEqual([
    'es',
    'fr',
    'de',
    'hi',
    undefined,
    undefined,
  ]);
});
