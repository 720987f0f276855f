import { VirtualClock } from '@ringthrough/sip/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LivenessWatch, trueWithin } from './liveness.ts';

const periodMs = 15_000;
const patienceMs = 10_000;
/** As a SIP transaction gives up: 64*T1. */
const giveUpMs = 32_000;

interface Phone {
  name: string;
  diesAt: number;
  wakesAt: number;
  askSlot: number;
}

let clock: VirtualClock;
let start: number;
let log: Array<[atMs: number, what: string]>;
let asked: number;
let watch: LivenessWatch<Phone>;

const at = () => clock.now() - start;
const phone = (name: string, diesAt = Infinity, wakesAt = Infinity): Phone => ({
  name,
  diesAt,
  wakesAt,
  askSlot: 0,
});

/** An answer takes 100 ms; retransmissions reach a phone that wakes while the question is open. */
function ask({ diesAt, wakesAt }: Phone): Promise<boolean> {
  asked += 1;
  const now = at();
  const alive = now < diesAt || now >= wakesAt;
  const answersInMs = alive ? 100 : wakesAt - now + 100;
  return new Promise((resolve) => {
    if (answersInMs < giveUpMs) clock.setTimeout(() => resolve(true), answersInMs);
    else clock.setTimeout(() => resolve(false), giveUpMs);
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  start = clock.now();
  log = [];
  asked = 0;
  watch = newWatch();
});

function newWatch(): LivenessWatch<Phone> {
  return new LivenessWatch<Phone>({
    clock,
    periodMs,
    patienceMs,
    ask,
    silent: ({ name }) => log.push([at(), `${name} silent`]),
    answered: ({ name }) => log.push([at(), `${name} answered`]),
  });
}

afterEach(async () => {
  watch.close();
  await clock.advance(giveUpMs);
  expect(clock.pending).toBe(0);
});

describe('LivenessWatch', () => {
  it('asks once per period, and is content with any answer', async () => {
    watch.watch(phone('a'));
    await clock.advance(31_000);
    expect(log).toEqual([
      [15_100, 'a answered'],
      [30_200, 'a answered'],
    ]);
  });

  it('reports silence after the patience, and an answer that comes later', async () => {
    watch.watch(phone('a', 1_000, 30_000));
    await clock.advance(40_000);
    expect(log).toEqual([
      [25_000, 'a silent'],
      [30_100, 'a answered'],
    ]);
  });

  it('asks no second question while one is open', async () => {
    watch.watch(phone('a', 0));
    await clock.advance(15_000 + giveUpMs + 14_999);
    expect(asked).toBe(1);
    await clock.advance(1);
    expect(asked).toBe(2);
  });

  it('starts anew with news of somebody; the open question counts no more', async () => {
    const a = phone('a', 1_000);
    watch.watch(a);
    await clock.advance(20_000);
    watch.watch(a);
    await clock.advance(24_999);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual([[45_000, 'a silent']]);
  });

  it('forgets', async () => {
    const a = phone('a', 0);
    watch.watch(a);
    watch.watch(phone('b'));
    watch.forget(a);
    await clock.advance(30_000);
    expect(log).toEqual([[15_100, 'b answered']]);
  });

  it('asks no more than so many per second; whoever waits longest comes first, and nobody is left out', async () => {
    watch.close();
    const times = new Map<Phone, number[]>();
    const slow = new LivenessWatch<Phone>({
      clock,
      periodMs,
      patienceMs,
      maxPerSecond: 10,
      ask: async (one) => {
        times.set(one, [...(times.get(one) ?? []), at()]);
        return true;
      },
      silent: ({ name }) => log.push([at(), `${name} silent`]),
      answered: () => undefined,
    });
    const phones = Array.from({ length: 300 }, (_, index) => phone(String(index)));
    for (const one of phones) slow.watch(one);
    await clock.advance(120_000);
    const all = [...times.values()].flat().sort((a, b) => a - b);
    for (let second = 0; second < 120_000; second += 1000) {
      const within = all.filter((time) => time >= second && time < second + 1000).length;
      expect(within).toBeLessThanOrEqual(12);
    }
    // 300 at 10 a second: 30 s for all of them, and for the first time up to as long again.
    for (const one of phones) {
      const own = times.get(one) ?? [];
      expect(own.length).toBeGreaterThanOrEqual(3);
      for (const [index, time] of own.entries()) {
        expect(time - (own[index - 1] ?? 0)).toBeLessThanOrEqual(46_000);
      }
    }
    expect(log).toEqual([]);
    for (const one of phones.slice(10)) slow.forget(one);
    times.clear();
    const before = at();
    await clock.advance(100_000);
    // With few of them it is the period again, from the next question on.
    for (const one of phones.slice(0, 10)) {
      const later = (times.get(one) ?? []).filter((time) => time > before + 31_000);
      expect(later.length).toBeGreaterThanOrEqual(4);
    }
    expect(times.size).toBe(10);
    slow.close();
  });

  it('spreads the first questions of many over the period', async () => {
    const phones = Array.from({ length: 150 }, (_, index) => phone(String(index)));
    watch.watchAll(phones);
    for (let second = 1; second <= 15; second++) {
      await clock.advance(1000);
      expect(asked).toBeGreaterThanOrEqual(second * 10);
      expect(asked).toBeLessThanOrEqual(second * 10 + 11);
    }
    expect(new Set(log.map(([, what]) => what)).size).toBeGreaterThanOrEqual(149);
  });

  it('is never more than period and patience behind the truth, whoever dies when', async () => {
    const moment = fc.integer({ min: 0, max: 120_000 });
    const phones = fc.array(fc.tuple(moment, moment), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(phones, async (lives) => {
        start = clock.now();
        log = [];
        const all = lives.map(([joinsAt, diesAfter], index) => ({
          joinsAt,
          phone: phone(String(index), joinsAt + diesAfter),
        }));
        all.sort((a, b) => a.joinsAt - b.joinsAt);
        for (const { joinsAt, phone: one } of all) {
          await clock.advance(joinsAt - at());
          watch.watch(one);
        }
        await clock.advance(300_000);
        for (const { phone: one } of all) {
          const silence = log.find(([, what]) => what === `${one.name} silent`)?.[0] ?? Infinity;
          expect(silence).toBeGreaterThanOrEqual(one.diesAt + patienceMs - periodMs);
          expect(silence).toBeGreaterThan(one.diesAt);
          expect(silence).toBeLessThanOrEqual(one.diesAt + 100 + periodMs + patienceMs);
        }
        watch.close();
        watch = newWatch();
      }),
      { numRuns: 50 },
    );
  });
});

describe('trueWithin', () => {
  it.each([
    ['true in time', 50, true, true],
    ['false in time', 50, false, false],
    ['true too late', 200, true, false],
  ])('%s', async (_, ms, value, expected) => {
    const promise = new Promise<boolean>((resolve) => clock.setTimeout(() => resolve(value), ms));
    const result = trueWithin(clock, 100, promise);
    await clock.advance(300);
    expect(await result).toBe(expected);
  });
});
