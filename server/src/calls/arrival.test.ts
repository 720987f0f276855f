import { SipRequest } from '@ringthrough/sip';
import { describe, expect, test } from 'vitest';
import { type Arrival, readArrival } from './arrival.ts';
import { toE164 } from './numbers.ts';

const trunk = { cNumber: '+14155559000', country: 'US' };
const cUri = 'sip:+14155559000@127.0.0.1';

function read(headers: Array<[string, string]>, uri = cUri, trustIdentity?: boolean): Arrival {
  const all: Array<[string, string]> = [
    ['From', '<sip:+14155550199@carrier.example>;tag=1'],
    ['To', `<${cUri}>`],
    ...headers.filter(([name]) => name !== 'From' && name !== 'To'),
  ];
  const request = new SipRequest('INVITE', uri, { headers: all });
  for (const [name, value] of headers) if (name === 'From' || name === 'To') request.headers.set(name, value);
  return readArrival(request, { ...trunk, trustIdentity });
}

const one = (number: string, reason: string) => [{ number, reason }];

describe('called number from Diversion (RFC 5806)', () => {
  test.each([
    ['unavailable', 'unreachable'],
    ['user-busy', 'busy'],
    ['no-answer', 'no-reply'],
    ['unconditional', 'unconditional'],
    ['out-of-service', 'unreachable'],
    ['"user-busy"', 'busy'],
    ['unknown', 'unknown'],
    ['of-its-own', 'unknown'],
  ])('reason=%s is %s', (sent, reason) => {
    const { called } = read([['Diversion', `<sip:+14155550101@carrier.example>;reason=${sent};counter=1`]]);
    expect(called).toEqual(one('+14155550101', reason));
  });

  test('the topmost entry is the last diversion and comes first', () => {
    const { called } = read([
      ['Diversion', '<sip:+14155550101@c>;reason=no-answer, <sip:+14155550102@c>;reason=user-busy'],
      ['Diversion', '<tel:+44-7700-900123>;reason=unavailable'],
    ]);
    expect(called).toEqual([
      { number: '+14155550101', reason: 'no-reply' },
      { number: '+14155550102', reason: 'busy' },
      { number: '+447700900123', reason: 'unreachable' },
    ]);
  });

  test('the C number itself and entries that are no number are passed over', () => {
    const { called } = read([
      ['Diversion', '<sip:+14155559000@c>;reason=unconditional'],
      ['Diversion', '<sip:alice@c>;reason=unconditional, garbage<<'],
      ['Diversion', '<sip:+14155550101@c>;reason=user-busy'],
    ]);
    expect(called).toEqual(one('+14155550101', 'busy'));
  });

  test.each([
    ['4155550101', '+14155550101'],
    ['14155550101', '+14155550101'],
    ['(415) 555-0101', '+14155550101'],
    ['0114155550101', undefined],
    ['011447700900123', '+447700900123'],
    ['+14155550101;npdi;rn=+1415', '+14155550101'],
    ['+1%2', undefined],
    ['12', undefined],
    ['', undefined],
  ])('number "%s" of a US carrier is %s', (text, e164) => {
    expect(toE164(text, 'US')).toBe(e164);
  });

  test('international digits without plus are understood in another country too', () => {
    expect(toE164('447700900123', 'GB')).toBe('+447700900123');
    expect(toE164('07700900123', 'GB')).toBe('+447700900123');
  });
});

describe('called number from History-Info (RFC 7044)', () => {
  test('the entry that the last mp points at, with the cause of RFC 4458', () => {
    const { called } = read([
      ['History-Info', '<sip:+14155550101@c>;index=1'],
      ['History-Info', `<${cUri};cause=486>;index=1.1;mp=1`],
    ]);
    expect(called).toEqual(one('+14155550101', 'busy'));
  });

  test.each([
    ['SIP%3Bcause%3D302', 'unconditional'],
    ['SIP%3Bcause%3D404', 'unreachable'],
    ['SIP%3Bcause%3D408', 'no-reply'],
    ['SIP%3Bcause%3D480', 'unreachable'],
    ['SIP%3Bcause%3D486%3Btext%3D%22Busy%20Here%22', 'busy'],
    ['SIP%3Bcause%3D503', 'unreachable'],
    ['Q.850%3Bcause%3D20', 'unreachable'],
    ['Q.850%3Bcause%3D17', 'busy'],
    ['SIP%3Bcause%3D999', 'unknown'],
  ])('Reason=%s in the entry that was left is %s', (reason, expected) => {
    const { called } = read([
      ['History-Info', `<sip:+14155550101@c?Reason=${reason}>;index=1, <${cUri}>;index=1.1;mp=1`],
    ]);
    expect(called).toEqual(one('+14155550101', expected));
  });

  test('two diversions: the last diverting user first; entries may come in any order', () => {
    const { called } = read([
      ['History-Info', `<${cUri};cause=408>;index=1.1.1;mp=1.1`],
      ['History-Info', '<sip:+14155550101@c>;index=1'],
      ['History-Info', '<sip:+14155550102@c;cause=302>;index=1.1;mp=1'],
    ]);
    expect(called).toEqual([
      { number: '+14155550102', reason: 'no-reply' },
      { number: '+14155550101', reason: 'unconditional' },
    ]);
  });

  test('rc is a change of contact of the same user', () => {
    const { called } = read([
      ['History-Info', `<sip:+14155550101@c>;index=1, <${cUri};cause=480>;index=1.1;rc=1`],
    ]);
    expect(called).toEqual(one('+14155550101', 'unreachable'));
  });

  test('an untagged history (RFC 4244): the target before the current one', () => {
    const { called } = read([['History-Info', `<sip:+14155550101@c>;index=1, <${cUri}>;index=1.1`]]);
    expect(called).toEqual(one('+14155550101', 'unknown'));
  });
});

