import { describe, expect, it } from 'vitest';
import { keepMd5Challenge, numberOf, reasonCause } from './sip-headers.ts';

describe('reasonCause', () => {
  it.each([
    ['SIP;cause=200;text="Call completed elsewhere"', 200],
    ['SIP ;cause=603 ;text="Declined"', 603],
    ['Q.850;cause=16;text="Terminated", SIP;cause=200', 200],
    ['Q.850;cause=16', undefined],
    [undefined, undefined],
  ])('%s → %s', (value, cause) => {
    expect(reasonCause(value)).toBe(cause);
  });
});

describe('numberOf', () => {
  it.each([
    ['<sip:+14155550101@localhost>', '+14155550101'],
    ['"Mum" <sip:+447700900123@localhost;user=phone>', '+447700900123'],
    ['tel:+442071838750', '+442071838750'],
    ['<sip:anonymous@anonymous.invalid>', undefined],
    ['<sip:1234@localhost>', undefined],
    [undefined, undefined],
  ])('%s → %s', (value, number) => {
    expect(numberOf(value)).toBe(number);
  });
});

describe('keepMd5Challenge', () => {
  const head = 'SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\n';
  const sha = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"\r\n';
  const md5 = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n';
  const tail = 'Content-Length: 0\r\n\r\n';

  it('drops what JsSIP cannot answer when there is one that it can', () => {
    expect(keepMd5Challenge(head + sha + md5 + tail)).toBe(head + md5 + tail);
  });

  it('takes a challenge without algorithm for MD5', () => {
    const plain = 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n';
    expect(keepMd5Challenge(head + sha + plain + tail)).toBe(head + plain + tail);
  });

  it('leaves everything else as it came', () => {
    expect(keepMd5Challenge(head + sha + tail)).toBe(head + sha + tail);
    const invite = `INVITE sip:a@b SIP/2.0\r\n${sha}${md5}\r\n`;
    expect(keepMd5Challenge(invite)).toBe(invite);
  });
});
