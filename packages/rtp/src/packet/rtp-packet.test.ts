import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRtcp, RtpPacket, sequenceDistance, timestampDistance, writeRtpPacket } from './rtp-packet.ts';

const uint32 = fc.nat(0xffffffff);
const fields = fc.record({
  payloadType: fc.nat(127),
  sequenceNumber: fc.nat(0xffff),
  timestamp: uint32,
  ssrc: uint32,
  marker: fc.boolean(),
  csrcs: fc.array(uint32, { maxLength: 15 }),
  extension: fc.option(
    fc.record({
      profile: fc.nat(0xffff),
      data: fc.uint8Array({ maxLength: 40 }).filter((data) => data.length % 4 === 0),
    }),
    { nil: undefined },
  ),
  payload: fc.uint8Array({ maxLength: 300 }),
});

describe('RtpPacket', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(fields, (given) => {
        const { extension, ...rest } = given;
        const buffer = new Uint8Array(600).fill(0xee);
        const length = writeRtpPacket(buffer, extension ? { ...rest, extension } : rest);
        const packet = RtpPacket.parse(buffer.subarray(0, length))!;
        expect(packet).toMatchObject({
          payloadType: given.payloadType,
          sequenceNumber: given.sequenceNumber,
          timestamp: given.timestamp,
          ssrc: given.ssrc,
          marker: given.marker,
        });
        expect(given.csrcs.map((_, i) => packet.csrc(i))).toEqual(given.csrcs);
        expect(packet.csrcCount).toBe(given.csrcs.length);
        expect(packet.extension).toEqual(extension);
        expect(packet.payload).toEqual(given.payload);
      }),
    );
  });

  test('garbage never throws, and a payload never lies outside the packet', () => {
    const packet = new RtpPacket();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, versionTwo) => {
        if (versionTwo && bytes.length > 0) bytes[0] = 0x80 | (bytes[0]! & 0x3f);
        if (!packet.parse(bytes)) return;
        expect(packet.payloadOffset).toBeGreaterThanOrEqual(12);
        expect(packet.payloadLength).toBeGreaterThanOrEqual(0);
        expect(packet.payloadOffset + packet.payloadLength).toBeLessThanOrEqual(bytes.length);
        expect(packet.payload.length).toBe(packet.payloadLength);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['shorter than a header', '80000001000000020000'],
    ['version 1', '400000010000000200000003'],
    ['CSRCs beyond the end', '820000010000000200000003'],
    ['extension beyond the end', '900000010000000200000003beda0002'],
    ['padding of zero', 'a000000100000002000000030000'],
    ['padding longer than the payload', 'a000000100000002000000030003'],
  ])('refused: %s', (_title, text) => {
    expect(RtpPacket.parse(Buffer.from(text, 'hex'))).toBeUndefined();
  });

  test('padding is no payload', () => {
    const packet = RtpPacket.parse(Buffer.from('a00000010000000200000003aabb0002', 'hex'))!;
    expect([...packet.payload]).toEqual([0xaa, 0xbb]);
  });

  test('parses only the given length of a longer buffer', () => {
    const packet = new RtpPacket();
    expect(packet.parse(new Uint8Array(1500).fill(0x80, 0, 1), 20)).toBe(true);
    expect(packet.payloadLength).toBe(8);
    expect(packet.parse(new Uint8Array(10), 20)).toBe(false);
  });

  test('a packet that does not fit is misuse', () => {
    const given = { payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: 0, payload: new Uint8Array(100) };
    expect(() => writeRtpPacket(new Uint8Array(111), given)).toThrow(RangeError);
  });
});

test('RTCP is told from RTP by its type, RFC 5761', () => {
  expect(isRtcp(Uint8Array.of(0x80, 200))).toBe(true);
  expect(isRtcp(Uint8Array.of(0x80, 0x80 | 111))).toBe(false);
  expect(isRtcp(new Uint8Array(0))).toBe(false);
});

test('distances wrap', () => {
  expect(sequenceDistance(2, 0xffff)).toBe(3);
  expect(sequenceDistance(0xffff, 2)).toBe(-3);
  expect(timestampDistance(10, 0xfffffff0)).toBe(26);
  expect(timestampDistance(0xfffffff0, 10)).toBe(-26);
});
