import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReceiverStatistics } from './receiver-statistics.ts';
import { isCompound, parseRtcp, type WritableRtcp, writeRtcp } from './rtcp-packet.ts';
import { RtcpSession, reportIntervalMs } from './rtcp-session.ts';

const uint32 = fc.nat(0xffffffff);
const reports = fc.array(
  fc.record({
    ssrc: uint32,
    fractionLost: fc.nat(255),
    packetsLost: fc.integer({ min: -0x800000, max: 0x7fffff }),
    highestSequence: uint32,
    jitter: uint32,
    lastSenderReport: uint32,
    delaySinceLastSenderReport: uint32,
  }),
  { maxLength: 31 },
);
const sender = fc.record({
  ntpSeconds: uint32,
  ntpFraction: uint32,
  rtpTimestamp: uint32,
  packetCount: uint32,
  octetCount: uint32,
});
const label = fc.string({ maxLength: 40 });
const writable: fc.Arbitrary<WritableRtcp> = fc.oneof(
  fc.record({ kind: fc.constant('sr' as const), ssrc: uint32, sender, reports }),
  fc.record({ kind: fc.constant('rr' as const), ssrc: uint32, reports }),
  fc.record({
    kind: fc.constant('sdes' as const),
    chunks: fc.array(
      fc.record({
        ssrc: uint32,
        items: fc.array(fc.record({ type: fc.integer({ min: 1, max: 8 }), text: label })),
      }),
      { maxLength: 31 },
    ),
  }),
  fc.record(
    { kind: fc.constant('bye' as const), ssrcs: fc.array(uint32, { maxLength: 31 }), reason: label },
    { requiredKeys: ['kind', 'ssrcs'] },
  ),
);

describe('parseRtcp', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(writable, { minLength: 1, maxLength: 4 }), (packets) => {
        const read = parseRtcp(writeRtcp(packets));
        // An empty reason at a word boundary and none at all are told apart by their length byte.
        expect(read).toEqual(packets);
      }),
    );
  });

  test('garbage, truncated and damaged packets never throw', () => {
    const whole = writeRtcp([
      { kind: 'rr', ssrc: 1, reports: [] },
      { kind: 'sdes', chunks: [{ ssrc: 1, items: [{ type: 1, text: 'cname' }] }] },
      { kind: 'bye', ssrcs: [1, 2], reason: 'over' },
    ]);
    for (let length = 0; length < whole.length; length++) parseRtcp(whole.subarray(0, length));
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.nat(255),
        fc.uint8Array({ maxLength: 80 }),
        (at, value, garbage) => {
          const damaged = Uint8Array.from(whole);
          damaged[at] = value;
          parseRtcp(damaged);
          if (garbage.length > 1) garbage.set([0x80 | (garbage[0]! & 0x3f), 200 + (garbage[1]! % 8)]);
          parseRtcp(garbage);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['nothing', ''],
    ['version 1', '40c9000100000001'],
    ['length beyond the end', '80c9000200000001'],
    ['fewer report blocks than counted', '81c9000100000001'],
    ['bytes left over', '80c900010000000180'],
    [
      'padding on a packet that is not the last',
      'a0c9000200000001000000048 0c9000100000001'.replace(' ', ''),
    ],
    ['padding of zero', 'a0c900020000000100000000'],
    ['SDES item beyond its chunk', '81ca000200000001 01ff6161'.replace(' ', '')],
    ['SDES list without an end', '81ca000200000001 01026161'.replace(' ', '')],
    ['BYE reason beyond the end', '81cb000200000001 05616161'.replace(' ', '')],
    ['BYE with fewer sources than counted', '82cb000100000001'],
  ])('refused: %s', (_title, text) => {
    expect(parseRtcp(Buffer.from(text, 'hex'))).toBeUndefined();
  });

  test('padding, feedback, XR and reduced size are tolerated', () => {
    const padded = parseRtcp(Buffer.from('80c9000100000001a0cb0001' + '00000004', 'hex'));
    expect(padded).toEqual([
      { kind: 'rr', ssrc: 1, reports: [] },
      { kind: 'bye', ssrcs: [] },
    ]);
    expect(isCompound(padded!)).toBe(true);
    const feedback = parseRtcp(Buffer.from('81cd00030000000100000002aabbccdd' + '80cf000100000001', 'hex'))!;
    expect(feedback[0]).toMatchObject({
      kind: 'feedback',
      packetType: 205,
      format: 1,
      ssrc: 1,
      mediaSsrc: 2,
    });
    expect(feedback[1]).toEqual({ kind: 'other', packetType: 207 });
    expect(isCompound(feedback)).toBe(false);
  });

  test('what does not fit is misuse', () => {
    expect(() => writeRtcp([{ kind: 'bye', ssrcs: Array<number>(32).fill(1) }])).toThrow(RangeError);
    expect(() => writeRtcp([{ kind: 'bye', ssrcs: [1], reason: 'x'.repeat(256) }])).toThrow(RangeError);
  });
});

