import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeRtpPacket } from '../packet/rtp-packet.ts';
import { AesCounterMode } from './aes-counter-mode.ts';
import { HmacSha1 } from './hmac-sha1.ts';
import { deriveSessionKeys } from './key-derivation.ts';
import { ReplayWindow } from './replay-window.ts';
import { SRTCP_OVERHEAD, SRTP_OVERHEAD, SrtpSession, srtpRefusal } from './srtp-session.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const master = { key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'), salt: hex('0EC675AD498AFEEBB6960B3AABE6') };
const other = { key: hex('000102030405060708090A0B0C0D0E0F'), salt: hex('101112131415161718191A1B1C1D') };

function pair() {
  const alice = new SrtpSession({ local: master, remote: other });
  const bob = new SrtpSession({ local: other, remote: master });
  return { alice, bob };
}

const SSRC = 0xcafebabe;

function rtp(sequenceNumber: number, text = 'some speech', ssrc = SSRC) {
  const buffer = new Uint8Array(1500);
  const payload = Buffer.from(text);
  const length = writeRtpPacket(buffer, {
    payloadType: 0,
    sequenceNumber,
    timestamp: 160 * sequenceNumber,
    ssrc,
    payload,
  });
  return { buffer, length, plain: buffer.slice(0, length) };
}

function sealed(session: SrtpSession, sequenceNumber: number) {
  const packet = rtp(sequenceNumber);
  return { ...packet, length: session.protectRtp(packet.buffer, packet.length) };
}

function open(session: SrtpSession, packet: { buffer: Uint8Array; length: number }) {
  return session.unprotectRtp(packet.buffer.slice(), packet.length);
}

describe('RFC 3711 test vectors', () => {
  test('B.2: AES-CM keystream, first blocks and those around block 0xff00', () => {
    const cipher = new AesCounterMode(
      hex('2B7E151628AED2A6ABF7158809CF4F3C'),
      hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'),
    );
    const stream = new Uint8Array(16 * 0xff02);
    cipher.apply(stream, 0, stream.length, 0, 0);
    expect(stream.subarray(0, 48)).toEqual(
      hex(
        'E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0',
      ),
    );
    expect(stream.subarray(16 * 0xfeff)).toEqual(
      hex(
        'EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44',
      ),
    );
  });

  test('B.3: session key derivation', () => {
    const keys = deriveSessionKeys(master, 'rtp');
    expect(keys.encryption).toEqual(hex('C61E7A93744F39EE10734AFE3FF7A087'));
    expect(keys.salt).toEqual(hex('30CBBC08863D8C85D49DB34A9AE1'));
    expect(keys.authentication).toEqual(hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
  });

  test('master keys of a wrong length are misuse', () => {
    expect(() => deriveSessionKeys({ key: new Uint8Array(15), salt: master.salt }, 'rtp')).toThrow(
      RangeError,
    );
  });
});

describe("libsrtp's known packets for AES_CM_128_HMAC_SHA1_80", () => {
  const fill = 'ab'.repeat(16);
  test('RTP', () => {
    const plain = hex(`800f1234decafbadcafebabe${fill}`);
    const buffer = new Uint8Array(plain.length + SRTP_OVERHEAD);
    buffer.set(plain);
    const { alice, bob } = pair();
    expect(alice.protectRtp(buffer, plain.length)).toBe(buffer.length);
    expect(buffer).toEqual(
      hex('800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb'),
    );
    expect(bob.unprotectRtp(buffer, buffer.length)).toBe(plain.length);
    expect(buffer.subarray(0, plain.length)).toEqual(plain);
  });

  test('RTCP', () => {
    const plain = hex(`81c8000bcafebabe${fill}`);
    const buffer = new Uint8Array(plain.length + SRTCP_OVERHEAD);
    buffer.set(plain);
    const { alice, bob } = pair();
    expect(alice.protectRtcp(buffer, plain.length)).toBe(buffer.length);
    expect(buffer).toEqual(
      hex('81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798'),
    );
    expect(bob.unprotectRtcp(buffer, buffer.length)).toBe(plain.length);
    expect(buffer.subarray(0, plain.length)).toEqual(plain);
  });
});

describe('HmacSha1', () => {
  test('agrees with node:crypto for every length and key', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.option(fc.nat(0xffffffff), { nil: undefined }),
        (key, data, suffix) => {
          const tag = new Uint8Array(20);
          new HmacSha1(key).digest(data, data.length, suffix, tag, 20);
          const reference = createHmac('sha1', key).update(data);
          if (suffix !== undefined) reference.update(hex(suffix.toString(16).padStart(8, '0')));
          expect(tag).toEqual(Uint8Array.from(reference.digest()));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('authentication', () => {
  test('any flipped bit is refused, counted, and changes nothing', () => {
    const { alice, bob } = pair();
    const packet = sealed(alice, 1);
    for (let bit = 2; bit < 8 * packet.length; bit += 3) {
      const forged = packet.buffer.slice(0, packet.length);
      forged[bit >> 3]! ^= 1 << (bit & 7);
      const before = forged.slice();
      expect(bob.unprotectRtp(forged, packet.length)).toBeLessThan(0);
      expect(forged).toEqual(before);
    }
    expect(bob.refused.authentication).toBeGreaterThan(0);
    expect(open(bob, packet)).toBe(packet.plain.length);
  });

  test('forged packets of many SSRCs do not push a live stream out', () => {
    const { alice, bob } = pair();
    for (let i = 0; i < 3; i++) open(bob, sealed(alice, 0xfffe + i));
    for (let ssrc = 1; ssrc < 100; ssrc++) {
      const forged = rtp(1, 'x', ssrc);
      expect(bob.unprotectRtp(forged.buffer, forged.length + SRTP_OVERHEAD)).toBe(srtpRefusal.authentication);
    }
    expect(open(bob, sealed(alice, 1))).toBeGreaterThan(0);
  });

  test('SRTCP with the E bit cleared by someone else is refused', () => {
    const { alice, bob } = pair();
    const buffer = new Uint8Array(64);
    buffer.set(hex('80c90001cafebabe'));
    const length = alice.protectRtcp(buffer, 8);
    buffer[8]! &= 0x7f;
    expect(bob.unprotectRtcp(buffer, length)).toBe(srtpRefusal.authentication);
  });
});

describe('replay', () => {
  test('the same packet twice is refused, RTP and RTCP', () => {
    const { alice, bob } = pair();
    const packet = sealed(alice, 7);
    expect(open(bob, packet)).toBeGreaterThan(0);
    expect(open(bob, packet)).toBe(srtpRefusal.replayed);
    const report = new Uint8Array(64);
    report.set(hex('80c90001cafebabe'));
    const length = alice.protectRtcp(report, 8);
    expect(bob.unprotectRtcp(report.slice(), length)).toBe(8);
    expect(bob.unprotectRtcp(report.slice(), length)).toBe(srtpRefusal.replayed);
    expect(bob.refused.replayed).toBe(2);
  });

  test('reordering within the window is taken, older is not', () => {
    const { alice, bob } = pair();
    const packets = Array.from({ length: 400 }, (_, i) => sealed(alice, i));
    expect(open(bob, packets[399]!)).toBeGreaterThan(0);
    expect(open(bob, packets[399 - 255]!)).toBeGreaterThan(0);
    expect(open(bob, packets[399 - 256]!)).toBe(srtpRefusal.replayed);
  });

  test('ReplayWindow agrees with a plain set', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -90, max: 300 }), { maxLength: 200 }), (steps) => {
        const window = new ReplayWindow(64);
        const seen = new Set<number>();
        let highest = 1000;
        for (const step of steps) {
          const index = Math.max(0, highest + step);
          const expected = index > highest || (highest - index < 64 && !seen.has(index)) || seen.size === 0;
          expect(window.isNew(index)).toBe(expected);
          if (!expected) continue;
          window.accept(index);
          highest = seen.size === 0 ? index : Math.max(highest, index);
          seen.add(index);
        }
      }),
    );
  });
});

