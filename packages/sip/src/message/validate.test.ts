import { describe, expect, it } from 'vitest';
import { SipRequest, SipResponse } from './message.ts';
import { validateRequest, validateResponse } from './validate.ts';

function invite(change: (request: SipRequest) => void = () => {}): SipRequest {
  const request = new SipRequest('INVITE', 'sip:bob@example.com', {
    headers: [
      ['Via', 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa'],
      ['Max-Forwards', '70'],
      ['From', '"A" <sip:alice@example.com>;tag=1'],
      ['To', '<sip:bob@example.com>'],
      ['Call-ID', 'x@y'],
      ['CSeq', '1 INVITE'],
      ['Contact', '<sip:alice@192.0.2.1>'],
    ],
  });
  change(request);
  return request;
}

describe('validateRequest', () => {
  it('passes what is well-formed', () => {
    expect(validateRequest(invite())).toBeUndefined();
    expect(
      validateRequest(invite((request) => request.headers.delete('contact').delete('max-forwards'))),
    ).toBe(undefined);
    expect(validateRequest(invite((request) => (request.uri = 'tel:+14155550100')))).toBeUndefined();
    expect(
      validateRequest(invite((request) => request.headers.set('From', '<tel:+1415>;tag=1'))),
    ).toBeUndefined();
  });

  it.each(['Via', 'From', 'To', 'Call-ID', 'CSeq'])('demands %s (8.1.1)', (name) => {
    const error = validateRequest(invite((request) => request.headers.delete(name)));
    expect(error).toEqual({ code: 'missing-header', text: `Missing Header Field: ${name}`, status: 400 });
  });

  it.each(['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards'])('allows %s once only', (name) => {
    const twice = invite((request) => request.headers.add(name, request.headers.get(name)!));
    expect(validateRequest(twice)).toMatchObject({ code: 'repeated-header', status: 400 });
  });

  it.each([
    ['Via', 'SIP/2.0/UDP'],
    ['From', 'sip:'],
    ['From', '<sip:a@b@c>'],
    ['To', '<tel:x>'],
    ['To', ''],
    ['Call-ID', ''],
    ['Call-ID', 'a b'],
    ['CSeq', 'INVITE'],
    ['Contact', '*'],
    ['Contact', '<sip:'],
    ['Max-Forwards', '256'],
    ['Max-Forwards', '-1'],
  ])('refuses %s: %j', (name, value) => {
    const error = validateRequest(invite((request) => request.headers.set(name, value)));
    expect(error).toEqual({ code: 'bad-header', text: `Malformed Header Field: ${name}`, status: 400 });
  });

  it('looks at every Via', () => {
    const error = validateRequest(invite((request) => request.headers.add('Via', 'nonsense')));
    expect(error).toMatchObject({ code: 'bad-header' });
  });

  it.each([
    ['sip:a@b?Subject=x', 'bad-request-uri', 400],
    ['sip:', 'bad-request-uri', 400],
    ['bob', 'bad-request-uri', 400],
    ['*', 'bad-request-uri', 400],
    ['http://example.com', 'unsupported-uri-scheme', 416],
  ])('refuses the Request-URI %s', (uri, code, status) => {
    expect(validateRequest(invite((request) => (request.uri = uri)))).toMatchObject({ code, status });
  });

  it('holds CSeq against the method, with case (RFC 3261 8.1.1.5)', () => {
    expect(validateRequest(invite((request) => request.headers.set('CSeq', '1 invite')))).toMatchObject({
      code: 'cseq-mismatch',
      status: 400,
    });
    expect(validateRequest(invite((request) => (request.method = 'DANCE')))).toMatchObject({ status: 501 });
  });

  it('accepts the wildcard Contact in REGISTER', () => {
    const register = invite((request) => {
      request.method = 'REGISTER';
      request.headers.set('CSeq', '1 REGISTER').set('Contact', '*');
    });
    expect(validateRequest(register)).toBeUndefined();
  });
});

describe('validateResponse', () => {
  it('gives errors that are never answered', () => {
    const response = new SipResponse(200, 'OK', { headers: invite().headers });
    expect(validateResponse(response)).toBeUndefined();
    response.headers.delete('To');
    expect(validateResponse(response)).toEqual({ code: 'missing-header', text: 'Missing Header Field: To' });
  });
});
