import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNameAddr, parseVia, SipRequest } from '../message/index.ts';
import { clientKey, isOldBranch, mergeKey, serverKey, tagOf } from './transaction-key.ts';

const requestOf = (method: string, via: string, more: Record<string, string> = {}) =>
  new SipRequest(method, 'sip:bob@biloxi.example', {
    headers: {
      Via: via,
      From: '<sip:a@b>;tag=f',
      To: '<sip:c@d>',
      'Call-ID': 'x',
      CSeq: `7 ${method}`,
      ...more,
    },
  });
const keyOf = (request: SipRequest, method?: string) =>
  serverKey(request, parseVia(request.headers.get('Via')!)!, method);
const via = (branch: string, sentBy = 'host.example:5060') => `SIP/2.0/UDP ${sentBy};branch=${branch}`;

describe('17.2.3: a request matches a server transaction if', () => {
  const invite = keyOf(requestOf('INVITE', via('z9hG4bK1')));
  it.each<[string, string, boolean]>([
    ['branch, sent-by and method are the same', keyOf(requestOf('INVITE', via('z9hG4bK1'))), true],
    [
      'the host of sent-by differs only in case',
      keyOf(requestOf('INVITE', via('z9hG4bK1', 'HOST.example:5060'))),
      true,
    ],
    ['it is the ACK of the INVITE', keyOf(requestOf('ACK', via('z9hG4bK1'))), true],
    ['not: another branch', keyOf(requestOf('INVITE', via('z9hG4bK2'))), false],
    ['not: another sent-by host', keyOf(requestOf('INVITE', via('z9hG4bK1', 'other.example:5060'))), false],
    ['not: another sent-by port', keyOf(requestOf('INVITE', via('z9hG4bK1', 'host.example:5062'))), false],
    ['not: another method', keyOf(requestOf('OPTIONS', via('z9hG4bK1'))), false],
    ['not: CANCEL, which is a transaction of its own', keyOf(requestOf('CANCEL', via('z9hG4bK1'))), false],
    ['9.2: but CANCEL finds what it cancels', keyOf(requestOf('CANCEL', via('z9hG4bK1')), 'INVITE'), true],
  ])('%s', (_title, key, same) => {
    expect(key === invite).toBe(same);
  });
});

describe('17.2.3: without the cookie, by the headers of RFC 2543', () => {
  const old = 'SIP/2.0/UDP host.example;branch=1';
  const invite = keyOf(requestOf('INVITE', old));
  it.each<[string, SipRequest, boolean]>([
    ['the same request', requestOf('INVITE', old), true],
    ['its ACK, which has a To tag', requestOf('ACK', old, { To: '<sip:c@d>;tag=t' }), true],
    ['not: another CSeq number', requestOf('INVITE', old, { CSeq: '8 INVITE' }), false],
    ['not: another Call-ID', requestOf('INVITE', old, { 'Call-ID': 'y' }), false],
    ['not: another From tag', requestOf('INVITE', old, { From: '<sip:a@b>;tag=g' }), false],
    ['not: another Via', requestOf('INVITE', 'SIP/2.0/UDP host.example;branch=2'), false],
  ])('%s', (_title, request, same) => {
    expect(isOldBranch(parseVia(old)!)).toBe(true);
    expect(keyOf(request) === invite).toBe(same);
  });
});

it('17.1.3: a response matches by branch and CSeq method', () => {
  expect(clientKey('z9hG4bK1', 'INVITE')).not.toBe(clientKey('z9hG4bK1', 'CANCEL'));
});

it('8.2.2.2: copies of a request by other ways have one merge key', () => {
  expect(mergeKey(requestOf('INVITE', via('z9hG4bK1')))).toBe(mergeKey(requestOf('INVITE', via('z9hG4bK2'))));
  expect(mergeKey(requestOf('INVITE', via('z9hG4bK1')))).not.toBe(
    mergeKey(requestOf('INVITE', via('z9hG4bK1'), { CSeq: '8 INVITE' })),
  );
});

describe('the tag of From and To', () => {
  it.each<[string, string | undefined]>([
    ['<sip:a@b>;tag=x', 'x'],
    ['<sip:a@b>;other=1;tag=x;more', 'x'],
    ['sip:a@b;tag=x', 'x'],
    ['<sip:a@b;tag=inside>', undefined],
    ['"q;tag=no" <sip:a@b>', undefined],
    ['"a>b;tag=no" <sip:a@b>;tag=yes', 'yes'],
    ['<sip:a@b>;p="x>y;tag=no";tag=yes', 'yes'],
    ['<sip:a@b>;p=";tag=no"', undefined],
    ['<sip:a@b> ; Tag = x', 'x'],
    ['<sip:a@b>;TAG=x', 'x'],
    ['<sip:a@b>', undefined],
    ['nonsense', undefined],
  ])('of %s', (value, tag) => {
    expect(tagOf(value)).toBe(tag);
  });

  it('is what the whole grammar says, for every well-formed value', () => {
    const token = fc.stringMatching(/^[a-zA-Z0-9.-]{1,6}$/);
    const param = fc.oneof(
      fc.tuple(fc.constantFrom('tag', 'Tag', 'x', 'y'), token).map(([name, value]) => `${name}=${value}`),
      fc
        .tuple(fc.constantFrom('x', 'z'), fc.constantFrom('";tag=q"', '"a>b"', '"<"'))
        .map(([name, value]) => `${name}=${value}`),
      token,
    );
    const display = fc.constantFrom('', 'Bob ', '"B; tag=1" ', '"<>" ');
    fc.assert(
      fc.property(
        display,
        fc.array(param, { maxLength: 4 }),
        fc.constantFrom(';', ' ; '),
        (name, params, separator) => {
          const value = `${name}<sip:a@b;tag=u>${params.map((one) => separator + one).join('')}`;
          const parsed = parseNameAddr(value);
          // A second tag is malformed (RFC 3261 section 7.3.1): whichever is taken then.
          fc.pre(parsed !== undefined && params.filter((one) => /^tag=/i.test(one)).length < 2);
          expect(tagOf(value)).toBe(parsed?.params.get('tag'));
        },
      ),
    );
  });
});