describe('both headers, neither header', () => {
  test('both say the same: one candidate, and the reason of the one that knows it', () => {
    const { called } = read([
      ['Diversion', '<sip:+14155550101@c>'],
      ['History-Info', `<sip:+14155550101@c>;index=1, <${cUri};cause=408>;index=1.1;mp=1`],
    ]);
    expect(called).toEqual(one('+14155550101', 'no-reply'));
  });

  test('they differ: Diversion first', () => {
    const { called } = read([
      ['Diversion', '<sip:+14155550101@c>;reason=user-busy'],
      ['History-Info', `<sip:+14155550102@c>;index=1, <${cUri};cause=408>;index=1.1;mp=1`],
    ]);
    expect(called.map(({ number }) => number)).toEqual(['+14155550101', '+14155550102']);
  });

  test('neither: the number the carrier routed, from To, then the Request-URI', () => {
    expect(read([['To', '<sip:+14155550101@c>']]).called).toEqual(one('+14155550101', 'direct'));
    expect(read([], 'sip:+14155550102@127.0.0.1').called).toEqual(one('+14155550102', 'direct'));
  });

  test('neither, and only the C number dialled: nobody is called', () => {
    expect(read([]).called).toEqual([]);
  });
});

describe('calling number', () => {
  test('P-Asserted-Identity before From; the carrier vouches for it', () => {
    const { calling, callingAsserted } = read([
      ['P-Asserted-Identity', '"Ann" <sip:ann@c>, <tel:+14155550142>'],
      ['From', '<sip:main-line@carrier.example>;tag=1'],
    ]);
    expect({ calling, callingAsserted }).toEqual({ calling: '+14155550142', callingAsserted: true });
  });

  test('From alone is not vouched for', () => {
    expect(read([])).toMatchObject({ calling: '+14155550199', callingAsserted: false });
  });

  test.each(['id', 'user;id', 'header; session', 'ID'])('Privacy: %s withholds it', (privacy) => {
    const arrival = read([
      ['P-Asserted-Identity', '<tel:+14155550142>'],
      ['Privacy', privacy],
    ]);
    expect(arrival.calling).toBeUndefined();
  });

  test('RFC 3325 5: what a trunk outside the trust domain asserts is passed over', () => {
    const { calling, callingAsserted } = read([['P-Asserted-Identity', '<tel:+14155550142>']], cUri, false);
    expect({ calling, callingAsserted }).toEqual({ calling: '+14155550199', callingAsserted: false });
  });

  test.each([
    '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
    '<sip:Anonymous@carrier.example>;tag=1',
    '<sips:x@ANONYMOUS.invalid>;tag=1',
  ])('RFC 3323 4.1.1.3: From %s is anonymous, whatever the carrier asserts', (from) => {
    const headers: Array<[string, string]> = [
      ['P-Asserted-Identity', '<tel:+14155550142>'],
      ['From', from],
    ];
    expect(read(headers)).toMatchObject({ calling: undefined, callingAsserted: false });
    // RFC 3323 4.2: the caller says that nothing is to be hidden.
    expect(read([...headers, ['Privacy', 'none']]).calling).toBe('+14155550142');
  });

  test('Privacy: none shows it', () => {
    expect(read([['Privacy', 'none']]).calling).toBe('+14155550199');
  });

  test('anonymous From is no number', () => {
    expect(read([['From', '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1']]).calling).toBeUndefined();
  });
});
