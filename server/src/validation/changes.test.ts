import { describe, expect, it } from 'vitest';
import { Changes } from './changes.ts';

const never = new AbortController().signal;
/** Longer than any test. */
const long = 600_000;

describe('who waits for a change', () => {
  it('is woken by it, and by no other', async () => {
    const changes = new Changes();
    const [mine, other] = [changes.next('mine', long, never), changes.next('other', long, never)];
    let woken = false;
    const wait = other.within(long).then(() => {
      woken = true;
    });
    changes.announce('mine');
    await mine.within(long);
    expect(woken).toBe(false);
    other.cancel();
    await wait;
  });

  it('hears of what happened before it asked', async () => {
    const changes = new Changes();
    const change = changes.next('one', long, never);
    changes.announce('one');
    await change.within(long);
  });

  it.each([
    ['for so long, at most', 1, long],
    ['until something else is due', long, 1],
  ])('waits %s', async (_what, ms, due) => {
    await new Changes().next('one', ms, never).within(due);
  });

  it('goes when told to', async () => {
    const gone = new AbortController();
    const change = new Changes().next('one', long, gone.signal);
    gone.abort();
    await change.within(long);
  });
});
