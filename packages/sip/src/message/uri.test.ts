import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUri, parseUri, type SipUri, telephoneNumber } from './uri.ts';
import { uriEquals } from './uri-equals.ts';

describe('parseUri', () => {
  it('takes every part', () => {
    expect(parseUri('SIPS:Al%69ce:p%40ss@Example.com:5061;Transport=TCP;lr?subject=a%20b&x=')).toEqual({
      scheme: 'sips',
      user: 'Alice',
      password: 'p@ss',
      host: 'Example.com',
      port: 5061,
      params: new Map([
        ['transport', 'TCP'],
        ['lr', undefined],
      ]),
      headers: new Map([
        ['subject', 'a b'],
        ['x', ''],
      ]),
    });
  });

  it.each([
    ['sip:[2001:db8::1]:5060', { host: '2001:db8::1', port: 5060 }],
    ['sip:a@[::1];lr', { user: 'a', host: '::1' }],
    ['sip:*21%23@x', { user: '*21#' }],
    ['sip:%C3%A9@x', { user: 'é' }],
    ['sip:%e9@x', { user: 'é' }],
    ['sip:+1415;phone-context=x@gw.example.com', { user: '+1415;phone-context=x' }],
    ['sip:a@x;p=1;P=2', { params: new Map([['p', '1']]) }],
    ['tel:+1-(415)-555.0100;phone-context=%2b1', { scheme: 'tel', user: '+14155550100', host: '' }],
    ['TEL:*21#', { scheme: 'tel', user: '*21#' }],
  ])('reads %s', (text, parts) => {
    expect(parseUri(text)).toMatchObject(parts);
  });

  it.each([
    '',
    'sip:',
    'sip:@x',
    'sip::p@x',
    'sip:a@',
    'sip:a@b@c',
    'sip:a b@c',
    'sip:a@b:',
    'sip:a@b:x',
    'sip:a@b:65536',
    'sip:a@b;',
    'sip:a@b;;x',
    'sip:a@b;=x',
    'sip:a@b?x',
    'sip:a@b?=x',
    'sip:%4@b',
    'sip:%zz@b',
    'sip:a@[1]',
    'sip:a@[::1',
    'sip:a@b/c',
    '<sip:a@b>',
    'sip:a@b\r\n',
    'http://x',
    'mailto:a@b',
    'tel:',
    'tel:abcg',
    'tel:+',
    'a@b',
  ])('refuses %j', (text) => {
    expect(parseUri(text)).toBeUndefined();
  });

  it('reads back what formatUri wrote', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
    const name = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
    const uri: fc.Arbitrary<SipUri> = fc.record(
      {
        scheme: fc.constantFrom('sip', 'sips'),
        user: text,
        host: fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('2001:db8::1', '::ffff:192.0.2.1')),
        port: fc.integer({ min: 0, max: 65_535 }),
        params: fc
          .array(fc.tuple(name, fc.option(text, { nil: undefined })), { maxLength: 4 })
          .map((all) => new Map(all)),
        headers: fc.array(fc.tuple(text, fc.string()), { maxLength: 3 }).map((all) => new Map(all)),
      },
      { requiredKeys: ['scheme', 'host', 'params', 'headers'] },
    );
    fc.assert(
      fc.property(uri, (value) => {
        expect(parseUri(formatUri(value))).toEqual(value);
        expect(uriEquals(value, formatUri(value))).toBe(true);
      }),
    );
  });
});

describe('telephoneNumber', () => {
  it.each([
    ['tel:+1-415-555-0100;cpc=ordinary', '+14155550100'],
    ['sip:+14155550100@gw.example.com;user=phone', '+14155550100'],
    ['sip:+1.415.555;npdi@gw', '+1415555'],
    ['sip:0123@gw', '0123'],
    ['sip:alice@gw', undefined],
    ['sip:gw', undefined],
    ['nonsense', undefined],
  ])('of %s', (uri, number) => {
    expect(telephoneNumber(uri)).toBe(number);
  });
});

describe('uriEquals', () => {
  // The examples of RFC 3261 19.1.4, then one per rule.
  it.each([
    ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com;security=on'],
    ['sip:carol@chicago.com;newparam=5', 'sip:carol@chicago.com;security=on'],
    [
      'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
      'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    ],
    [
      'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
      'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    ],
    ['tel:+1-415-555', 'TEL:+1415555'],
    ['tel:123;phone-context=+1;x=Y', 'tel:1-2-3;X=y;phone-context=+1'],
    ['urn:x', 'urn:x'],
  ])('%s equals %s', (a, b) => {
    expect([uriEquals(a, b), uriEquals(b, a)]).toEqual([true, true]);
  });

  it.each([
    ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
    ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
    ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
    ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
    ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'],
    ['sip:a@b', 'sips:a@b'],
    ['sip:a@b', 'sip:b'],
    ['sip:a:x@b', 'sip:a@b'],
    ['sip:a@b;user=phone', 'sip:a@b'],
    ['sip:a@b;ttl=1', 'sip:a@b'],
    ['sip:a@b;method=INVITE', 'sip:a@b'],
    ['sip:a@b;maddr=c', 'sip:a@b'],
    ['sip:a@b?x=1', 'sip:a@b?x=2'],
    // A reserved character is not the same as its escape.
    ['sip:a%3Bb@c', 'sip:a;b@c'],
    ['tel:+1415', 'tel:1415'],
    ['tel:1;phone-context=+1', 'tel:1;phone-context=+44'],
    ['tel:1', 'tel:1;x'],
    ['tel:1', 'sip:1@x'],
    ['sip:a b@c', 'sip:a b@c'],
    ['urn:x', 'urn:y'],
  ])('%s differs from %s', (a, b) => {
    expect([uriEquals(a, b), uriEquals(b, a)]).toEqual([false, false]);
  });
});
