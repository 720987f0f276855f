import { describe, expect, it } from 'vitest';
import { type HealthInput, TrunkHealth } from './trunk-health.ts';

const rules = { upAfter: 2, downAfter: 2, downMs: 30_000, asked: true };
const answered: HealthInput = { type: 'answered' };
const unanswered: HealthInput = { type: 'unanswered' };
const failed: HealthInput = { type: 'call-failed' };
const told: HealthInput = { type: 'call-failed', retryAfterMs: 60_000 };
const taken: HealthInput = { type: 'call-answered' };

type Step = [second: number, input: HealthInput, change: 'up' | 'down' | undefined];

const stories: Array<[title: string, steps: Step[]]> = [
  [
    'one missing answer is nothing',
    [
      [0, unanswered, undefined],
      [1, answered, undefined],
      [2, unanswered, undefined],
      [3, answered, undefined],
    ],
  ],
  [
    'missing answers in a row make it down, once',
    [
      [0, unanswered, undefined],
      [1, unanswered, 'down'],
      [2, unanswered, undefined],
    ],
  ],
  [
    'answers in a row make it up again, once',
    [
      [0, unanswered, undefined],
      [1, unanswered, 'down'],
      [2, answered, undefined],
      [3, answered, 'up'],
      [4, answered, undefined],
    ],
  ],
  [
    'a missing answer between counts anew',
    [
      [0, failed, 'down'],
      [31, answered, undefined],
      [32, unanswered, undefined],
      [33, answered, undefined],
      [34, answered, 'up'],
    ],
  ],
  [
    'a call that failed makes it down at once, and for a while',
    [
      [0, failed, 'down'],
      [1, answered, undefined],
      [2, answered, undefined],
      [30, answered, 'up'],
    ],
  ],
  [
    'Retry-After says for how long',
    [
      [0, told, 'down'],
      [31, answered, undefined],
      [32, answered, undefined],
      [60, answered, 'up'],
    ],
  ],
  [
    'a call that was answered forgives a missing answer',
    [
      [0, unanswered, undefined],
      [1, taken, undefined],
      [2, unanswered, undefined],
      [3, unanswered, 'down'],
    ],
  ],
];

describe('health of a trunk', () => {
  it.each(stories)('%s', (_, steps) => {
    const health = new TrunkHealth(rules);
    for (const [second, input, change] of steps) expect(health.input(input, second * 1_000)).toBe(change);
  });

  it('that is not asked is up again when its time is over, and the next call tells', () => {
    const health = new TrunkHealth({ ...rules, asked: false });
    health.input(failed, 0);
    expect(health.isUp(29_999)).toBe(false);
    expect(health.isUp(30_000)).toBe(true);
    expect(health.input(taken, 31_000)).toBe('up');
    expect(health.input(taken, 32_000)).toBeUndefined();
    expect(health.input(failed, 33_000)).toBe('down');
  });
});
