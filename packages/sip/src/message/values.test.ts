import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SipHeaders } from './headers.ts';
import { formatNameAddr, parseNameAddr } from './name-addr.ts';
import {
  parseAuthParams,
  parseContact,
  parseContacts,
  parseCSeq,
  parseExpires,
  parseIdentities,
  parseReason,
  parseReasons,
  parseSipDate,
} from './values.ts';
import { formatVia, parseVia } from './via.ts';

describe('parseNameAddr', () => {
  it.each([
    ['<sip:a@b>', { uri: 'sip:a@b', params: new Map() }],
    ['sip:a@b;tag=1', { uri: 'sip:a@b', params: new Map([['tag', '1']]) }],
    [
      '<sip:a@b;x>;TAG=T;y="q;\\"z"',
      {
        uri: 'sip:a@b;x',
        params: new Map([
          ['tag', 'T'],
          ['y', 'q;"z'],
        ]),
      },
    ],
    ['A. Bell <sip:a@b>', { displayName: 'A. Bell', uri: 'sip:a@b', params: new Map() }],
    ['José Ñ <sip:a@b>', { displayName: 'José Ñ', uri: 'sip:a@b', params: new Map() }],
    ['"" <sip:a@b>', { displayName: '', uri: 'sip:a@b', params: new Map() }],
    ['sip:a@b;x="<y>"', { uri: 'sip:a@b', params: new Map([['x', '<y>']]) }],
    ['<tel:+1415>', { uri: 'tel:+1415', params: new Map() }],
    [
      '<sip:a@b>;+sip.instance="<urn:uuid:1>"',
      { uri: 'sip:a@b', params: new Map([['+sip.instance', '<urn:uuid:1>']]) },
    ],
  ])('reads %s', (text, value) => {
    expect(parseNameAddr(text)).toEqual(value);
  });

  it.each([
    '',
    '<>',
    '<sip:>',
    'sip:',
    '<sip:a@b',
    '"a <sip:a@b>',
    '"a"sip:a@b',
    'a, b <sip:a@b>',
    '< sip:a@b>',
    '<sip:a@b>x',
    '<sip:a@b>;',
    '<sip:a@b>;;x',
    '<sip:a@b>;x=',
    '<sip:a@b>;x="y',
    '<sip:a@b>;x=y z',
    'sip:a,b@c',
    'sip:a@b?c=d',
    'alice',
    '<alice>',
    '<sip:a@<b>>',
  ])('refuses %j', (text) => {
    expect(parseNameAddr(text)).toBeUndefined();
  });

  it('reads back what formatNameAddr wrote', () => {
    const value = fc.string({ unit: 'grapheme', maxLength: 12 });
    const address = fc.record(
      {
        displayName: value,
        uri: fc.constantFrom('sip:a@b;x', 'tel:+1', 'urn:service:sos'),
        params: fc
          .array(fc.tuple(fc.stringMatching(/^[a-z.+-]{1,8}$/), fc.option(value, { nil: undefined })))
          .map((all) => new Map(all)),
      },
      { requiredKeys: ['uri', 'params'] },
    );
    fc.assert(
      fc.property(address, (one) => {
        expect(parseNameAddr(formatNameAddr(one))).toEqual(one);
      }),
    );
  });
});

describe('parseVia', () => {
  it('reads and writes every part', () => {
    const text = 'SIP/2.0/WSS [2001:db8::9]:5061;branch=z9hG4bKx;received=2001:db8::1;rport';
    const via = parseVia(text);
    expect(via).toEqual({
      protocol: 'SIP/2.0',
      transport: 'WSS',
      host: '2001:db8::9',
      port: 5061,
      params: new Map([
        ['branch', 'z9hG4bKx'],
        ['received', '2001:db8::1'],
        ['rport', undefined],
      ]),
    });
    expect(formatVia(via!)).toBe(text);
  });

  it('allows white space around slashes, colon and semicolons', () => {
    expect(parseVia(' sip / 2.0 / udp \t x : 5060 ; branch = y ')).toEqual({
      protocol: 'SIP/2.0',
      transport: 'UDP',
      host: 'x',
      port: 5060,
      params: new Map([['branch', 'y']]),
    });
  });

  it.each([
    '',
    'SIP/2.0',
    'SIP/2.0/UDP',
    'SIP/2.0/UDP ',
    'SIP/2.0/UDPx',
    'SIP/2.0/UDP x:',
    'SIP/2.0/UDP x:y',
    'SIP/2.0/UDP x:70000',
    'SIP/2.0/UDP x y',
    'SIP/2.0/UDP x;',
    'SIP/2.0/UDP [x]',
    'SIP//UDP x',
    'SIP/2.0 UDP x',
  ])('refuses %j', (text) => {
    expect(parseVia(text)).toBeUndefined();
  });
});

