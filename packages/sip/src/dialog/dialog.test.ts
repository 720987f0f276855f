import { describe, expect, it } from 'vitest';
import { SipRequest, SipResponse } from '../message/index.ts';
import { Dialog, dialogId } from './dialog.ts';

const invite = (more: Array<[string, string]> = []) =>
  new SipRequest('INVITE', 'sip:bob@biloxi.example', {
    headers: [
      ['From', 'Alice <sip:alice@atlanta.example>;tag=a1'],
      ['To', 'Bob <sip:bob@biloxi.example>'],
      ['Call-ID', 'call'],
      ['CSeq', '17 INVITE'],
      ['Contact', '<sip:alice@pc33.atlanta.example>'],
      ...more,
    ],
  });
const response = (more: Array<[string, string]> = [], to = 'Bob <sip:bob@biloxi.example>;tag=b1') =>
  new SipResponse(200, 'OK', { headers: [['To', to], ['Contact', '<sip:bob@192.0.2.4>'], ...more] });
const request = (method: string, sequence: string, more: Array<[string, string]> = []) =>
  new SipRequest(method, 'sip:x', { headers: [['CSeq', sequence], ...more] });
const headersOf = ({ headers }: SipRequest) =>
  [...headers.entries()].map(([name, value]) => `${name}: ${value}`);

describe('12.1.1: the dialog of the UAS', () => {
  it('has the Record-Route in order, the Contact as target, and the tags the other way round', () => {
    const dialog = Dialog.ofServer(invite([['Record-Route', '<sip:p2;lr>, <sip:p1;lr>']]), 'b1');
    expect(dialog.id).toBe(dialogId('call', 'b1', 'a1'));
    expect(dialog.routeSet).toEqual(['<sip:p2;lr>', '<sip:p1;lr>']);
    expect(dialog.remoteTarget).toBe('sip:alice@pc33.atlanta.example');
    expect([dialog.state, dialog.localSequence, dialog.remoteSequence]).toEqual(['early', 0, 17]);
    expect(headersOf(dialog.request('BYE'))).toEqual([
      'Max-Forwards: 70',
      'Route: <sip:p2;lr>',
      'Route: <sip:p1;lr>',
      'From: Bob <sip:bob@biloxi.example>;tag=b1',
      'To: Alice <sip:alice@atlanta.example>;tag=a1',
      'Call-ID: call',
      'CSeq: 1 BYE',
    ]);
    expect(dialog.nextHop).toBe('sip:p2;lr');
  });

  it('takes a peer of RFC 2543 without a tag and a peer without a Contact', () => {
    const old = new SipRequest('INVITE', 'sip:b@c', {
      headers: [
        ['From', '<sip:old@host.example>'],
        ['To', '<sip:b@c>'],
        ['Call-ID', 'old'],
        ['CSeq', '1 INVITE'],
      ],
    });
    const dialog = Dialog.ofServer(old, 'b1');
    expect(dialog.id).toBe(dialogId('old', 'b1', ''));
    expect(dialog.remoteTarget).toBe('sip:old@host.example');
  });
});

describe('12.1.2: the dialog of the UAC', () => {
  it('has the Record-Route in reverse order, and counts on from its INVITE', () => {
    const dialog = Dialog.ofClient(invite(), response([['Record-Route', '<sip:p2;lr>, <sip:p1;lr>']]));
    expect(dialog.id).toBe(dialogId('call', 'a1', 'b1'));
    expect(dialog.routeSet).toEqual(['<sip:p1;lr>', '<sip:p2;lr>']);
    expect(dialog.request('INFO').headers.get('CSeq')).toBe('18 INFO');
    expect(dialog.nextSequence()).toBe(19);
    expect(dialog.request('BYE').headers.get('CSeq')).toBe('20 BYE');
  });

  it('13.2.2.4: the ACK has the CSeq number of its INVITE and is sent to the target', () => {
    const dialog = Dialog.ofClient(invite(), response());
    const ack = dialog.ack(17);
    expect([ack.method, ack.uri, ack.headers.get('CSeq')]).toEqual(['ACK', 'sip:bob@192.0.2.4', '17 ACK']);
    expect(dialog.localSequence).toBe(17);
  });

  it('13.2.2.4: the route set and the target are computed anew from the 2xx', () => {
    const dialog = Dialog.ofClient(invite(), response([['Record-Route', '<sip:early;lr>']]));
    dialog.confirm(
      response([
        ['Record-Route', '<sip:final;lr>'],
        ['Contact', '<sip:other@192.0.2.4>'],
      ]),
    );
    expect([dialog.state, dialog.routeSet]).toEqual(['confirmed', ['<sip:final;lr>']]);
  });

  it('12.2.1.1: a strict router becomes the Request-URI, and the target the last Route', () => {
    const dialog = Dialog.ofClient(
      invite(),
      response([['Record-Route', '<sip:p2;lr>, <sip:strict.example;method=INVITE;x=1?h=v>']]),
    );
    const bye = dialog.request('BYE');
    expect(bye.uri).toBe('sip:strict.example;x=1');
    expect(bye.headers.getAll('Route')).toEqual(['<sip:p2;lr>', '<sip:bob@192.0.2.4>']);
  });
});

describe('12.2.2: a request of the peer', () => {
  const dialog = () => Dialog.ofServer(invite(), 'b1');
  it.each<[string, string, object]>([
    ['with a higher CSeq number is in order', '18 INFO', { ok: true }],
    ['with a gap is in order', '400 INFO', { ok: true }],
    ['with the same number is not lower', '17 INFO', { ok: true }],
    [
      'with a lower number is out of order and MUST be rejected with 500',
      '16 INFO',
      { ok: false, status: 500 },
    ],
    ['without a number is wrong', 'INFO', { ok: false, status: 400 }],
  ])('%s', (_title, sequence, verdict) => {
    expect(dialog().receive(request('INFO', sequence))).toEqual(verdict);
  });

  it('does not count one that was out of order', () => {
    const one = dialog();
    one.receive(request('INFO', '20 INFO'));
    one.receive(request('INFO', '18 INFO'));
    expect(one.remoteSequence).toBe(20);
  });

  it.each([
    ['INVITE', 'sip:new@x'],
    ['UPDATE', 'sip:new@x'],
    ['INFO', 'sip:alice@pc33.atlanta.example'],
  ])('%s with a Contact: the target is then %s', (method, target) => {
    const one = dialog();
    one.receive(request(method, `18 ${method}`, [['Contact', '<sip:new@x>']]));
    expect(one.remoteTarget).toBe(target);
  });

  it('of a target refresh without a usable Contact leaves the target', () => {
    const one = dialog();
    one.receive(request('INVITE', '18 INVITE', [['Contact', '*']]));
    one.receive(request('UPDATE', '19 UPDATE'));
    expect(one.remoteTarget).toBe('sip:alice@pc33.atlanta.example');
  });
});

it('12.3: a terminated dialog stays so', () => {
  const dialog = Dialog.ofServer(invite(), 'b1');
  dialog.terminate();
  dialog.confirm();
  expect(dialog.state).toBe('terminated');
});
