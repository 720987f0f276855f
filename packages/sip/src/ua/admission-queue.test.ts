import { describe, expect, it } from 'vitest';
import { AdmissionQueue } from './admission-queue.ts';

const limits = { targetDelayMs: 20, maxDelayMs: 200, maxWaiting: 1000 };

/**
 * A server that needs `workMs` for a call and `refusalMs` to refuse one, and callers that come evenly at each rate for
 * so many seconds. Counts per second of arrival.
 */
function simulate(phases: Array<{ perSecond: number; seconds: number }>, workMs: number, refusalMs = 0) {
  const queue = new AdmissionQueue<number>(limits);
  const arrivals: number[] = [];
  let at = 0;
  for (const { perSecond, seconds } of phases) {
    for (let n = 0; n < perSecond * seconds; n++) arrivals.push(at + (n * 1000) / perSecond);
    at += seconds * 1000;
  }
  const admitted = new Array<number>(Math.ceil(at / 1000)).fill(0);
  const refused = [...admitted];
  let longest = 0;
  const count = (list: number[], arrived: number) => {
    const second = Math.floor(arrived / 1000);
    list[second] = (list[second] ?? 0) + 1;
  };
  let next = 0;
  for (let now = 0; next < arrivals.length || queue.waiting > 0; ) {
    for (let due = arrivals[next]; due !== undefined && due <= now; due = arrivals[++next]) {
      if (!queue.push(due, due)) count(refused, due);
    }
    const call = queue.next(now);
    if (!call) {
      now = arrivals[next] ?? now;
      continue;
    }
    count(call.admitted ? admitted : refused, call.item);
    if (call.admitted) longest = Math.max(longest, now - call.item);
    now += call.admitted ? workMs : refusalMs;
  }
  return { admitted, refused, longest };
}

const sum = (counts: readonly number[]) => counts.reduce((total, one) => total + one, 0);

describe('the admission of calls', () => {
  it('takes every call below the capacity', () => {
    const { refused, longest } = simulate([{ perSecond: 90, seconds: 10 }], 10);
    expect(sum(refused)).toBe(0);
    expect(longest).toBeLessThan(15);
  });

  it('takes a burst that can be worked off', () => {
    const queue = new AdmissionQueue<number>(limits);
    for (let n = 0; n < 20; n++) queue.push(n, 0);
    // 8 ms each: the last one waits for 152 ms.
    const verdicts = Array.from({ length: 20 }, (_, n) => queue.next(n * 8)?.admitted);
    expect(verdicts).toEqual(Array(20).fill(true));
  });

  it.each([1.2, 2, 5, 20])('carries its peak at %d times the load, and those calls wait little', (times) => {
    const { admitted, longest } = simulate([{ perSecond: 100 * times, seconds: 10 }], 10);
    expect(sum(admitted.slice(1))).toBeGreaterThan(0.99 * 900);
    expect(longest).toBeLessThan(201);
  });

  it('carries nine tenths of its peak at twice the load where a refusal costs a tenth of a call', () => {
    const { admitted } = simulate([{ perSecond: 200, seconds: 10 }], 10, 1);
    expect(sum(admitted.slice(1))).toBeGreaterThan(0.88 * 900);
  });

  it('refuses nobody any more within a second after the load has fallen', () => {
    const { refused } = simulate(
      [
        { perSecond: 300, seconds: 5 },
        { perSecond: 70, seconds: 5 },
      ],
      10,
    );
    expect(sum(refused.slice(0, 5))).toBeGreaterThan(900);
    expect(sum(refused.slice(6))).toBe(0);
  });

  it('refuses at once what has no room', () => {
    const queue = new AdmissionQueue<number>({ ...limits, maxWaiting: 2 });
    expect([1, 2, 3].map((item) => queue.push(item, 0))).toEqual([true, true, false]);
    queue.next(0);
    expect(queue.push(4, 0)).toBe(true);
    expect([queue.next(0)?.item, queue.next(0)?.item, queue.next(0)]).toEqual([2, 4, undefined]);
  });

  it('keeps its order over thousands', () => {
    const queue = new AdmissionQueue<number>({ ...limits, maxWaiting: 1e6 });
    let taken = 0;
    for (let n = 0; n < 5000; n++) {
      queue.push(2 * n, 0);
      queue.push(2 * n + 1, 0);
      expect(queue.next(0)?.item).toBe(taken++);
    }
    expect(queue.waiting).toBe(5000);
  });
});
