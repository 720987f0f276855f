import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Scheduler } from './scheduler.ts';

describe('Scheduler', () => {
  let now = 0;
  beforeEach(() => {
    now = 0;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
  });
  afterEach(() => vi.useRealTimers());

  /** Time passes; every timer fires `late` milliseconds after it should. */
  function pass(ms: number, late = 0): void {
    for (const end = now + ms; now < end; ) {
      now += 1 + late;
      vi.advanceTimersByTime(1);
    }
  }

  const recorder = (times: number[]) => ({
    tick: (at: number) => void times.push(at),
    failed: () => undefined,
  });

  it('ticks every 20 ms, on the clock however late its timers are', () => {
    for (const late of [0, 0.7]) {
      now = 0;
      const times: number[] = [];
      const scheduler = new Scheduler(
        () => now,
        () => undefined,
      );
      const ticker = recorder(times);
      scheduler.add(ticker);
      pass(1000, late);
      scheduler.remove(ticker);
      expect(times.length).toBeGreaterThanOrEqual(49);
      expect(times).toEqual(times.map((_, i) => 20 * (i + 1)));
    }
  });

  it('catches up after a short stall and skips after a long one', () => {
    const times: number[] = [];
    const scheduler = new Scheduler(
      () => now,
      () => undefined,
    );
    const ticker = recorder(times);
    scheduler.add(ticker);
    pass(20);
    now += 60;
    pass(20);
    expect(times).toEqual([20, 40, 60, 80, 100]);
    now += 10_000;
    pass(40);
    expect(times.length).toBeLessThan(9);
    expect(scheduler.skipped).toBeGreaterThan(490);
    scheduler.remove(ticker);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('lets the sockets have their turn within a frame that takes long', () => {
    const turns: number[] = [];
    let turn = 0;
    const scheduler = new Scheduler(
      () => now,
      () => undefined,
    );
    const slow = Array.from({ length: 9 }, () => ({
      tick: () => {
        now += 0.7;
        turns.push(turn);
        // Queued before the scheduler's own.
        if (turns.length % 3 === 0) setImmediate(() => turn++);
      },
      failed: () => undefined,
    }));
    for (const ticker of slow) scheduler.add(ticker);
    pass(35);
    expect(turns).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    for (const ticker of slow) scheduler.remove(ticker);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes a ticker that throws out, tells it, and goes on with the others', () => {
    const times: number[] = [];
    const errors: unknown[] = [];
    const failed = vi.fn();
    const scheduler = new Scheduler(
      () => now,
      (error) => errors.push(error),
    );
    const broken = {
      tick: () => {
        throw new Error('broken');
      },
      failed,
    };
    const sound = recorder(times);
    scheduler.add(broken);
    scheduler.add(sound);
    pass(100);
    expect(times).toHaveLength(5);
    expect(failed).toHaveBeenCalledTimes(1);
    expect(errors).toHaveLength(1);
    scheduler.remove(sound);
    expect(scheduler.size).toBe(0);
  });
});
