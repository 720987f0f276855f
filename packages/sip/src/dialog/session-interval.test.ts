import { expect, it } from 'vitest';
import { SipRequest, SipResponse } from '../message/index.ts';
import {
  graceSeconds,
  judgeInterval,
  parseMinSe,
  parseSessionExpires,
  settledInterval,
} from './session-interval.ts';

const ours = { expiresSeconds: 1_800, minSeconds: 90 };
const judge = (headers: Array<[string, string]>, intervals = ours) =>
  judgeInterval(new SipRequest('INVITE', 'sip:a@b', { headers }), intervals);
const timer: [string, string] = ['Supported', 'path, Timer'];

it.each([
  ['1800', { seconds: 1_800, refresher: undefined }],
  ['90;refresher=uac', { seconds: 90, refresher: 'uac' }],
  [' 4294967295 ; x=y ; Refresher = UAS ;z', { seconds: 4_294_967_295, refresher: 'uas' }],
  ['90;refresher=nobody', { seconds: 90, refresher: undefined }],
  ['soon', undefined],
  ['-1', undefined],
  ['', undefined],
])('RFC 4028 4: Session-Expires: %s', (value, parsed) => {
  const { headers } = new SipResponse(200, 'OK', { headers: [['x', value]] });
  expect(parseSessionExpires(headers)).toEqual(parsed);
});

it('RFC 4028 5: Min-SE, with parameters, malformed and absent', () => {
  const read = (value: string) =>
    parseMinSe(new SipResponse(422, '', { headers: [['Min-SE', value]] }).headers);
  expect([read('120'), read('120 ;a=b'), read('never')]).toEqual([120, 120, undefined]);
  expect(parseMinSe(new SipResponse(422, '').headers)).toBeUndefined();
});

it.each([
  ['neither the extension nor an interval', [], { type: 'none' }],
  ['the extension alone: we propose, the peer refreshes', [timer], [1_800, 'uac', true]],
  ['a longer interval: we shorten it', [timer, ['Session-Expires', '7200']], [1_800, 'uac', true]],
  ['a shorter one is kept', [timer, ['Session-Expires', '600;refresher=uas']], [600, 'uas', true]],
  ['not below Min-SE', [timer, ['Session-Expires', '7200'], ['Min-SE', '3600']], [3_600, 'uac', true]],
  ['a proxy asked, the peer cannot: we refresh', [['Session-Expires', '600']], [600, 'uas', false]],
  ['too short, and the peer could not read 422', [['Session-Expires', '60']], [90, 'uas', false]],
  ['too short', [timer, ['Session-Expires', '89']], { type: 'refuse', minSeconds: 90 }],
  [
    'longer than any timer',
    [timer, ['Session-Expires', '4294967295'], ['Min-SE', '4294967295']],
    [1_000_000, 'uac', true],
  ],
  ['Require counts as Supported', [['Require', 'timer']], [1_800, 'uac', true]],
] as Array<[string, Array<[string, string]>, unknown]>)(
  'RFC 4028 9, table 2: %s',
  (_what, headers, expected) => {
    const [seconds, refresher, peerSupports] = Array.isArray(expected) ? expected : [];
    const accepted = { type: 'accept', interval: { seconds, refresher }, peerSupports };
    expect(judge(headers)).toEqual(Array.isArray(expected) ? accepted : expected);
  },
);

it('RFC 4028 7.2: the 2xx settles it', () => {
  const settle = (value?: string) =>
    settledInterval(
      new SipResponse(200, 'OK', value === undefined ? {} : { headers: [['Session-Expires', value]] }),
    );
  expect(settle('600;refresher=uas')).toEqual({ seconds: 600, refresher: 'uas' });
  expect(settle('600')).toEqual({ seconds: 600, refresher: 'uac' });
  // A peer that asks for a refresh every second gets what the RFC allows.
  expect(settle('1;refresher=uac')).toEqual({ seconds: 90, refresher: 'uac' });
  expect(settle()).toBeUndefined();
});

it('RFC 4028 10: the smaller of 32 s and a third before the end', () => {
  expect([graceSeconds(90), graceSeconds(1_800)]).toEqual([30, 32]);
});
