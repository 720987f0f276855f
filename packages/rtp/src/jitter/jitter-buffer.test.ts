import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BufferedPacket, JitterBuffer, type JitterBufferOptions } from './jitter-buffer.ts';

interface Arrival extends BufferedPacket {
  at: number;
}

/** Packet `index` of a stream of 20 ms packets at 8 kHz; its payload tells the index. */
function packet(index: number, change: Partial<BufferedPacket> = {}): BufferedPacket {
  const payload = new Uint8Array(160);
  new DataView(payload.buffer).setUint32(0, index);
  return {
    ssrc: 1,
    sequenceNumber: (65_500 + index) & 0xffff,
    timestamp: (0xffffffff - 1000 + 160 * index) >>> 0,
    marker: false,
    payload,
    ...change,
  };
}

function arrival(index: number, delayMs = 0, change: Partial<BufferedPacket> = {}): Arrival {
  return { ...packet(index, change), at: 20 * index + delayMs };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

interface Played {
  at: number;
  /** Index of the packet, 'lost' or 'silence'. */
  what: number | 'lost' | 'silence';
  shorten: boolean;
}

/** Runs a buffer on virtual time, one pull per 20 ms from 10 ms on. */
function run(arrivals: Arrival[], untilMs: number, options: Partial<JitterBufferOptions> = {}) {
  const buffer = new JitterBuffer({ clockRate: 8000, ...options });
  const inOrder = [...arrivals].sort((a, b) => a.at - b.at);
  const played: Played[] = [];
  for (let now = 10; now < untilMs; now += 20) {
    while (inOrder[0] && inOrder[0].at <= now) {
      const next = inOrder.shift()!;
      buffer.push(next, next.at);
    }
    const frame = buffer.pull(now);
    const view = new DataView(frame.payload.buffer, frame.payload.byteOffset);
    const what = frame.kind === 'packet' ? view.getUint32(0) : frame.kind;
    played.push({ at: now, what, shorten: frame.shorten });
  }
  const indices = played.map((frame) => frame.what).filter((what) => typeof what === 'number');
  return { buffer, played, indices, kinds: played.map((frame) => frame.what) };
}

/** A small generator, so that runs are alike. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}

describe('an even stream', () => {
  test('plays every packet once, in order, without gaps, after the initial delay', () => {
    const { kinds, indices, buffer } = run(
      range(0, 200).map((i) => arrival(i)),
      3900,
    );
    const first = kinds.indexOf(0);
    expect(first).toBeGreaterThanOrEqual(1);
    expect(first).toBeLessThanOrEqual(3);
    expect(kinds.slice(first)).toEqual(range(0, kinds.length - first));
    expect(indices.length).toBeGreaterThan(190);
    expect(buffer.stats).toMatchObject({ lost: 0, late: 0, duplicate: 0, discarded: 0, refused: 0 });
  });

  test('nothing has come: silence', () => {
    expect(run([], 100).kinds).toEqual(Array(5).fill('silence'));
  });

  test('the stream ends: a little concealment, then silence', () => {
    const { kinds } = run(
      range(0, 50).map((i) => arrival(i)),
      1600,
    );
    const after = kinds.slice(kinds.indexOf(49) + 1);
    expect(after.slice(0, 5)).toEqual(Array(5).fill('lost'));
    expect(new Set(after.slice(5))).toEqual(new Set(['silence']));
  });
});

describe('loss, reordering, duplicates', () => {
  test('a lost packet is one lost frame in its place, with the next one at hand', () => {
    const buffer = new JitterBuffer({ clockRate: 8000 });
    const arrivals = [0, 1, 2, 4, 5];
    const seen: string[] = [];
    for (let now = 0; now < 160; now += 20) {
      while (arrivals[0] !== undefined && 20 * arrivals[0] <= now)
        buffer.push(packet(arrivals.shift()!), now);
      if (now < 40) continue;
      const frame = buffer.pull(now);
      seen.push(`${frame.kind} ${frame.payload[3] ?? '-'} ${frame.next[3] ?? '-'}`);
    }
    expect(seen).toEqual(['packet 0 -', 'packet 1 -', 'packet 2 -', 'lost - 4', 'packet 4 -', 'packet 5 -']);
    expect(buffer.stats).toMatchObject({ lost: 1, played: 5 });
  });

  test('a burst of loss takes the time of what was lost, no more', () => {
    const { kinds, buffer } = run(
      range(0, 100)
        .filter((i) => i < 40 || i >= 44)
        .map((i) => arrival(i)),
      1900,
    );
    const at = kinds.indexOf(39);
    expect(kinds.slice(at + 1, at + 6)).toEqual(['lost', 'lost', 'lost', 'lost', 44]);
    expect(buffer.stats.lost).toBe(4);
  });

  test('reordered packets play in order and none is lost', () => {
    const arrivals = range(0, 200).map((i) => arrival(i, i % 5 === 2 ? 25 : 0));
    const { indices, buffer } = run(arrivals, 3900);
    expect(indices).toEqual(range(0, indices.length));
    expect(buffer.stats.lost).toBe(0);
  });

  test('the first packets out of order begin with the lowest', () => {
    const arrivals = [
      arrival(2, -40),
      arrival(0, 1),
      arrival(1, -15),
      ...range(3, 20).map((i) => arrival(i)),
    ];
    const { indices } = run(arrivals, 300);
    expect(indices.slice(0, 4)).toEqual([0, 1, 2, 3]);
  });

  test('duplicates are counted and played once', () => {
    const arrivals = range(0, 50).flatMap((i) => [arrival(i), arrival(i, 1), arrival(i, 300)]);
    const { indices, buffer } = run(arrivals, 1500);
    expect(indices).toEqual(range(0, 50));
    expect(buffer.stats).toMatchObject({ duplicate: 100, late: 0, lost: 0 });
  });

  test('a packet after its time is late, and not played', () => {
    const arrivals = range(0, 60).map((i) => arrival(i, i === 30 ? 250 : 0));
    const { indices, buffer } = run(arrivals, 1100);
    expect(indices).not.toContain(30);
    expect(buffer.stats).toMatchObject({ late: 1, lost: 1 });
  });

  test('any network: in order, each once, and everything is accounted for', () => {
    const fate = fc.record({
      lost: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      twice: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      delay: fc.oneof(fc.nat(30), fc.nat(200)),
    });
    fc.assert(
      fc.property(fc.array(fate, { minLength: 100, maxLength: 100 }), (fates) => {
        const arrivals = fates.flatMap(({ lost, twice, delay }, i) => {
          if (lost) return [];
          return twice ? [arrival(i, delay), arrival(i, delay + 7)] : [arrival(i, delay)];
        });
        const { indices, buffer } = run(arrivals, 3500);
        const { received, played, late, duplicate, discarded, refused } = buffer.stats;
        expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b));
        expect(played).toBe(indices.length);
        expect(received).toBe(arrivals.length);
        expect(played + late + duplicate + discarded + refused).toBe(received);
      }),
      { numRuns: 200 },
    );
  });
});

describe('adaptive delay', () => {
  test('grows with jitter until few packets are late, shrinks again, and stays in its bounds', () => {
    const next = random(7);
    const arrivals = range(0, 6000).map((i) => arrival(i, i > 1000 && i < 3000 ? 120 * next() : 2 * next()));
    const buffer = new JitterBuffer({ clockRate: 8000, maxDelayMs: 200 });
    const inOrder = [...arrivals].sort((a, b) => a.at - b.at);
    const target = new Map<number, number>();
    const lost = new Map<number, number>();
    let previousLost = 0;
    for (let now = 10; now < 120_000; now += 20) {
      while (inOrder[0] && inOrder[0].at <= now) {
        const arrived = inOrder.shift()!;
        buffer.push(arrived, arrived.at);
      }
      if (buffer.pull(now).shorten) buffer.pull(now);
      if (now % 20_000 === 19_990) {
        target.set(Math.ceil(now / 20_000), buffer.targetDelayMs);
        lost.set(Math.ceil(now / 20_000), buffer.stats.lost - previousLost);
        previousLost = buffer.stats.lost;
      }
    }
    expect(target.get(1)).toBe(20);
    expect(target.get(3)).toBeGreaterThan(90);
    expect(target.get(3)).toBeLessThanOrEqual(130);
    expect(target.get(6)).toBe(20);
    // 1000 packets in each 20 s; at the 97th percentile up to 3 % are late.
    expect(lost.get(3)).toBeLessThan(50);
    expect(lost.get(6)).toBe(0);
  });

  test('delay left over from a spike is taken back by asking to shorten, not by dropping', () => {
    const arrivals = range(0, 1000).map((i) => arrival(i, i >= 300 && i < 307 ? 20 * (307 - i) : 0));
    const { played, buffer } = run(arrivals, 19_000);
    expect(played.some((frame) => frame.shorten)).toBe(true);
    expect(buffer.stats.discarded).toBe(0);
  });

  test('a stall of two seconds: what is too old is thrown away at once', () => {
    const arrivals = range(0, 400).map((i) => arrival(i, i >= 100 && i < 200 ? 20 * (200 - i) : 0));
    const { played, buffer } = run(arrivals, 7900);
    expect(buffer.stats.discarded + buffer.stats.refused).toBeGreaterThan(50);
    const later = played.find((frame) => frame.at === 5010)!;
    expect(later.at - 20 * Number(later.what)).toBeLessThan(330);
    const { received, played: count, late, duplicate, discarded, refused } = buffer.stats;
    expect(received - count - late - duplicate - discarded - refused).toBeLessThan(20);
  });

  test.each([400, 600, 900])(
    'a path that becomes %i ms longer for good is followed within a quarter of a second',
    (longer) => {
      const arrivals = range(0, 500).map((i) => arrival(i, i >= 200 ? longer : 0));
      const { played, buffer } = run(arrivals, 9900);
      const silent = played.filter((frame) => frame.at > 4000 && typeof frame.what !== 'number');
      expect(20 * silent.length).toBeLessThan(longer + 250);
      expect(buffer.stats.discarded).toBeLessThan(12);
    },
  );

  test('a sender whose clock is 0.1 % fast or slow never runs the buffer over or dry for long', () => {
    for (const drift of [-0.001, 0.001]) {
      const arrivals = range(0, 15_000).map((i) => arrival(i, 20 * i * drift));
      const buffer = new JitterBuffer({ clockRate: 8000 });
      let lost = 0;
      let at = 0;
      for (let now = 10; now < 290_000; now += 20) {
        while (arrivals[at]!.at <= now) buffer.push(arrivals[at]!, arrivals[at++]!.at);
        const frame = buffer.pull(now);
        if (frame.kind === 'lost') lost++;
        if (frame.shorten) buffer.pull(now);
      }
      expect(buffer.stats.lost + buffer.stats.discarded + buffer.stats.late).toBe(0);
      // 290 s of 0.1 % are 14.5 frames.
      expect(lost).toBeLessThan(20);
    }
  });
});

describe('silence and changes', () => {
  test('DTX: the gap is silence, the new talkspurt begins whole', () => {
    const speech = range(0, 50).map((i) => arrival(i));
    const again = range(50, 100).map((i) => {
      const late = { timestamp: (packet(i).timestamp + 160 * 100) >>> 0, marker: i === 50 };
      return { ...arrival(i, 2000, late) };
    });
    const { kinds, indices, buffer } = run([...speech, ...again], 5000);
    expect(indices).toEqual(range(0, 100));
    expect(buffer.stats).toMatchObject({ lost: 0, late: 0, discarded: 0 });
    const between = kinds.slice(kinds.indexOf(49) + 1, kinds.indexOf(50));
    expect(between.length).toBeGreaterThan(95);
    expect(between.filter((kind) => kind === 'lost').length).toBe(5);
  });

  test('a short gap in the timestamps is silence of that length', () => {
    const arrivals = range(0, 100).map((i) => {
      if (i < 50) return arrival(i);
      return arrival(i, 60, { timestamp: (packet(i).timestamp + 480) >>> 0, marker: i === 50 });
    });
    const { kinds, indices } = run(arrivals, 2100);
    expect(indices).toEqual(range(0, 100));
    expect(kinds.indexOf(50) - kinds.indexOf(49)).toBe(4);
  });

  test('DTMF packets in the stream play as silence, and audio goes on after them', () => {
    const arrivals = range(0, 100).map((i) => {
      const isEvent = i >= 40 && i < 50;
      return arrival(i, 0, isEvent ? { payload: new Uint8Array(0), timestamp: packet(40).timestamp } : {});
    });
    const { kinds, indices, buffer } = run(arrivals, 2300);
    expect(indices).toEqual([...range(0, 40), ...range(50, 100)]);
    const between = kinds.slice(kinds.indexOf(39) + 1, kinds.indexOf(50));
    expect(new Set(between)).toEqual(new Set(['silence']));
    expect(between.length).toBeGreaterThanOrEqual(9);
    expect(between.length).toBeLessThanOrEqual(12);
    expect(buffer.stats.lost).toBe(0);
  });

  test('DTMF packets with a clock of their own do not disturb the audio around them', () => {
    const arrivals = range(0, 100).map((i) => {
      const isEvent = i === 0 || (i >= 40 && i < 43);
      return arrival(i, 0, isEvent ? { payload: new Uint8Array(0), timestamp: (i * 0x70000000) >>> 0 } : {});
    });
    const { indices, buffer } = run(arrivals, 2300);
    expect(indices).toEqual([...range(1, 40), ...range(43, 100)]);
    expect(buffer.stats).toMatchObject({ lost: 0, late: 0, discarded: 0 });
    expect(buffer.targetDelayMs).toBeLessThanOrEqual(40);
  });

  test('another SSRC begins anew', () => {
    const first = range(0, 50).map((i) => arrival(i));
    const second = range(50, 100).map((i) =>
      arrival(i, 0, { ssrc: 2, sequenceNumber: 7 * i, timestamp: 160 * i + 5e8 }),
    );
    for (const one of second) one.sequenceNumber = 1000 + second.indexOf(one);
    const { indices, buffer } = run([...first, ...second], 2300);
    expect(indices.slice(-50)).toEqual(range(50, 100));
    expect(buffer.stats).toMatchObject({ lost: 0, late: 0, refused: 0 });
  });

  test.each([
    ['forward', 4_000_000],
    ['back', -4_000_000],
    ['a little back', -1600],
  ])('a jump of the timestamp %s: playing goes on', (_title, jump) => {
    const arrivals = range(0, 200).map((i) =>
      i < 100 ? arrival(i) : arrival(i, 0, { timestamp: (packet(i).timestamp + jump) >>> 0 }),
    );
    const { indices, played } = run(arrivals, 5000);
    expect(indices.length).toBeGreaterThan(190);
    const last = played.find((frame) => frame.what === 199)!;
    expect(last.at).toBeLessThan(20 * 199 + 400);
  });

  test('a jump of the sequence number: one packet refused, then playing goes on', () => {
    const arrivals = range(0, 200).map((i) => {
      return i < 100 ? arrival(i) : arrival(i, 0, { sequenceNumber: (30_000 + i) & 0xffff });
    });
    const { indices, buffer } = run(arrivals, 4200);
    expect(buffer.stats.refused).toBe(1);
    expect(indices.slice(-99)).toEqual(range(101, 200));
  });

  test('packets of 10 and of 60 ms are paced by their timestamps', () => {
    for (const ms of [10, 60]) {
      const buffer = new JitterBuffer({ clockRate: 8000, duration: (payload) => payload.length });
      let next = 0;
      const played: number[] = [];
      let budget = 0;
      for (let now = 10; now < 2000; now += 10) {
        while (next * ms <= now) {
          buffer.push(
            {
              ssrc: 1,
              sequenceNumber: next,
              timestamp: next * ms * 8,
              marker: false,
              payload: new Uint8Array(ms * 8).fill(next),
            },
            next * ms,
          );
          next++;
        }
        for (budget += 10; budget > 0; ) {
          const frame = buffer.pull(now);
          if (frame.kind === 'packet') played.push(frame.payload[0]!);
          budget -= frame.kind === 'packet' ? ms : 20;
        }
      }
      expect(played).toEqual(range(0, played.length));
      expect(played.length).toBeGreaterThan(1800 / ms);
      expect(buffer.stats.lost).toBe(0);
    }
  });

  test('any packets at all: nothing throws and memory stays as it is', () => {
    const wild = fc.record({
      ssrc: fc.nat(2),
      sequenceNumber: fc.oneof(fc.nat(0xffff), fc.nat(20)),
      timestamp: fc.oneof(fc.nat(0xffffffff), fc.nat(5000)),
      marker: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 30 }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(wild, fc.nat(50), fc.boolean()), { maxLength: 300 }), (steps) => {
        const buffer = new JitterBuffer({
          clockRate: 8000,
          capacity: 16,
          duration: (payload) => payload.length,
        });
        let now = 0;
        for (const [given, wait, pull] of steps) {
          now += wait;
          buffer.push(given, now);
          if (pull) expect(['packet', 'lost', 'silence']).toContain(buffer.pull(now).kind);
        }
        const { received, played, late, duplicate, discarded, refused } = buffer.stats;
        expect(played + late + duplicate + discarded + refused).toBeLessThanOrEqual(received);
      }),
      { numRuns: 500 },
    );
  });

  test('a capacity that is no power of two is misuse', () => {
    expect(() => new JitterBuffer({ clockRate: 8000, capacity: 100 })).toThrow(RangeError);
  });
});
