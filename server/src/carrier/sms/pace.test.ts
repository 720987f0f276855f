import { describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

const pace = (settings = {}) =>
  new Pace({ window: 8, intervalMs: 0, firstPauseMs: 1000, maxPauseMs: 4000, ...settings });

describe('Pace', () => {
  it('pauses when there is too much, twice as long each time, and goes on at half the speed', () => {
    const one = pace();
    expect(one.window).toBe(8);
    expect(one.throttled(0)).toBe(1000);
    // Those under way together are one "too much".
    expect(one.throttled(10)).toBe(990);
    expect(one.window).toBe(4);
    expect(one.pause(999)).toBe(1);
    expect(one.pause(1000)).toBe(0);
    expect(one.throttled(1000)).toBe(2000);
    expect(one.throttled(3000)).toBe(4000);
    expect(one.throttled(7000)).toBe(4000);
    expect(one.window).toBe(1);
  });

  it('gets faster again with every one that is taken', () => {
    const one = pace();
    one.throttled(0);
    // An answer that was under way says nothing about afterwards.
    one.taken(500);
    expect(one.throttled(1000)).toBe(2000);
    for (let count = 0; count < 100; count += 1) one.taken(3000 + count);
    expect(one.window).toBe(8);
    expect(one.throttled(4000)).toBe(1000);
  });

  it('keeps to so many a second', () => {
    const one = pace({ intervalMs: 100 });
    expect([one.take(0), one.take(0), one.take(0), one.take(250)]).toEqual([0, 100, 200, 50]);
    expect(one.take(10_000)).toBe(0);
  });

  it('lets nobody into a pause', () => {
    const one = pace({ intervalMs: 100 });
    one.throttled(0);
    expect([one.take(400), one.take(400)]).toEqual([600, 700]);
  });
});
