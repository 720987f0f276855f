import { expect, it } from 'vitest';
import { VirtualClock } from '../testing/index.ts';
import { RestingPlace } from './resting.ts';
import { TimerQueue } from './timer-queue.ts';

const failed = (error: unknown) => {
  throw error;
};

function place() {
  const clock = new VirtualClock();
  const timers = new TimerQueue(clock, failed);
  return { clock, timers, resting: new RestingPlace<string>(clock, timers) };
}

it('each is found until its time is over, by one timer for all of a duration', async () => {
  const { clock, timers, resting } = place();
  resting.add('a', 'A', 32_000);
  await clock.advance(10_000);
  resting.add('b', 'B', 32_000);
  resting.add('c', 'C', 5_000);
  expect([resting.size, timers.size]).toEqual([3, 2]);
  await clock.advance(5_000);
  expect([resting.get('a'), resting.get('b'), resting.get('c')]).toEqual(['A', 'B', undefined]);
  await clock.advance(17_000);
  expect([resting.get('a'), resting.get('b')]).toEqual([undefined, 'B']);
  await clock.advance(10_000);
  expect([resting.size, timers.size, clock.pending]).toEqual([0, 0, 0]);
});

it('those that end almost together end together, none before its time', async () => {
  const { clock, timers, resting } = place();
  for (const key of ['a', 'b', 'c']) {
    resting.add(key, key, 1_000);
    await clock.advance(20);
  }
  await clock.advance(940);
  expect(['a', 'b', 'c'].map((key) => resting.get(key))).toEqual([undefined, 'b', 'c']);
  await clock.advance(39);
  expect(resting.get('c')).toBe('c');
  await clock.advance(11);
  expect([resting.size, timers.size]).toEqual([0, 0]);
});

it('a key that begins again lives from then on', async () => {
  const { clock, resting } = place();
  resting.add('a', 'old', 1_000);
  await clock.advance(600);
  resting.add('a', 'new', 1_000);
  await clock.advance(600);
  expect([resting.get('a'), resting.size]).toEqual(['new', 1]);
  await clock.advance(400);
  expect(resting.size).toBe(0);
});

it('what is deleted is gone, and with the last one the timer', () => {
  const { timers, resting } = place();
  resting.add('a', 'A', 1_000);
  resting.add('b', 'B', 2_000);
  resting.delete('a');
  expect([resting.get('a'), resting.size]).toEqual([undefined, 1]);
  resting.delete('b');
  expect([resting.size, timers.size]).toEqual([0, 0]);
  resting.add('c', 'C', 1_000);
  resting.clear();
  expect([resting.size, timers.size]).toEqual([0, 0]);
});