describe('ReceiverStatistics', () => {
  const make = (probation?: number) =>
    new ReceiverStatistics({ ssrc: 9, clockRate: 8000, ...(probation === undefined ? {} : { probation }) });

  /** Packets as if sent every 20 ms, received at once. */
  function feed(
    statistics: ReceiverStatistics,
    sequence: number[],
    delayMs: (i: number) => number = () => 0,
  ) {
    return sequence.map((number, i) =>
      statistics.receive(number & 0xffff, (number * 160) >>> 0, number * 20 + delayMs(i)),
    );
  }
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  test('A.1: a source is believed after two packets in sequence', () => {
    expect(feed(make(), [100, 102, 103, 104])).toEqual([false, false, true, true]);
    expect(feed(make(0), [100])).toEqual([true]);
  });

  test('A.1 and A.3: loss across the roll-over', () => {
    const statistics = make(0);
    feed(
      statistics,
      range(65500, 65600).filter((number) => number % 10 !== 3),
    );
    expect(statistics.packetsReceived).toBe(90);
    expect(statistics.packetsLost).toBe(10);
    expect(statistics.report()).toMatchObject({ highestSequence: 65599, packetsLost: 10, fractionLost: 25 });
    expect(statistics.report()).toMatchObject({ fractionLost: 0 });
    feed(
      statistics,
      range(65600, 65700).filter((number) => number % 2 === 0),
    );
    // The last, 65699, is not missed yet: 50 of 99.
    expect(statistics.report()).toMatchObject({ packetsLost: 59, fractionLost: Math.floor((49 * 256) / 99) });
  });

  test('A.3: reordering is no loss; duplicates make the loss negative, the fraction stays zero', () => {
    const statistics = make(0);
    feed(statistics, [1, 3, 2, 4, 4, 4]);
    expect(statistics.report()).toMatchObject({ packetsLost: -2, fractionLost: 0 });
  });

  test('A.1: one stray sequence number is refused, two in sequence are a restart', () => {
    const statistics = make(0);
    feed(statistics, range(1000, 1010));
    expect(feed(statistics, [30000, 1010])).toEqual([false, true]);
    expect(feed(statistics, [40000, 40001, 40002])).toEqual([false, true, true]);
    // 40000 was not believed; 1010 and before are not forgotten, but the reports begin anew.
    expect(statistics.packetsReceived).toBe(13);
    expect(statistics.packetsLost).toBe(0);
    expect(statistics.report()).toMatchObject({ highestSequence: 40002, packetsLost: 0 });
  });

  test('A.8: even arrival has no jitter, alternating delay of 10 ms tends to 10 ms', () => {
    const even = make(0);
    feed(even, range(0, 200));
    expect(even.jitterMs).toBe(0);
    const uneven = make(0);
    feed(uneven, range(0, 400), (i) => (i % 2) * 10);
    expect(uneven.jitterMs).toBeCloseTo(10, 3);
    expect(uneven.report().jitter).toBeGreaterThan(78);
  });

  test('the packets of a DTMF event, all with one timestamp, make no jitter', () => {
    const statistics = make(0);
    for (let i = 0; i < 100; i++) {
      statistics.receive(i, 160 * (i > 40 && i < 60 ? 40 : i), 20 * i);
    }
    expect(statistics.jitterMs).toBe(0);
  });

  test('the wrap of the timestamp makes no jitter', () => {
    const statistics = make(0);
    for (let i = 0; i < 100; i++) statistics.receive(i, (0xffffffff - 50 * 160 + i * 160) >>> 0, i * 20);
    expect(statistics.jitterMs).toBeLessThan(0.001);
  });

  test('any sequence numbers at all: nothing throws, reports can be written', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0xffff), uint32, fc.nat(10_000))), (packets) => {
        const statistics = make(0);
        for (const [number, timestamp, at] of packets) statistics.receive(number, timestamp, at);
        const report = { ...statistics.report(), lastSenderReport: 0, delaySinceLastSenderReport: 0 };
        expect(parseRtcp(writeRtcp([{ kind: 'rr', ssrc: 1, reports: [report] }]))).toEqual([
          { kind: 'rr', ssrc: 1, reports: [report] },
        ]);
      }),
    );
  });
});

