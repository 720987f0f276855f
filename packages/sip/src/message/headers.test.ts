import { describe, expect, it } from 'vitest';
import { SipHeaders } from './headers.ts';
import { SipRequest } from './message.ts';

const lines = (headers: SipHeaders) => [...headers.entries()];

describe('SipHeaders', () => {
  it('finds values by any spelling of the name', () => {
    const headers = new SipHeaders([
      ['v', 'SIP/2.0/UDP a'],
      ['CALL-ID', 'x'],
      ['X-Thing', '1'],
    ]);
    expect(headers.get('Via')).toBe('SIP/2.0/UDP a');
    expect(headers.get('i')).toBe('x');
    expect(headers.get('x-thing')).toBe('1');
    expect(headers.get('constructor')).toBeUndefined();
    expect(lines(headers)).toEqual([
      ['Via', 'SIP/2.0/UDP a'],
      ['Call-ID', 'x'],
      ['X-Thing', '1'],
    ]);
  });

  it.each([
    ['a', 'Accept-Contact'],
    ['b', 'Referred-By'],
    ['c', 'Content-Type'],
    ['d', 'Request-Disposition'],
    ['e', 'Content-Encoding'],
    ['f', 'From'],
    ['i', 'Call-ID'],
    ['j', 'Reject-Contact'],
    ['k', 'Supported'],
    ['l', 'Content-Length'],
    ['m', 'Contact'],
    ['n', 'Identity-Info'],
    ['o', 'Event'],
    ['r', 'Refer-To'],
    ['s', 'Subject'],
    ['t', 'To'],
    ['u', 'Allow-Events'],
    ['v', 'Via'],
    ['x', 'Session-Expires'],
    ['y', 'Identity'],
  ])('knows the compact form %s of %s', (compact, name) => {
    for (const spelling of [compact, compact.toUpperCase(), name, name.toLowerCase(), name.toUpperCase()]) {
      expect(lines(new SipHeaders([[spelling, 'value']]))).toEqual([[name, 'value']]);
    }
  });

  it('splits lists at commas outside quotes and angle brackets, other values never', () => {
    const headers = new SipHeaders({
      Contact: ['"A, \\"B" <sip:a,b@x>;q=1 , <sip:c@x>', '*'],
      Supported: 'timer,,100rel ,',
      Date: 'Sat, 13 Nov 2010 23:29:00 GMT',
      'WWW-Authenticate': 'Digest realm="r", nonce="n"',
    });
    expect(headers.getAll('m')).toEqual(['"A, \\"B" <sip:a,b@x>;q=1', '<sip:c@x>', '*']);
    expect(headers.get('m')).toBe('"A, \\"B" <sip:a,b@x>;q=1');
    expect(headers.getAll('k')).toEqual(['timer', '100rel']);
    expect(headers.getAll('date')).toEqual(['Sat, 13 Nov 2010 23:29:00 GMT']);
    expect(headers.getAll('www-authenticate')).toHaveLength(1);
    expect(headers.getAll('absent')).toEqual([]);
    expect(headers.count('contact')).toBe(2);
  });

  it('keeps an unclosed quote in one piece', () => {
    expect(new SipHeaders({ Contact: '"a, <sip:b@c>, d' }).getAll('Contact')).toEqual(['"a, <sip:b@c>, d']);
  });

  it('sets in place, adds at the end, prepends above its kind', () => {
    const headers = new SipHeaders([
      ['To', 't'],
      ['Via', 'v2'],
      ['From', 'f'],
      ['Via', 'v3'],
    ]);
    headers.prepend('v', 'v1').add('Route', 'r1').prepend('Record-Route', 'rr').set('from', 'g');
    expect(lines(headers)).toEqual([
      ['Record-Route', 'rr'],
      ['To', 't'],
      ['Via', 'v1'],
      ['Via', 'v2'],
      ['From', 'g'],
      ['Via', 'v3'],
      ['Route', 'r1'],
    ]);
    headers.set('Via', ['a', 'b']).set('Expires', '0').delete('to').delete('absent').set('Route', []);
    expect(lines(headers)).toEqual([
      ['Record-Route', 'rr'],
      ['Via', 'a'],
      ['Via', 'b'],
      ['From', 'g'],
      ['Expires', '0'],
    ]);
  });

  it('removes the first value, one element of a list at a time', () => {
    const headers = new SipHeaders([
      ['Route', '<sip:a;x=","> , <sip:b>'],
      ['Route', ', ,'],
      ['Route', '<sip:c>'],
      ['Subject', 'a, b'],
    ]);
    expect(headers.removeFirst('Route')).toBe('<sip:a;x=",">');
    expect(headers.get('Route')).toBe('<sip:b>');
    expect(headers.removeFirst('Route')).toBe('<sip:b>');
    expect(headers.get('Route')).toBe('<sip:c>');
    expect(headers.removeFirst('Route')).toBe('<sip:c>');
    expect(headers.removeFirst('Route')).toBeUndefined();
    expect(headers.has('Route')).toBe(false);
    expect(headers.removeFirst('Subject')).toBe('a, b');
    expect(headers.size).toBe(0);
  });

  it('clones without ties', () => {
    const headers = new SipHeaders({ Via: 'a' });
    const copy = headers.clone().prepend('Via', 'b');
    headers.set('Via', 'c');
    expect(copy.getAll('Via')).toEqual(['b', 'a']);
    expect(headers.getAll('Via')).toEqual(['c']);
    const request = new SipRequest('ACK', 'sip:a', { headers });
    request.headers.delete('Via');
    expect(headers.getAll('Via')).toEqual(['c']);
    expect([...new SipHeaders(headers)]).toEqual([['Via', 'c']]);
  });
});