describe('small values', () => {
  it('CSeq', () => {
    expect(parseCSeq('0 INVITE')).toEqual({ sequence: 0, method: 'INVITE' });
    expect(parseCSeq('2147483647  ACK')).toEqual({ sequence: 2147483647, method: 'ACK' });
    for (const bad of ['', '1', '1INVITE', 'INVITE', '-1 ACK', '2147483648 ACK', '1 A B', '1 (', '0x1 ACK']) {
      expect(parseCSeq(bad), bad).toBeUndefined();
    }
  });

  it('Expires', () => {
    expect(['0', '0060', '4294967295'].map(parseExpires)).toEqual([0, 60, 4294967295]);
    expect(['', '-1', '4294967296', '1.5', '1 2', 'x'].map(parseExpires)).toEqual(Array(6).fill(undefined));
  });

  it('Contact', () => {
    expect(parseContact(' * ')).toBe('*');
    expect(parseContact('<sip:a@b>;expires=60;q=0.5')).toMatchObject({ expires: 60, q: 0.5 });
    expect(parseContact('<sip:a@b>;q=1.000')).toMatchObject({ q: 1 });
    for (const q of ['1.1', '2', '-0', '0.1234', 'x']) {
      expect(parseContact(`<sip:a@b>;q=${q};expires=x`), q).toEqual({
        uri: 'sip:a@b',
        params: new Map([
          ['q', q],
          ['expires', 'x'],
        ]),
      });
    }
    const all = (...values: string[]) => parseContacts(new SipHeaders({ Contact: values }));
    expect(all()).toEqual([]);
    expect(all('*')).toBe('*');
    expect(all('*', '<sip:a@b>')).toBeUndefined();
    expect(all('<sip:a@b>, <sip:c@d>;q=0', 'sip:e@f')).toMatchObject([
      { uri: 'sip:a@b' },
      { uri: 'sip:c@d', q: 0 },
      { uri: 'sip:e@f' },
    ]);
    expect(all('<sip:a@b>', '<sip:')).toBeUndefined();
  });

  it('Reason (RFC 3326)', () => {
    const headers = new SipHeaders({
      Reason: [
        'Q.850 ;cause=16;text="Terminated, \\"ok\\"" , SIP;cause=200;text="Call completed elsewhere"',
        '=x',
        'X',
      ],
    });
    expect(parseReasons(headers)).toEqual([
      { protocol: 'Q.850', cause: 16, text: 'Terminated, "ok"' },
      { protocol: 'SIP', cause: 200, text: 'Call completed elsewhere' },
      { protocol: 'X' },
    ]);
    expect(parseReason('SIP;cause=abc')).toEqual({ protocol: 'SIP' });
    expect(parseReason('SIP cause=200')).toBeUndefined();
  });

  it('P-Asserted-Identity (RFC 3325)', () => {
    const headers = new SipHeaders({
      'P-Asserted-Identity': ['"Cullen, J" <sip:fluffy@cisco.com>, tel:+14085264000', '<bad'],
    });
    expect(parseIdentities(headers)).toEqual([
      { displayName: 'Cullen, J', uri: 'sip:fluffy@cisco.com', params: new Map() },
      { uri: 'tel:+14085264000', params: new Map() },
    ]);
  });

  it('challenges and credentials', () => {
    expect(parseAuthParams('Digest realm="a, \\"b\\"" ,nonce = n/+=,STALE=true')).toEqual({
      scheme: 'Digest',
      params: new Map([
        ['realm', 'a, "b"'],
        ['nonce', 'n/+='],
        ['stale', 'true'],
      ]),
    });
    expect(parseAuthParams('Negotiate')).toEqual({ scheme: 'Negotiate', params: new Map() });
    for (const bad of [
      '',
      'Digest realm',
      'Digest realm=',
      'Digest realm="',
      'Digest a=b,',
      'Digest a=b c=d',
      'D,a=b',
    ]) {
      expect(parseAuthParams(bad), bad).toBeUndefined();
    }
  });

  it('Date', () => {
    expect(parseSipDate('Sat, 13 Nov 2010 23:29:00 GMT')).toBe(Date.UTC(2010, 10, 13, 23, 29));
    for (const bad of [
      'Sat, 13 Nov 2010 23:29:00 EST',
      'Sat, 13 Foo 2010 23:29:00 GMT',
      'now',
      'Sat, 00 Nov 2010 23:29:00 GMT',
    ]) {
      expect(parseSipDate(bad), bad).toBeUndefined();
    }
  });
});