describe('RtcpSession', () => {
  const start = 1_800_000_000_000;
  const pair = () => ({
    a: new RtcpSession({ ssrc: 1, cname: 'a', clockRate: 8000, probation: 0 }),
    b: new RtcpSession({ ssrc: 2, cname: 'b', clockRate: 8000, probation: 0 }),
  });

  function stream(
    from: RtcpSession,
    to: RtcpSession,
    ssrc: number,
    lose: (i: number) => boolean = () => false,
  ) {
    for (let i = 0; i < 100; i++) {
      from.sent(160 * i, 160, start + 20 * i);
      if (!lose(i)) to.received({ ssrc, sequenceNumber: i, timestamp: 160 * i }, start + 20 * i + 30);
    }
  }

  test('SR when something was sent, RR when not, with SDES; counts and times are right', () => {
    const { a } = pair();
    stream(a, pair().b, 1);
    const [sr, sdes] = parseRtcp(a.report(start + 2000.5))!;
    expect(sr).toMatchObject({
      kind: 'sr',
      ssrc: 1,
      sender: { packetCount: 100, octetCount: 16000, ntpSeconds: (1_800_000_002 + 2_208_988_800) % 2 ** 32 },
    });
    expect(sr).toMatchObject({ sender: { rtpTimestamp: 16004, ntpFraction: Math.round(2 ** 32 / 2000) } });
    expect(sdes).toEqual({ kind: 'sdes', chunks: [{ ssrc: 1, items: [{ type: 1, text: 'a' }] }] });
    expect(parseRtcp(a.report(start + 7000))![0]).toEqual({ kind: 'rr', ssrc: 1, reports: [] });
  });

  test('round trip from LSR and DLSR, both directions of loss', () => {
    const { a, b } = pair();
    stream(a, b, 1, (i) => i % 4 === 1);
    expect(b.receivedRtcp(a.report(start + 2000), start + 2030)).toHaveLength(2);
    a.receivedRtcp(b.report(start + 3000), start + 3050);
    expect(a.quality.roundTripMs).toBeCloseTo(80, 0);
    expect(a.quality).toMatchObject({ packetsSent: 100, remoteFractionLost: 0.25, remoteJitterMs: 0 });
    expect(b.quality).toMatchObject({ packetsReceived: 75, packetsLost: 25, roundTripMs: undefined });
  });

  test('a change of SSRC keeps what was counted', () => {
    const { a, b } = pair();
    stream(a, b, 1, (i) => i === 50);
    stream(a, b, 77, (i) => i === 20);
    expect(b.quality).toMatchObject({ packetsReceived: 198, packetsLost: 2 });
    expect(parseRtcp(b.report(start))![0]).toMatchObject({ reports: [{ ssrc: 77, packetsLost: 1 }] });
  });

  test('BYE of the source we hear, and only of that', () => {
    const { a, b } = pair();
    stream(a, b, 1);
    b.receivedRtcp(writeRtcp([{ kind: 'bye', ssrcs: [5] }]), start);
    expect(b.remoteBye).toBe(false);
    b.receivedRtcp(a.bye(start), start);
    expect(b.remoteBye).toBe(true);
  });

  test('nonsense about our stream does not become a round trip', () => {
    const { a } = pair();
    fc.assert(
      fc.property(uint32, uint32, (lastSenderReport, delaySinceLastSenderReport) => {
        const report = { ssrc: 1, fractionLost: 0, packetsLost: 0, highestSequence: 0, jitter: 0 };
        const bytes = writeRtcp([
          { kind: 'rr', ssrc: 2, reports: [{ ...report, lastSenderReport, delaySinceLastSenderReport }] },
        ]);
        a.receivedRtcp(bytes, start);
        expect(a.quality.roundTripMs ?? 0).toBeGreaterThanOrEqual(0);
        expect(a.quality.roundTripMs ?? 0).toBeLessThan(60_000);
      }),
    );
  });

  test('malformed packets are ignored', () => {
    expect(pair().a.receivedRtcp(Uint8Array.of(1, 2, 3), start)).toBeUndefined();
  });

  test('reports are spread around five seconds', () => {
    expect([
      reportIntervalMs(0, true),
      reportIntervalMs(0),
      reportIntervalMs(0.5),
      reportIntervalMs(0.999),
    ]).toEqual([1250, 2500, 5000, expect.closeTo(7495, 0)]);
  });
});
