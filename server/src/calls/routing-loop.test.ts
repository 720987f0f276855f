import { SipRequest } from '@ringthrough/sip';
import { describe, expect, test } from 'vitest';
import { readArrival } from './arrival.ts';
import { routingLoop } from './routing-loop.ts';

const trunk = { cNumber: '+14155559000', country: 'US' };
const otherC = '+447700900999';
const person = '+14155550101';
const friend = '+14155550102';
const rules = {
  isCNumber: (number: string) => number === trunk.cNumber || number === otherC,
  maxDiversions: 5,
};

function loop(headers: Array<[string, string]>, from = '+14155550199'): string | undefined {
  const request = new SipRequest('INVITE', `sip:${trunk.cNumber}@127.0.0.1`, {
    headers: [['From', `<sip:${from}@c>;tag=1`], ['To', `<sip:${trunk.cNumber}@127.0.0.1>`], ...headers],
  });
  return routingLoop(request, readArrival(request, trunk), trunk, rules);
}

/** The last diversion first. */
const diversion = (...numbers: string[]): Array<[string, string]> =>
  numbers.map((number) => ['Diversion', `<sip:${number}@c>;reason=unconditional`]);
/** The first target first. */
const history = (...numbers: string[]): Array<[string, string]> =>
  numbers.map((number, at) => {
    const index = ['1', ...Array.from({ length: at }, () => '1')].join('.');
    return ['History-Info', `<sip:${number}@c>;index=${index}${at > 0 ? `;mp=${index.slice(0, -2)}` : ''}`];
  });

describe('a call that comes back to us', () => {
  test.each<[string, Array<[string, string]>]>([
    [
      'Diversion: the C number was forwarded to a number of ours, which forwards to the C number',
      diversion(person, trunk.cNumber),
    ],
    ['Diversion: by way of the C number of another carrier of ours', diversion(person, otherC)],
    ['Diversion: the same number has diverted it twice', diversion(person, friend, person)],
    ['History-Info: the C number is in its past', history(trunk.cNumber, person, trunk.cNumber)],
    ['History-Info: the C number called, with ourselves before it', history(trunk.cNumber, person)],
    ['History-Info: the same number twice', history(person, friend, person, trunk.cNumber)],
    [
      'History-Info: by redirections, each to a sibling (RFC 7044 section 5)',
      [
        ['History-Info', `<sip:${person}@c>;index=1`],
        ['History-Info', `<sip:${trunk.cNumber}@c>;index=1.1;mp=1`],
        ['History-Info', `<sip:${person}@c>;index=1.2;mp=1.1`],
        ['History-Info', `<sip:${trunk.cNumber}@c>;index=1.3;mp=1.2`],
      ],
    ],
    ['one header is clean, the other one is not', [...diversion(person), ...history(person, friend, person)]],
    ['numbers in other forms', diversion('4155550101', friend, '14155550101')],
  ])('%s', (_title, headers) => {
    expect(loop(headers)).toBe('loop');
  });

  test.each([trunk.cNumber, otherC])('the caller is our own C number %s', (cNumber) => {
    expect(loop(diversion(person), cNumber)).toBe('loop');
  });
});

describe('a call that was only forwarded', () => {
  test.each<[string, Array<[string, string]>]>([
    ['no header at all', []],
    ['one diversion', diversion(person)],
    ['two', diversion(person, friend)],
    ['the C number is a number that its carrier forwards to the trunk', diversion(trunk.cNumber, person)],
    ['two switches have written down the same diversion', diversion(person, person)],
    ['History-Info with the C number as the target', history(person, trunk.cNumber)],
    ['both headers, of one diversion', [...diversion(person), ...history(person, trunk.cNumber)]],
    [
      'History-Info: the phone was tried again after another target, and then left for the C number',
      [
        ['History-Info', `<sip:${person}@c>;index=1`],
        ['History-Info', `<sip:${friend}@c>;index=1.1;mp=1`],
        ['History-Info', `<sip:${person}@home>;index=1.2;rc=1`],
        ['History-Info', `<sip:${trunk.cNumber}@c>;index=1.3;mp=1`],
      ],
    ],
    [
      'History-Info whose entries point at each other',
      [
        ['History-Info', `<sip:${person}@c>;index=1;mp=1.1`],
        ['History-Info', `<sip:${trunk.cNumber}@c>;index=1.1;mp=1`],
      ],
    ],
    ['entries that are no numbers', diversion('alice', 'bob', 'alice')],
  ])('%s', (_title, headers) => {
    expect(loop(headers)).toBeUndefined();
  });
});

describe('a call that was handed on too often', () => {
  const chain = (length: number) => Array.from({ length }, (_, at) => `+1415555010${at}`);

  test('five diversions are taken, six are not', () => {
    expect(loop(diversion(...chain(5)))).toBeUndefined();
    expect(loop(diversion(...chain(6)))).toBe('too-many-diversions');
  });

  test('an entry may stand for several: counter (RFC 5806)', () => {
    const counted = (counter: number): Array<[string, string]> => [
      ['Diversion', `<sip:${person}@c>;reason=user-busy;counter=${counter}`],
    ];
    expect(loop(counted(5))).toBeUndefined();
    expect(loop(counted(6))).toBe('too-many-diversions');
  });

  test('History-Info: retargetings to another user count', () => {
    expect(loop(history(...chain(5), trunk.cNumber))).toBeUndefined();
    expect(loop(history(...chain(6), trunk.cNumber))).toBe('too-many-diversions');
  });
});
