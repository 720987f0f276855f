import { describe, expect, it } from 'vitest';
import { SipMessageError } from './errors.ts';
import { type SipMessage, SipRequest, SipResponse } from './message.ts';
import { parseMessage } from './parse.ts';
import { serializeMessage } from './serialize.ts';

const bytes = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');

function parsed(text: string | Buffer): SipMessage {
  const result = parseMessage(typeof text === 'string' ? bytes(text) : text);
  if (!result.ok) throw new Error(result.error.code);
  return result.message;
}

function code(text: string | Buffer, limits = {}): [string, number | undefined] {
  const result = parseMessage(typeof text === 'string' ? bytes(text) : text, limits);
  if (result.ok) throw new Error('parses');
  return [result.error.code, result.error.status];
}

describe('parseMessage', () => {
  it('reads requests and responses', () => {
    const request = parsed('OPTIONS sip:a@b SIP/2.0\nTo : x\n\n');
    expect(request).toMatchObject({ kind: 'request', method: 'OPTIONS', uri: 'sip:a@b' });
    expect(request.headers.get('t')).toBe('x');
    expect(parsed('sip/2.0 486 Busy  Here\n\n')).toMatchObject({
      kind: 'response',
      status: 486,
      reason: 'Busy  Here',
    });
    expect(parsed('SIP/2.0 200\n\n')).toMatchObject({ status: 200, reason: '' });
  });

  it('ignores empty lines before the start line (RFC 3261 7.5)', () => {
    expect(parsed('\n\nACK sip:a SIP/2.0\n\n')).toMatchObject({ method: 'ACK' });
  });

  it('joins folded lines with one space (RFC 3261 7.3.1)', () => {
    const { headers } = parsed('ACK sip:a SIP/2.0\nSubject:\n  I \t\n\t know\n \n you\nX: y\n\n');
    expect(headers.get('s')).toBe('I know  you');
    expect(headers.get('x')).toBe('y');
  });

  it('cuts the body at Content-Length and reports the rest', () => {
    const result = parseMessage(bytes('ACK sip:a SIP/2.0\nl: 2\n\nabcde'));
    expect(result).toMatchObject({ ok: true, trailing: 3 });
    expect(result.ok && Buffer.from(result.message.body).toString()).toBe('ab');
    // Without Content-Length the body goes to the end (RFC 3261 18.3).
    expect(Buffer.from(parsed('ACK sip:a SIP/2.0\n\nab\n').body).toString()).toBe('ab\r\n');
    expect(parsed('ACK sip:a SIP/2.0\nl: 1\nContent-Length: 1\n\nx').body).toHaveLength(1);
  });

  it('keeps every byte of the body', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(Buffer.compare(parsed(Buffer.concat([bytes('ACK sip:a SIP/2.0\n\n'), all])).body, all)).toBe(0);
  });

  it('takes UTF-8 for what it is, and other bytes for ISO 8859-1', () => {
    const utf8 = Buffer.from('ACK sip:a SIP/2.0\r\nSubject: é€\r\n\r\n', 'utf8');
    expect(parsed(utf8).headers.get('subject')).toBe('é€');
    expect(parsed('ACK sip:a SIP/2.0\nSubject: é\n\n').headers.get('subject')).toBe('é');
  });

  it('accepts any Uint8Array, also a part of a larger one', () => {
    const whole = new Uint8Array(Buffer.concat([Buffer.from('xxx'), bytes('ACK sip:a SIP/2.0\n\n')]));
    expect(parseMessage(whole.subarray(3))).toMatchObject({ ok: true });
  });

  it.each([
    ['', 'no-message', undefined],
    ['\n\n', 'no-message', undefined],
    ['ACK sip:a SIP/2.0\n', 'no-blank-line', 400],
    ['ACK sip:a SIP/2.0', 'no-blank-line', 400],
    ['ACK sip:a\n\n', 'bad-request-line', 400],
    ['ACK\n\n', 'bad-request-line', 400],
    ['A(K sip:a SIP/2.0\n\n', 'bad-request-line', 400],
    ['GET / HTTP/1.1\n\n', 'bad-request-line', 400],
    ['ACK "sip:a" SIP/2.0\n\n', 'bad-request-uri', 400],
    ['ACK sip:a SIP/2.1\n\n', 'bad-version', 505],
    ['SIP/3.0 200 OK\n\n', 'bad-version', undefined],
    ['SIP/2.0 99 X\n\n', 'bad-status-line', undefined],
    ['SIP/2.0 700 X\n\n', 'bad-status-line', undefined],
    ['SIP/2.0 20 X\n\n', 'bad-status-line', undefined],
    ['SIP/2.0 200OK\n\n', 'bad-status-line', undefined],
    ['ACK sip:a SIP/2.0\nno colon\n\n', 'bad-header-line', 400],
    ['ACK sip:a SIP/2.0\n: x\n\n', 'bad-header-line', 400],
    ['ACK sip:a SIP/2.0\nb@d: x\n\n', 'bad-header-line', 400],
    ['ACK sip:a SIP/2.0\n To: x\n\n', 'bad-header-line', 400],
    ['SIP/2.0 200 OK\nno colon\n\n', 'bad-header-line', undefined],
    ['ACK sip:a SIP/2.0\nTo: a\rVia: b\n\n', 'bad-line-end', 400],
    ['ACK sip:a SIP/2.0\nTo: a\0\n\n', 'bad-character', 400],
    ['ACK sip:a SIP/2.0\nl: 3\n\nab', 'body-truncated', 400],
    ['SIP/2.0 200 OK\nl: 3\n\nab', 'body-truncated', undefined],
    ['ACK sip:a SIP/2.0\nl: +1\n\nab', 'bad-content-length', 400],
    ['ACK sip:a SIP/2.0\nl: 1, 1\n\nab', 'bad-content-length', 400],
    ['ACK sip:a SIP/2.0\nl: 1\nl: 01\n\nab', 'bad-content-length', 400],
    ['ACK sip:a SIP/2.0\nl:\n\nab', 'bad-content-length', 400],
  ])('refuses %j', (text, expected, status) => {
    expect(code(text)).toEqual([expected, status]);
  });

  it('refuses a line feed alone, which others might take for the end of a line', () => {
    expect(code(Buffer.from('ACK sip:a SIP/2.0\r\nTo: a\nVia: b\r\n\r\n'))).toEqual(['bad-line-end', 400]);
    expect(code(Buffer.from('ACK sip:a SIP/2.0\nTo: a\n\n'))[1]).toBe(400);
  });

  it('keeps what is good of a bad message, to answer with', () => {
    const result = parseMessage(bytes('ACK sip:a SIP/2.0\nVia: v\nno colon\nFrom: f\n\n'));
    expect(result.ok).toBe(false);
    expect(result.ok || [...result.partial!.headers]).toEqual([
      ['Via', 'v'],
      ['From', 'f'],
    ]);
  });

  it('enforces every limit', () => {
    const head = 'ACK sip:a SIP/2.0\n';
    expect(code(`${head}\n${'x'.repeat(100)}`, { maxMessageBytes: 100 })).toEqual(['message-too-large', 513]);
    expect(code(`${head}A: ${'x'.repeat(100)}\n\n`, { maxHeadBytes: 100 })).toEqual([
      'header-too-large',
      513,
    ]);
    expect(code(`${head}A: ${'x'.repeat(100)}\n\n`, { maxHeaderLineBytes: 100 })).toEqual([
      'header-line-too-long',
      513,
    ]);
    expect(code(`${head}A: b\n${' x\n'.repeat(50)}\n`, { maxHeaderLineBytes: 100 })[0]).toBe(
      'header-line-too-long',
    );
    expect(code(`ACK sip:${'a'.repeat(100)} SIP/2.0\n\n`, { maxHeaderLineBytes: 100 })[0]).toBe(
      'header-line-too-long',
    );
    expect(code(`${head}${'A: b\n'.repeat(4)}\n`, { maxHeaderCount: 3 })).toEqual(['too-many-headers', 513]);
    expect(parseMessage(bytes(`${head}${'A: b\n'.repeat(3)}\n`), { maxHeaderCount: 3 }).ok).toBe(true);
  });
});

