import { decodePdu, decodeText, encodePdu, readUserData } from '@ringthrough/smpp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig, type SmppConfig } from '../../config.ts';
import { relativeTime, smppParts } from './smpp-message.ts';

const carrier = (smpp: Partial<SmppConfig>) => ({
  ...{ id: 'us', name: 'US', country: 'US', family: 'gsm', prefixes: ['+1'], cNumber: '+14155559000' },
  trunks: [{ host: '192.0.2.1' }],
  sms: { smpp: { host: '127.0.0.1', systemId: 'us', ...smpp } },
});

/** As the configuration gives it, with every default. */
function configOf(smpp: Partial<SmppConfig> = {}): SmppConfig {
  return parseConfig(JSON.stringify({ carriers: [carrier(smpp)] })).carriers[0]!.sms!.smpp!;
}

function plan(
  text: string,
  { smpp = {}, from = '+14155559000', to = '+14155550101', validityMs = Number.POSITIVE_INFINITY } = {},
) {
  const config = configOf(smpp);
  const sms = { id: 'x', to, text, reference: 77, validUntil: 90_000 };
  return smppParts(sms, { addressing: { config, from, country: 'US' }, config, now: 0, validityMs });
}

function parts(...args: Parameters<typeof plan>) {
  const planned = plan(...args);
  if ('why' in planned) throw new Error(planned.why);
  return planned.parts;
}

describe('a submit_sm', () => {
  it('has addresses, coding, validity and the wish for a receipt', () => {
    expect(parts('hello')).toEqual([
      {
        service_type: '',
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: '14155559000',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: '14155550101',
        data_coding: 0,
        registered_delivery: 1,
        validity_period: '000000000130000R',
        short_message: Uint8Array.from(Buffer.from('hello')),
      },
    ]);
  });

  it.each([
    ['+14155559000', {}, [1, 1, '14155559000']],
    ['+14155559000', { numberFormat: 'e164' }, [1, 1, '+14155559000']],
    ['80888', {}, [3, 0, '80888']],
    ['Ringthrough', {}, [5, 0, 'Ringthrough']],
    ['80888', { sourceTon: 6, sourceNpi: 9 }, [6, 9, '80888']],
  ] as const)('comes from %s with %o as %j', (from, smpp, [ton, npi, address]) => {
    expect(parts('x', { from, smpp })[0]).toMatchObject({
      source_addr_ton: ton,
      source_addr_npi: npi,
      source_addr: address,
    });
  });

  it.each([
    [{}, [1, 1, '14155550101']],
    [{ numberFormat: 'e164' }, [1, 1, '+14155550101']],
    [{ numberFormat: 'national' }, [2, 1, '4155550101']],
    [{ destinationTon: 0, destinationNpi: 0 }, [0, 0, '14155550101']],
  ] as const)('goes with %o to %j', (smpp, [ton, npi, address]) => {
    expect(parts('x', { smpp })[0]).toMatchObject({
      dest_addr_ton: ton,
      dest_addr_npi: npi,
      destination_addr: address,
    });
  });

  it('asks for no receipt and says another coding where the configuration says so', () => {
    const [part] = parts('x', { smpp: { receipts: false, gsmCoding: 1, serviceType: 'CMT' } });
    expect(part).toMatchObject({ registered_delivery: 0, data_coding: 1, service_type: 'CMT' });
  });

  it('is valid no longer than the carrier is to try', () => {
    expect(parts('x', { validityMs: 60_000 })[0]).toMatchObject({ validity_period: '000000000100000R' });
  });

  it('is given up when the text is longer than any handset joins', () => {
    expect(plan('x'.repeat(153 * 255))).toHaveProperty('parts');
    expect(plan('x'.repeat(153 * 255 + 1))).toEqual({ why: 'the text is too long' });
  });

  it.each(['udh', 'sar', 'payload'] as const)('of a long text comes back by %s', (longMessages) => {
    const text = fc.string({ unit: 'grapheme', maxLength: 600 }).map((one) => one.toWellFormed());
    fc.assert(
      fc.property(text, (words) => {
        const read = parts(words, { smpp: { longMessages } }).map((fields) =>
          readUserData(decodePdu(encodePdu({ command: 'submit_sm', sequence: 1, fields }))),
        );
        expect(decodeText(read[0]!.coding, Buffer.concat(read.map(({ payload }) => payload)))).toBe(words);
        if (read.length === 1) return;
        expect(longMessages).not.toBe('payload');
        expect(read.map(({ concatenation }) => concatenation?.part)).toEqual(
          read.map((_, index) => index + 1),
        );
        expect(new Set(read.map(({ concatenation }) => concatenation?.reference)).size).toBe(1);
      }),
      { numRuns: 50 },
    );
  });
});

it.each([
  [-5, '000000000001000R'],
  [600_000, '000000001000000R'],
  [86_400_000 + 3_723_000, '000001010203000R'],
  [Number.POSITIVE_INFINITY, '000030000000000R'],
])('%i ms from now is %s', (ms, time) => {
  expect(relativeTime(ms)).toBe(time);
});
