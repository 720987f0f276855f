import { VirtualClock } from '@ringthrough/sip/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TimingWheel } from './timing-wheel.ts';

interface Item {
  name: string;
  slot: number;
}

let clock: VirtualClock;
let start: number;
let calls: Array<[name: string, at: number]>;
let wheel: TimingWheel<'slot', Item>;

const item = (name: string): Item => ({ name, slot: 0 });

beforeEach(() => {
  clock = new VirtualClock();
  start = clock.now();
  calls = [];
  wheel = new TimingWheel<'slot', Item>({
    clock,
    slotMs: 100,
    field: 'slot',
    due: ({ name }) => calls.push([name, clock.now() - start]),
  });
});

afterEach(() => {
  wheel.close();
  expect(clock.pending).toBe(0);
});

describe('TimingWheel', () => {
  it('calls everybody once, not before the time and less than a slot after it, in order of slots', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 50 }), async (delays) => {
        calls = [];
        start = clock.now();
        for (const [index, delay] of delays.entries()) wheel.schedule(item(String(index)), start + delay);
        await clock.advance(5200);
        expect(calls.map(([name]) => Number(name)).sort((a, b) => a - b)).toEqual([...delays.keys()]);
        for (const [name, at] of calls) {
          expect(at).toBeGreaterThanOrEqual(delays[Number(name)] ?? 0);
          expect(at).toBeLessThan((delays[Number(name)] ?? 0) + 100);
        }
        expect(calls.map(([, at]) => at)).toEqual(calls.map(([, at]) => at).sort((a, b) => a - b));
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it('believes only what it was told last', async () => {
    const [a, b] = [item('a'), item('b')];
    wheel.schedule(a, start + 1000);
    wheel.schedule(b, start + 1000);
    wheel.schedule(a, start + 3000);
    wheel.cancel(b);
    await clock.advance(2000);
    expect(calls).toEqual([]);
    wheel.schedule(a, start + 2500);
    await clock.advance(2000);
    expect(calls).toEqual([['a', 2500]]);
  });

  it('has one timer, however many wait, and none when nobody does', async () => {
    const items = Array.from({ length: 1000 }, (_, index) => item(String(index)));
    for (const [index, one] of items.entries()) wheel.schedule(one, start + 1000 + index);
    expect(clock.pending).toBe(1);
    for (const one of items) wheel.cancel(one);
    expect(clock.pending).toBe(0);
  });

  it('waits longer than a timer can', async () => {
    const delays: number[] = [];
    const patient = new TimingWheel<'slot', Item>({
      clock: {
        now: () => clock.now(),
        clearTimeout: (handle) => clock.clearTimeout(handle),
        setTimeout: (callback, delayMs) => {
          delays.push(delayMs);
          return clock.setTimeout(callback, delayMs);
        },
      },
      slotMs: 1000,
      field: 'slot',
      due: ({ name }) => calls.push([name, clock.now() - start]),
    });
    patient.schedule(item('far'), start + 40 * 86_400_000);
    await clock.advance(40 * 86_400_000 - 1);
    expect(calls).toEqual([]);
    await clock.advance(1);
    expect(calls).toEqual([['far', 40 * 86_400_000]]);
    expect(Math.max(...delays)).toBeLessThan(2 ** 31);
    patient.close();
  });

  it('lets whoever is called cancel the next and come again', async () => {
    const [a, b] = [item('a'), item('b')];
    wheel.close();
    const order: string[] = [];
    const another = new TimingWheel<'slot', Item>({
      clock,
      slotMs: 100,
      field: 'slot',
      due: ({ name }) => {
        order.push(`${name} ${clock.now() - start}`);
        another.cancel(b);
        if (order.length < 3) another.schedule(a, clock.now() + 200);
      },
    });
    another.schedule(a, start + 100);
    another.schedule(b, start + 100);
    await clock.advance(2000);
    expect(order).toEqual(['a 100', 'a 300', 'a 500']);
    another.close();
  });
});