describe('serializeMessage', () => {
  const text = (message: SipMessage) => serializeMessage(message).toString('utf8');

  it('writes in order and adds Content-Length', () => {
    const request = new SipRequest('INFO', 'sip:a@b', { headers: { Via: ['v1', 'v2'], t: 'é' }, body: 'ü' });
    expect(text(request)).toBe(
      'INFO sip:a@b SIP/2.0\r\nVia: v1\r\nVia: v2\r\nTo: é\r\nContent-Length: 2\r\n\r\nü',
    );
  });

  it('corrects Content-Length in its place, once', () => {
    const headers: Array<[string, string]> = [
      ['l', '99'],
      ['To', 'a'],
      ['Content-Length', '1'],
    ];
    expect(text(new SipResponse(200, '', { headers }))).toBe(
      'SIP/2.0 200 \r\nContent-Length: 0\r\nTo: a\r\n\r\n',
    );
  });

  it.each([
    ['bad-value', new SipRequest('ACK', 'sip:a', { headers: { To: 'a\r\nVia: b' } })],
    ['bad-value', new SipRequest('ACK', 'sip:a', { headers: { To: 'a\nb' } })],
    ['bad-value', new SipRequest('ACK', 'sip:a', { headers: { To: 'a\rb' } })],
    ['bad-value', new SipRequest('ACK', 'sip:a', { headers: { To: 'a\0' } })],
    ['bad-value', new SipResponse(200, 'OK\r\nX: y')],
    ['bad-value', new SipResponse(200, '\0')],
    ['bad-header-name', new SipRequest('ACK', 'sip:a', { headers: { 'a b': '' } })],
    ['bad-header-name', new SipRequest('ACK', 'sip:a', { headers: { 'a:b\r\n': '' } })],
    ['bad-header-name', new SipRequest('ACK', 'sip:a', { headers: { '': '' } })],
    ['bad-method', new SipRequest('A K', 'sip:a')],
    ['bad-method', new SipRequest('', 'sip:a')],
    ['bad-request-uri', new SipRequest('ACK', '')],
    ['bad-request-uri', new SipRequest('ACK', 'sip:a SIP/2.0\r\nX: y')],
    ['bad-request-uri', new SipRequest('ACK', 'sip:a b')],
    ['bad-status', new SipResponse(99, '')],
    ['bad-status', new SipResponse(700, '')],
    ['bad-status', new SipResponse(200.5, '')],
    ['bad-status', new SipResponse(Number.NaN, '')],
  ])('refuses %s: %j', (expected, message) => {
    let thrown: unknown;
    try {
      serializeMessage(message);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SipMessageError);
    expect((thrown as SipMessageError).code).toBe(expected);
  });

  it('writes a NUL that is a quoted pair, which RFC 4475 3.1.1.2 calls legal', () => {
    const request = new SipRequest('ACK', 'sip:a', { headers: { To: '"\\\0" <sip:a@b>' } });
    expect(parsed(serializeMessage(request)).headers.get('To')).toBe('"\\\0" <sip:a@b>');
  });
});
