import { SipRequest } from '@ringthrough/sip';
import { describe, expect, test } from 'vitest';
import { applyRegister, type Binding, type RegisterResult } from './register-contacts.ts';

const limits = {
  minExpiresSeconds: 30,
  maxExpiresSeconds: 3600,
  defaultExpiresSeconds: 300,
  maxBindingsPerDevice: 2,
};
const udp = { transport: 'udp', local: '127.0.0.1:5060', remote: '127.0.0.1:4000' };
const ws = { transport: 'ws', local: '127.0.0.1:8080', remote: '127.0.0.1:5000' };
const now = 1_000_000;

type Headers = Array<[string, string]>;

function register(current: readonly Binding[], headers: Headers, source = ws, at = now): RegisterResult {
  const request = new SipRequest('REGISTER', 'sip:localhost', {
    headers: [['Call-ID', 'a'], ['CSeq', '1 REGISTER'], ...headers],
  });
  if (headers.some(([name]) => name === 'CSeq')) request.headers.removeFirst('CSeq');
  if (headers.some(([name]) => name === 'Call-ID')) request.headers.removeFirst('Call-ID');
  return applyRegister(current, request, { source, limits, now: at });
}

function bindings(result: RegisterResult): Binding[] {
  if (!result.ok) throw new Error(`refused with ${result.status}`);
  return result.bindings;
}

const uris = (result: RegisterResult) => bindings(result).map((binding) => binding.contactUri);
const refusal = (result: RegisterResult) => (result.ok ? 'accepted' : result.status);

describe('RFC 3261 section 10.3', () => {
  test('a Contact without expires is bound for the default time', () => {
    const [binding] = bindings(register([], [['Contact', '<sip:x@h>']]));
    expect(binding).toMatchObject({
      contactUri: 'sip:x@h',
      expiresAt: now + 300_000,
      ...ws,
      cseq: 1,
      callId: 'a',
    });
  });

  test.each<[string, Headers, number]>([
    [
      'the parameter goes before the header',
      [
        ['Contact', '<sip:x@h>;expires=60'],
        ['Expires', '90'],
      ],
      60,
    ],
    [
      'the header without parameter',
      [
        ['Contact', '<sip:x@h>'],
        ['Expires', '90'],
      ],
      90,
    ],
    ['no more than the maximum', [['Contact', '<sip:x@h>;expires=99999']], 3600],
    ['a value that is no number counts as absent', [['Contact', '<sip:x@h>;expires=soon']], 300],
  ])('expires: %s', (_, headers, seconds) => {
    expect(bindings(register([], headers))[0]?.expiresAt).toBe(now + seconds * 1000);
  });

  test('an interval below the minimum is answered 423 with Min-Expires', () => {
    expect(register([], [['Contact', '<sip:x@h>;expires=29']])).toMatchObject({
      status: 423,
      minExpires: 30,
    });
  });

  test('a REGISTER without Contact asks, and changes nothing', () => {
    const current = bindings(register([], [['Contact', '<sip:x@h>']]));
    expect(register(current, [])).toEqual({ ok: true, bindings: current, changed: false });
  });

  test('a refresh moves the expiry of the same URI', () => {
    const current = bindings(register([], [['Contact', '<sip:x@h>']]));
    const after = bindings(
      register(current, [
        ['Contact', '<sip:x@H>;expires=60'],
        ['CSeq', '2 REGISTER'],
      ]),
    );
    expect(after).toHaveLength(1);
    expect(after[0]).toMatchObject({ expiresAt: now + 60_000, cseq: 2 });
  });

  test('expires=0 removes one, the others stay', () => {
    const current = bindings(register([], [['Contact', '<sip:x@h>, <sip:y@h>']]));
    const after = register(current, [
      ['Contact', '<sip:x@h>;expires=0'],
      ['CSeq', '2 REGISTER'],
    ]);
    expect(uris(after)).toEqual(['sip:y@h']);
  });

  test('"*" with Expires: 0 removes all', () => {
    const current = bindings(register([], [['Contact', '<sip:x@h>, <sip:y@h>']]));
    expect(
      uris(
        register(current, [
          ['Contact', '*'],
          ['Expires', '0'],
          ['CSeq', '2 REGISTER'],
        ]),
      ),
    ).toEqual([]);
  });

  test.each<[string, Headers]>([
    ['"*" without Expires: 0', [['Contact', '*']]],
    [
      '"*" with a time',
      [
        ['Contact', '*'],
        ['Expires', '60'],
      ],
    ],
    [
      '"*" beside others',
      [
        ['Contact', '*, <sip:x@h>'],
        ['Expires', '0'],
      ],
    ],
    ['a contact that is no SIP URI', [['Contact', '<mailto:x@h>']]],
    ['a malformed contact', [['Contact', '<sip:x@h']]],
    ['more contacts than a device may have', [['Contact', '<sip:1@h>, <sip:2@h>, <sip:3@h>']]],
  ])('%s is answered 400', (_, headers) => {
    expect(refusal(register([], headers))).toBe(400);
  });

  test('the same Call-ID needs a higher CSeq; nothing is changed otherwise', () => {
    const current = bindings(
      register(
        [],
        [
          ['Contact', '<sip:x@h>'],
          ['CSeq', '5 REGISTER'],
        ],
      ),
    );
    for (const cseq of ['5 REGISTER', '4 REGISTER']) {
      expect(
        refusal(
          register(current, [
            ['Contact', '<sip:x@h>;expires=0'],
            ['CSeq', cseq],
          ]),
        ),
      ).toBe(500);
      expect(
        refusal(
          register(current, [
            ['Contact', '*'],
            ['Expires', '0'],
            ['CSeq', cseq],
          ]),
        ),
      ).toBe(500);
    }
  });

  test('another Call-ID (the device was started again) may have any CSeq', () => {
    const current = bindings(
      register(
        [],
        [
          ['Contact', '<sip:x@h>'],
          ['CSeq', '5 REGISTER'],
        ],
      ),
    );
    const after = register(current, [
      ['Contact', '<sip:x@h>'],
      ['CSeq', '1 REGISTER'],
      ['Call-ID', 'b'],
    ]);
    expect(bindings(after)[0]).toMatchObject({ callId: 'b', cseq: 1 });
  });

  test('one bad contact among good ones changes nothing', () => {
    expect(refusal(register([], [['Contact', '<sip:x@h>;expires=60, <sip:y@h>;expires=1']]))).toBe(423);
  });
});

