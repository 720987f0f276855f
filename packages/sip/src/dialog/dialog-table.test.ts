import { describe, expect, it } from 'vitest';
import { SipRequest, SipResponse } from '../message/index.ts';
import { Dialog } from './dialog.ts';

const invite = (routes: string[] = []) =>
  new SipRequest('INVITE', 'sip:bob@biloxi.example', {
    headers: [
      ['From', '<sip:alice@atlanta.example>;tag=a1'],
      ['To', '<sip:bob@biloxi.example>'],
      ['Call-ID', 'call'],
      ['CSeq', '17 INVITE'],
      ['Contact', '<sip:alice@192.0.2.1>'],
      ...routes.map((route): [string, string] => ['Record-Route', route]),
    ],
  });
const response = (routes: string[] = [], contact = '<sip:bob@192.0.2.4>') =>
  new SipResponse(200, 'OK', {
    headers: [
      ['To', '<sip:bob@biloxi.example>;tag=b1'],
      ['Contact', contact],
      ...routes.map((route): [string, string] => ['Record-Route', route]),
    ],
  });
const request = (method: string, cseq: string, more: Array<[string, string]> = []) =>
  new SipRequest(method, 'sip:x', { headers: [['CSeq', cseq], ...more] });

const makers: Record<string, () => Dialog> = {
  'UAS early': () => Dialog.ofServer(invite(['<sip:p1;lr>']), 'b1'),
  'UAS confirmed': () => {
    const dialog = makers['UAS early']?.() as Dialog;
    dialog.confirm();
    return dialog;
  },
  'UAC early': () => Dialog.ofClient(invite(), response(['<sip:p1;lr>'])),
  'UAC confirmed': () => {
    const dialog = makers['UAC early']?.() as Dialog;
    dialog.confirm(response(['<sip:p1;lr>']));
    return dialog;
  },
  terminated: () => {
    const dialog = makers['UAS confirmed']?.() as Dialog;
    dialog.terminate();
    return dialog;
  },
};