describe('roll-over counter', () => {
  test('packets lost, late and repeated around two roll-overs', () => {
    const { alice, bob } = pair();
    const indices: number[] = [];
    for (const rollOver of [0x10000, 0x20000]) {
      // In between only every 20,000th is sent: the index follows jumps of less than 2^15.
      indices.push(rollOver - 60_000, rollOver - 40_000, rollOver - 20_000);
      for (let index = rollOver - 60; index < rollOver + 60; index++) indices.push(index);
    }
    const late: Array<{ due: number; packet: ReturnType<typeof sealed> }> = [];
    for (const [place, index] of indices.entries()) {
      const packet = sealed(alice, index & 0xffff);
      // Not those at the end of a run: what is 2^15 late cannot be told from what is early.
      const delay = place % 13 === 5 && ((index + 45) & 0xffff) < 90;
      if (place % 7 === 3 && !delay) continue;
      if (delay) late.push({ due: place + 11, packet });
      else expect(open(bob, packet)).toBe(packet.plain.length);
      if (late[0] && late[0].due <= place) {
        const { packet: delayed } = late.shift()!;
        expect(open(bob, delayed)).toBe(delayed.plain.length);
        expect(open(bob, delayed)).toBe(srtpRefusal.replayed);
      }
    }
    expect(late.length).toBeLessThan(2);
  });

  test('a packet from before the first one, across zero, is refused without throwing', () => {
    const { alice, bob } = pair();
    expect(open(bob, sealed(alice, 3))).toBeGreaterThan(0);
    expect(open(bob, sealed(pair().alice, 0xfff0))).toBeLessThan(0);
  });

  test('streams have counters of their own', () => {
    const { alice, bob } = pair();
    for (const ssrc of [1, 2]) {
      for (const sequenceNumber of [0xfff0, 0xffff, 0, 1]) {
        const packet = rtp(sequenceNumber, 'x', ssrc);
        const length = alice.protectRtp(packet.buffer, packet.length);
        expect(bob.unprotectRtp(packet.buffer, length)).toBe(packet.length);
      }
    }
  });
});

describe('any input', () => {
  test('garbage and truncated packets never throw and are never accepted', () => {
    const { alice, bob } = pair();
    const good = sealed(alice, 9);
    const wild = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(good.length - 1).map((length) => good.buffer.slice(0, length)),
      fc
        .uint8Array({ minLength: 30, maxLength: 80 })
        .map((bytes) => bytes.fill(0x80 | (bytes[0]! & 0x1f), 0, 1)),
    );
    fc.assert(
      fc.property(wild, (bytes) => {
        expect(bob.unprotectRtp(bytes.slice(), bytes.length)).toBeLessThan(0);
        expect(bob.unprotectRtcp(bytes.slice(), bytes.length)).toBeLessThan(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('every payload comes back as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), fc.nat(0xffffffff), (payload, ssrc) => {
        const { alice, bob } = pair();
        const buffer = new Uint8Array(1500);
        const fields = { payloadType: 111, sequenceNumber: 5, timestamp: 9, ssrc, payload };
        const length = writeRtpPacket(buffer, fields);
        const plain = buffer.slice(0, length);
        expect(bob.unprotectRtp(buffer, alice.protectRtp(buffer, length))).toBe(length);
        expect(buffer.subarray(0, length)).toEqual(plain);
      }),
    );
  });
});