describe('several bindings of one device', () => {
  test('beyond the maximum the oldest goes', () => {
    let current: Binding[] = [];
    for (const user of ['1', '2', '3']) {
      current = bindings(
        register(current, [
          ['Contact', `<sip:${user}@h>`],
          ['Call-ID', user],
        ]),
      );
    }
    expect(current.map((binding) => binding.contactUri)).toEqual(['sip:2@h', 'sip:3@h']);
  });

  test('the same instance over a new flow replaces the old one (RFC 5626)', () => {
    const contact = (user: string): [string, string] => [
      'Contact',
      `<sip:${user}@h.invalid;transport=ws>;reg-id=1;+sip.instance="<urn:uuid:1>"`,
    ];
    const current = bindings(register([], [contact('a')]));
    expect(uris(register(current, [contact('b'), ['Call-ID', 'b']]))).toEqual([
      'sip:b@h.invalid;transport=ws',
    ]);
  });

  test('a softphone that was started again at the same UDP address does not ring twice', () => {
    const current = bindings(register([], [['Contact', '<sip:a@127.0.0.1:4000>']], udp));
    const after = register(
      current,
      [
        ['Contact', '<sip:b@127.0.0.1:4000>'],
        ['Call-ID', 'b'],
      ],
      udp,
    );
    expect(uris(after)).toEqual(['sip:b@127.0.0.1:4000']);
  });

  test('two contacts of one REGISTER over UDP are both bound, refreshed and replaced together', () => {
    const both = (cseq: number, a: string, b: string): Headers => [
      ['Contact', `<sip:${a}@127.0.0.1:4000>`],
      ['Contact', `<sip:${b}@127.0.0.1:4000>`],
      ['CSeq', `${cseq} REGISTER`],
    ];
    let current = bindings(register([], both(1, 'a', 'b'), udp));
    expect(current).toHaveLength(2);
    expect(refusal(register(current, both(1, 'a', 'b'), udp))).toBe(500);
    current = bindings(register(current, both(2, 'a', 'b'), udp));
    expect(current.map(({ contactUri, cseq }) => [contactUri, cseq])).toEqual([
      ['sip:a@127.0.0.1:4000', 2],
      ['sip:b@127.0.0.1:4000', 2],
    ]);
    expect(uris(register(current, both(3, 'c', 'd'), udp))).toEqual([
      'sip:c@127.0.0.1:4000',
      'sip:d@127.0.0.1:4000',
    ]);
  });

  test('of the same contact twice in one REGISTER the last counts', () => {
    const result = register([], [['Contact', '<sip:x@h>;expires=60, <sip:x@H>;expires=90']]);
    expect(bindings(result).map(({ expiresAt }) => expiresAt)).toEqual([now + 90_000]);
    expect(uris(register([], [['Contact', '<sip:x@h>;expires=60, <sip:x@h>;expires=0']]))).toEqual([]);
  });

  test('what has expired is gone', () => {
    const current = bindings(register([], [['Contact', '<sip:x@h>;expires=30']]));
    expect(bindings(register(current, [], ws, now + 30_001))).toEqual([]);
  });
});
