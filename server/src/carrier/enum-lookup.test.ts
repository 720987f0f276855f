import { describe, expect, it } from 'vitest';
import { EnumLookup, networksIn } from './enum-lookup.ts';
import { PortabilityCache } from './portability.ts';

const number = '+12125550101';

function record(regexp: string, more: Partial<Parameters<typeof networksIn>[0][number]> = {}) {
  return { flags: 'u', service: 'E2U+pstn:tel', regexp, order: 10, preference: 10, ...more };
}

describe('networksIn (RFC 6116, RFC 4769)', () => {
  it.each([
    ['a routing number', [record('!^.*$!tel:+12125550101;npdi;rn=+1-215-555-0199!')], ['+12155550199']],
    [
      'one with a back reference',
      [record('!^(.*)$!tel:\\1;npdi;rn=2125550199;rn-context=+1!')],
      ['2125550199'],
    ],
    ['an SPID', [record('!^.*$!tel:+12125550101;npdi;spn=6529!')], ['6529']],
    [
      'a SIP URI',
      [record('!^.*$!sip:+12125550101;npdi;rn=+12155550199@x.example!', { service: 'E2U+pstn:sip' })],
      ['+12155550199'],
    ],
    [
      'a domain of 3GPP',
      [record('!^.*$!sip:+12125550101@ims.mnc026.mcc310.3gppnetwork.org!', { service: 'E2U+pstndata:sip' })],
      ['310026', '31026'],
    ],
    ['a number that was not ported', [record('!^.*$!tel:+12125550101;npdi!')], []],
    ['another service', [record('!^.*$!mailto:a@b.example;rn=1!', { service: 'E2U+email:mailto' })], []],
    ['no end', [record('', { flags: '' })], []],
    [
      'the order of the records',
      [
        record('!^.*$!tel:+1;rn=+13!', { order: 20 }),
        record('!^.*$!tel:+1;rn=+12!', { preference: 20 }),
        record('!^.*$!tel:+1;rn=+11!'),
      ],
      ['+11'],
    ],
    ['a pattern that does not match', [record('!^\\+44.*$!tel:+1;rn=+11!')], []],
    ['a broken pattern', [record('!^(.*$!tel:+1;rn=+11!')], []],
    ['a pattern that takes for ever', [record('!^((1*)*)*x$!tel:+1;rn=+11!')], []],
    ['a pattern of many repetitions', [record(`!^${'.*'.repeat(40)}x$!tel:+1;rn=+11!`)], []],
    ['a pattern of many choices', [record(`!^${'(|)'.repeat(60)}x$!tel:+1;rn=+11!`)], []],
    [
      'a pattern with a plus, a class and a group',
      [record('!^\\+1([0-9]{3})(.*)$!tel:+1\\1\\2;rn=+11!')],
      ['+11'],
    ],
    ['no expression', [record('!a')], []],
  ])('%s', (_, records, networks) => expect(networksIn(records, number)).toEqual(networks));

  it('asks for the digits in reverse order', () =>
    expect(new EnumLookup({ zone: 'e164.example', timeoutMs: 100 }).nameOf('+12125550101')).toBe(
      '1.0.1.0.5.5.5.2.1.2.1.e164.example',
    ));
});

describe('PortabilityCache', () => {
  const signals: AbortSignal[] = [];
  let now = 0;
  let asked = 0;
  let answer: () => Promise<readonly string[]> = async () => ['+11'];
  const failures: unknown[] = [];
  const cache = new PortabilityCache({
    lookup: {
      networksOf: (_, signal) => {
        asked += 1;
        signals.push(signal);
        return answer();
      },
    },
    timeoutMs: 50,
    cacheMs: 60_000,
    maxEntries: 2,
    now: () => now,
    failed: (error) => failures.push(error),
  });

  it('asks once for as long as an answer is believed, and remembers so many', async () => {
    const both = await Promise.all([cache.networksOf('+1'), cache.networksOf('+1')]);
    expect(both).toEqual([['+11'], ['+11']]);
    expect(asked).toBe(1);
    now += 59_000;
    await cache.networksOf('+1');
    expect(asked).toBe(1);
    now += 2000;
    await cache.networksOf('+1');
    expect(asked).toBe(2);
    await cache.networksOf('+2');
    await cache.networksOf('+3');
    await cache.networksOf('+1');
    expect(asked).toBe(5);
  });

  it('knows nothing when the source fails or is silent, and leaves it alone for a while', async () => {
    answer = async () => {
      throw new Error('no such server');
    };
    expect(await cache.networksOf('+4')).toEqual([]);
    answer = () => new Promise(() => {});
    expect(await cache.networksOf('+5')).toEqual([]);
    expect(signals.at(-1)?.aborted).toBe(true);
    expect(failures).toHaveLength(2);
    const before = asked;
    answer = async () => ['+12'];
    expect(await cache.networksOf('+5')).toEqual([]);
    now += 31_000;
    expect(await cache.networksOf('+5')).toEqual(['+12']);
    expect(asked).toBe(before + 1);
  });
});
