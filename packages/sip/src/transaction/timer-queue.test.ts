import fc from 'fast-check';
import { expect, it } from 'vitest';
import { VirtualClock } from '../testing/index.ts';
import { TimerQueue } from './timer-queue.ts';

const fail = (error: unknown) => {
  throw error;
};

it('fires in order of time whatever the order of setting, each once, and leaves nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 40 }),
      async (plan) => {
        const clock = new VirtualClock(0);
        const queue = new TimerQueue(clock, fail);
        const fired: number[] = [];
        const timers = plan.map(([duration]) => queue.set(duration, () => fired.push(duration)));
        plan.forEach(([, cleared], n) => {
          if (cleared) queue.clear(timers[n]!);
        });
        expect(queue.size).toBe(plan.filter(([, cleared]) => !cleared).length);
        await clock.advance(100);
        const expected = plan.filter(([, cleared]) => !cleared).map(([duration]) => duration);
        expect(fired).toEqual(expected.sort((a, b) => a - b));
        expect(queue.size).toBe(0);
        expect(clock.pending).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

it('takes timers set and cleared from within callbacks', async () => {
  const clock = new VirtualClock(0);
  const queue = new TimerQueue(clock, fail);
  const fired: string[] = [];
  const victim = queue.set(20, () => fired.push('victim'));
  queue.set(10, () => {
    queue.clear(victim);
    queue.set(10, () => fired.push(`late ${clock.now()}`));
    queue.set(0, () => fired.push(`now ${clock.now()}`));
  });
  await clock.advance(100);
  expect(fired).toEqual(['now 10', 'late 20']);
  queue.clear(victim);
  expect(queue.size).toBe(0);
});

it('keeps on when a callback throws, and reports it', async () => {
  const clock = new VirtualClock(0);
  const errors: unknown[] = [];
  const queue = new TimerQueue(clock, (error) => errors.push(error));
  let fired = 0;
  queue.set(5, () => {
    throw new Error('mine');
  });
  queue.set(5, () => fired++);
  await clock.advance(10);
  expect([fired, errors.length]).toEqual([1, 1]);
});

it('is silent and empty after close', async () => {
  const clock = new VirtualClock(0);
  const queue = new TimerQueue(clock, fail);
  let fired = 0;
  const timer = queue.set(5, () => fired++);
  queue.close();
  queue.set(1, () => fired++);
  queue.clear(timer);
  await clock.advance(100);
  expect([fired, queue.size, clock.pending]).toEqual([0, 0, 0]);
});
