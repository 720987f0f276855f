import { expect, it } from 'vitest';
import type { Diverted } from '../model/types.ts';
import { redirectionHeaders } from './redirection.ts';

const once: Diverted[] = [{ number: '+14155550101', reason: 'unavailable', to: '+14155559000' }];
const twice: Diverted[] = [
  { number: '+12125550199', reason: 'unconditional', to: '+14155550101' },
  { number: '+14155550101', reason: 'no-answer', to: '+14155559000' },
];
const host = '127.0.0.1';

it('writes Diversion as RFC 5806 does', () => {
  expect(redirectionHeaders({ diverted: once, host, headers: 'diversion' })).toEqual([
    ['Diversion', '<sip:+14155550101@127.0.0.1;user=phone>;reason=unavailable;counter=1;privacy=off'],
  ]);
});

it('puts the latest Diversion on top', () => {
  const values = redirectionHeaders({ diverted: twice, host, headers: 'diversion' }).map(
    ([, value]) => value,
  );
  expect(values[0]).toContain('+14155550101');
  expect(values[0]).toContain('reason=no-answer');
  expect(values[1]).toContain('+12125550199');
  expect(values[1]).toContain('reason=unconditional');
});

it('writes History-Info as RFC 7044 does, oldest first, with the cause of RFC 4458', () => {
  expect(redirectionHeaders({ diverted: twice, host, headers: 'history-info' })).toEqual([
    ['History-Info', '<sip:+12125550199@127.0.0.1;user=phone>;index=1'],
    ['History-Info', '<sip:+14155550101@127.0.0.1;user=phone;cause=302>;index=1.1;mp=1'],
    ['History-Info', '<sip:+14155559000@127.0.0.1;user=phone;cause=408>;index=1.1.1;mp=1.1'],
  ]);
});

it.each([
  ['both', ['Diversion', 'History-Info', 'History-Info']],
  ['none', []],
] as const)('writes %s', (headers, names) => {
  expect(redirectionHeaders({ diverted: once, host, headers }).map(([name]) => name)).toEqual(names);
});

it('writes nothing for a call that was dialled directly', () => {
  expect(redirectionHeaders({ diverted: [], host, headers: 'both' })).toEqual([]);
});