describe('RFC 3261 12: a dialog in each state with each event', () => {
  it.each<[string, (dialog: Dialog) => void, Record<string, string>]>([
    [
      '12.3, 13.2.2.4: a 2xx confirms it, and nothing wakes a terminated one',
      (dialog) => dialog.confirm(),
      {
        'UAS early': 'confirmed',
        'UAS confirmed': 'confirmed',
        'UAC early': 'confirmed',
        'UAC confirmed': 'confirmed',
        terminated: 'terminated',
      },
    ],
    [
      '12.3, 15.1: it ends from any state',
      (dialog) => dialog.terminate(),
      {
        'UAS early': 'terminated',
        'UAS confirmed': 'terminated',
        'UAC early': 'terminated',
        'UAC confirmed': 'terminated',
        terminated: 'terminated',
      },
    ],
    [
      'a request of the peer moves nothing',
      (dialog) => void dialog.receive(request('BYE', '18 BYE')),
      {
        'UAS early': 'early',
        'UAS confirmed': 'confirmed',
        'UAC early': 'early',
        'UAC confirmed': 'confirmed',
        terminated: 'terminated',
      },
    ],
    [
      'a request of ours moves nothing',
      (dialog) => void dialog.request('BYE'),
      {
        'UAS early': 'early',
        'UAS confirmed': 'confirmed',
        'UAC early': 'early',
        'UAC confirmed': 'confirmed',
        terminated: 'terminated',
      },
    ],
  ])('%s', (_title, event, expected) => {
    const found = Object.entries(makers).map(([state, make]) => {
      const dialog = make();
      event(dialog);
      return [state, dialog.state];
    });
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  /** The peer's last number is 17 for the UAS; the UAC has heard nothing of it yet. */
  const rejected = { ok: false, status: 500 };
  it.each<[string, string, { uas: object; uac: object; last: [uas: number, uac: number] }]>([
    ['lower: out of order', '16 INFO', { uas: rejected, uac: { ok: true }, last: [17, 16] }],
    ['lowest', '0 INFO', { uas: rejected, uac: { ok: true }, last: [17, 0] }],
    ['equal', '17 INFO', { uas: { ok: true }, uac: { ok: true }, last: [17, 17] }],
    ['next', '18 INFO', { uas: { ok: true }, uac: { ok: true }, last: [18, 18] }],
    ['with a gap', '900 INFO', { uas: { ok: true }, uac: { ok: true }, last: [900, 900] }],
    [
      'largest, 8.1.1.5',
      '2147483647 INFO',
      { uas: { ok: true }, uac: { ok: true }, last: [2147483647, 2147483647] },
    ],
  ])('12.2.2: CSeq of the peer %s: %s', (_what, cseq, { uas, uac, last }) => {
    for (const state of ['UAS early', 'UAS confirmed', 'UAC early', 'UAC confirmed']) {
      const dialog = makers[state]?.() as Dialog;
      const server = state.startsWith('UAS');
      expect([state, dialog.receive(request('INFO', cseq))]).toEqual([state, server ? uas : uac]);
      expect([state, dialog.remoteSequence]).toEqual([state, last[server ? 0 : 1]]);
    }
  });

  it.each(['INFO', '-1 INFO', 'x INFO', '', '18'])(
    '12.2.2: a CSeq that is none, "%s", is refused and counts for nothing',
    (cseq) => {
      const dialog = makers['UAS confirmed']?.() as Dialog;
      expect(dialog.receive(request('INFO', cseq))).toEqual({ ok: false, status: 400 });
      expect(dialog.remoteSequence).toBe(17);
    },
  );

  it.each<[string, boolean]>([
    ['INVITE', true],
    ['UPDATE', true],
    ['SUBSCRIBE', true],
    ['NOTIFY', true],
    ['REFER', true],
    ['INFO', false],
    ['BYE', false],
    ['PRACK', false],
    ['OPTIONS', false],
    ['MESSAGE', false],
  ])(
    '12.2.1.2, RFC 3311, 3515, 6665: whether %s refreshes the target: %s; Record-Route never changes the route set',
    (method, refreshes) => {
      for (const state of ['UAS early', 'UAS confirmed', 'UAC confirmed']) {
        const dialog = makers[state]?.() as Dialog;
        const [target, routes] = [dialog.remoteTarget, dialog.routeSet];
        const more: Array<[string, string]> = [
          ['Contact', '<sip:moved@192.0.2.9>'],
          ['Record-Route', '<sip:new;lr>'],
        ];
        dialog.receive(request(method, `30 ${method}`, more));
        expect(dialog.remoteTarget).toBe(refreshes ? 'sip:moved@192.0.2.9' : target);
        expect(dialog.routeSet).toEqual(routes);
      }
    },
  );

  it('12.2.2: a request out of order does not refresh the target', () => {
    const dialog = makers['UAS confirmed']?.() as Dialog;
    dialog.receive(request('INVITE', '3 INVITE', [['Contact', '<sip:old@192.0.2.9>']]));
    expect(dialog.remoteTarget).toBe('sip:alice@192.0.2.1');
  });

  it.each(['*', 'nonsense <', '<>', ''])(
    '12.2.1.2: a Contact that is none, "%s", leaves the target',
    (contact) => {
      const dialog = makers['UAC confirmed']?.() as Dialog;
      dialog.receive(request('INVITE', '3 INVITE', [['Contact', contact]]));
      dialog.refresh(response([], contact).headers);
      expect(dialog.remoteTarget).toBe('sip:bob@192.0.2.4');
    },
  );

  it('12.2.1.1: requests of ours count by one; the ACK has the number of its INVITE and counts for nothing', () => {
    for (const [state, first] of [
      ['UAS confirmed', 1],
      ['UAC confirmed', 18],
    ] as const) {
      const dialog = makers[state]?.() as Dialog;
      const numbers = ['INFO', 'INVITE', 'BYE'].map((method) => dialog.request(method).headers.get('CSeq'));
      expect(numbers).toEqual([`${first} INFO`, `${first + 1} INVITE`, `${first + 2} BYE`]);
      expect(dialog.ack(first + 1).headers.get('CSeq')).toBe(`${first + 1} ACK`);
      expect(dialog.localSequence).toBe(first + 2);
    }
  });

  it.each<[string, string[], { uri: string; route: string[]; hop: string }]>([
    ['no route: the target', [], { uri: 'sip:bob@192.0.2.4', route: [], hop: 'sip:bob@192.0.2.4' }],
    [
      'loose routes: the target, and the whole set in Route',
      ['<sip:p2;lr>', '<sip:p1;lr>'],
      { uri: 'sip:bob@192.0.2.4', route: ['<sip:p1;lr>', '<sip:p2;lr>'], hop: 'sip:p1;lr' },
    ],
    [
      'a strict first: it is the Request-URI, the target the last Route',
      ['<sip:p2;lr>', '<sip:p1>'],
      { uri: 'sip:p1', route: ['<sip:p2;lr>', '<sip:bob@192.0.2.4>'], hop: 'sip:p1' },
    ],
    [
      'a strict one behind a loose one is the loose one’s matter',
      ['<sip:p2>', '<sip:p1;lr>'],
      { uri: 'sip:bob@192.0.2.4', route: ['<sip:p1;lr>', '<sip:p2>'], hop: 'sip:p1;lr' },
    ],
  ])('12.2.1.1: where a request goes: %s', (_title, recorded, { uri, route, hop }) => {
    const dialog = Dialog.ofClient(invite(), response(recorded));
    const info = dialog.request('INFO');
    expect([info.uri, info.headers.getAll('Route'), dialog.nextHop]).toEqual([uri, route, hop]);
  });
});
