import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseErrorCode, parseXorMappedAddress, xorMappedAddress } from './stun-attributes.ts';
import {
  BINDING_METHOD,
  parseStun,
  StunAttributeType,
  serializeStun,
  stunAttribute,
  verifyIntegrity,
} from './stun-message.ts';

const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';

/** RFC 5769 section 2.1. */
const REQUEST = Buffer.from(
  `000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1
   51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf`.replaceAll(
    /\s/g,
    '',
  ),
  'hex',
);
/** RFC 5769 section 2.2. */
const IPV4_RESPONSE = Buffer.from(
  `0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643
   000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96`.replaceAll(/\s/g, ''),
  'hex',
);
/** RFC 5769 section 2.3. */
const IPV6_RESPONSE = Buffer.from(
  `010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5
   bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c`.replaceAll(/\s/g, ''),
  'hex',
);

describe('RFC 5769 test vectors', () => {
  it('2.1 sample request', () => {
    const message = parseStun(REQUEST);
    expect(message).toMatchObject({ class: 'request', method: BINDING_METHOD, hasFingerprint: true });
    expect(verifyIntegrity(message!, PASSWORD)).toBe(true);
    expect(verifyIntegrity(message!, `${PASSWORD}x`)).toBe(false);
    const text = (type: number) => Buffer.from(stunAttribute(message!, type)!).toString();
    expect(text(StunAttributeType.username)).toBe('evtj:h6vY');
    expect(text(StunAttributeType.software)).toBe('STUN test client');
  });

  it.each([
    ['2.2 sample IPv4 response', IPV4_RESPONSE, '192.0.2.1'],
    ['2.3 sample IPv6 response', IPV6_RESPONSE, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('%s', (_, raw, address) => {
    const message = parseStun(raw)!;
    expect(message.class).toBe('success');
    expect(verifyIntegrity(message, PASSWORD)).toBe(true);
    const mapped = stunAttribute(message, StunAttributeType.xorMappedAddress)!;
    expect(parseXorMappedAddress(mapped, message.transactionId)).toEqual({ address, port: 32853 });
    expect(Buffer.from(xorMappedAddress({ address, port: 32853 }, message.transactionId).value)).toEqual(
      Buffer.from(mapped),
    );
  });
});

describe('serializeStun', () => {
  it('writes what parseStun reads, for every class and method', () => {
    fc.assert(
      fc.property(
        fc.record({
          class: fc.constantFrom('request', 'indication', 'success', 'error'),
          method: fc.integer({ min: 0, max: 0xfff }),
          transactionId: fc.uint8Array({ minLength: 12, maxLength: 12 }),
          attributes: fc.array(
            fc.record({
              type: fc.integer({ min: 0x4000, max: 0x7fff }),
              value: fc.uint8Array({ maxLength: 30 }),
            }),
            { maxLength: 5 },
          ),
        }),
        (message) => {
          const parsed = parseStun(serializeStun(message, { key: 'secret' }))!;
          expect(verifyIntegrity(parsed, 'secret')).toBe(true);
          expect({ class: parsed.class, method: parsed.method }).toEqual({
            class: message.class,
            method: message.method,
          });
          expect(parsed.attributes.map(({ type, value }) => [type, [...value]])).toEqual(
            message.attributes.map(({ type, value }) => [type, [...value]]),
          );
        },
      ),
    );
  });
});

describe('parseStun refuses', () => {
  it('every truncation of a message', () => {
    for (let length = 0; length < REQUEST.length; length++) {
      expect(parseStun(REQUEST.subarray(0, length))).toBeUndefined();
    }
  });

  it('every changed byte, by FINGERPRINT or by MESSAGE-INTEGRITY', () => {
    for (let i = 0; i < REQUEST.length; i++) {
      const changed = Buffer.from(REQUEST);
      changed[i]! ^= 0x01;
      const message = parseStun(changed);
      expect(message === undefined || !message.hasFingerprint || !verifyIntegrity(message, PASSWORD)).toBe(
        true,
      );
    }
  });

  it('anything random without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const shaped = Uint8Array.from([
          0,
          1,
          0,
          Math.max(0, bytes.length - 20),
          0x21,
          0x12,
          0xa4,
          0x42,
          ...bytes,
        ]);
        parseStun(bytes);
        parseStun(shaped);
        parseErrorCode(bytes);
        parseXorMappedAddress(bytes, shaped.subarray(0, 12));
      }),
    );
  });
});
