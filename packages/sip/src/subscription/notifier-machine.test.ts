import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NotifierInput, NotifierMachine, type NotifierOutput } from './notifier-machine.ts';
import { formatSubscriptionState } from './subscription-headers.ts';

const limits = {
  minExpiresSeconds: 60,
  maxExpiresSeconds: 3600,
  defaultExpiresSeconds: 600,
  minIntervalMs: 1_000,
};
const start = 5_000;

/** An output in short: `200 600`, `423 60`, `notify change active;expires=600`, `arm expiry 600000`, `ended expired`. */
function short(output: NotifierOutput): string {
  switch (output.type) {
    case 'respond':
      return output.status === 200 ? `200 ${output.expiresSeconds}` : `423 ${output.minExpiresSeconds}`;
    case 'notify':
      return `notify ${output.cause} ${formatSubscriptionState(output.state)}`;
    case 'arm':
      return `arm ${output.timer} ${output.at - start}`;
    case 'cancel':
      return `cancel ${output.timer}`;
    case 'ended':
      return `ended ${output.how}`;
  }
}

const subscribe = (expiresSeconds?: number) => ({ type: 'subscribe', expiresSeconds }) as const;
const notified = (status: number, retryAfterSeconds?: number) =>
  ({ type: 'notified', status, retryAfterSeconds }) as const;
const changed = { type: 'changed' } as const;
const timer = (name: 'expiry' | 'pace' | 'retry') => ({ type: 'timer', timer: name }) as const;

type Step = [input: NotifierInput, after: number];

const ways = {
  New: [],
  /** The first NOTIFY is on its way. */
  Telling: [[subscribe(600), 0]],
  Active: [
    [subscribe(600), 0],
    [notified(200), 100],
  ],
  Paced: [
    [subscribe(600), 0],
    [notified(200), 100],
    [changed, 200],
  ],
  Refused: [
    [subscribe(600), 0],
    [notified(503, 30), 100],
  ],
  Over: [
    [subscribe(600), 0],
    [notified(200), 100],
    [timer('expiry'), 600_000],
  ],
} satisfies Record<string, Step[]>;

describe('RFC 6665 4.2: a subscription as its notifier has it', () => {
  it.each<[title: string, way: keyof typeof ways, input: NotifierInput, at: number, expected: string]>([
    [
      '4.2.1.1, 4.2.1.2: 200, then NOTIFY at once',
      'New',
      subscribe(600),
      0,
      '200 600, arm expiry 600000, notify subscribe active;expires=600',
    ],
    [
      '4.2.1.1: no Expires: what the package says',
      'New',
      subscribe(),
      0,
      '200 600, arm expiry 600000, notify subscribe active;expires=600',
    ],
    [
      '4.2.1.1: the notifier may shorten',
      'New',
      subscribe(86_400),
      0,
      '200 3600, arm expiry 3600000, notify subscribe active;expires=3600',
    ],
    ['4.2.1.1: 423 with Min-Expires', 'New', subscribe(59), 0, '423 60'],
    [
      '4.4.3: Expires 0 fetches the state',
      'New',
      subscribe(0),
      0,
      '200 0, notify subscribe terminated;reason=timeout, ended unsubscribed',
    ],
    [
      '4.2.1.4: a refresh is told the whole state at once',
      'Active',
      subscribe(1200),
      300,
      '200 1200, cancel expiry, arm expiry 1200300, notify subscribe active;expires=1200',
    ],
    ['a refresh that is too brief changes nothing', 'Active', subscribe(5), 300, '423 60'],
    [
      '4.2.1.4: Expires 0 unsubscribes, with a last NOTIFY',
      'Active',
      subscribe(0),
      300,
      '200 0, notify end terminated;reason=timeout, cancel expiry, ended unsubscribed',
    ],
    ['4.2.2: a change is told', 'Active', changed, 2_500, 'notify change active;expires=598'],
    ['5.4.10: not more often than the package allows', 'Active', changed, 200, 'arm pace 1000'],
    ['one timer for many changes', 'Paced', changed, 400, ''],
    ['what was held back is told', 'Paced', timer('pace'), 1_000, 'notify change active;expires=599'],
    [
      'a refresh tells what was held back, too',
      'Paced',
      subscribe(600),
      400,
      '200 600, cancel expiry, arm expiry 600400, cancel pace, notify subscribe active;expires=600',
    ],
    ['4.2.2: nobody is told of two states at once', 'Telling', changed, 50, ''],
    [
      '4.2.2: it expires with a last NOTIFY',
      'Active',
      timer('expiry'),
      600_000,
      'notify end terminated;reason=timeout, ended expired',
    ],
    ['4.2.2: 481 ends it without a word', 'Telling', notified(481), 100, 'cancel expiry, ended refused'],
    ['4.2.2: so does a timeout', 'Telling', notified(408), 32_000, 'cancel expiry, ended refused'],
    ['4.2.2: so does any refusal', 'Telling', notified(405), 100, 'cancel expiry, ended refused'],
    ['4.2.2: unless it says when to try again', 'Telling', notified(503, 30), 100, 'arm retry 30100'],
    ['4.2.2: but not at once, for ever', 'Telling', notified(503, 0), 100, 'arm retry 1100'],
    ['481 ends it whatever else it says', 'Telling', notified(481, 30), 100, 'cancel expiry, ended refused'],
    [
      'the retry tells the whole state',
      'Refused',
      timer('retry'),
      30_100,
      'notify subscribe active;expires=570',
    ],
    ['until then changes wait', 'Refused', changed, 5_000, ''],
    [
      'a refresh does not wait for the retry',
      'Refused',
      subscribe(600),
      5_000,
      '200 600, cancel expiry, arm expiry 605000, cancel retry, notify subscribe active;expires=600',
    ],
    [
      'it expires although the retry is to come',
      'Refused',
      timer('expiry'),
      600_000,
      'notify end terminated;reason=timeout, cancel retry, ended expired',
    ],
    [
      '4.1.3: the notifier ends it',
      'Active',
      { type: 'terminate', reason: 'rejected' },
      300,
      'notify end terminated;reason=rejected, cancel expiry, ended terminated',
    ],
    [
      '4.1.3: and says when to come back',
      'Telling',
      { type: 'terminate', reason: 'probation', retryAfterSeconds: 60 },
      50,
      'notify end terminated;reason=probation;retry-after=60, cancel expiry, ended terminated',
    ],
    [
      'RFC 5626: its connection is gone',
      'Paced',
      { type: 'lost' },
      300,
      'cancel expiry, cancel pace, ended lost',
    ],
    ['nothing new: another change may be told at once', 'Telling', { type: 'unchanged' }, 50, ''],
    ['after the end nothing counts', 'Over', changed, 700_000, ''],
    ['after the end nothing counts, no SUBSCRIBE either', 'Over', subscribe(600), 700_000, ''],
  ])('%s', (_title, way, input, at, expected) => {
    const machine = new NotifierMachine(limits);
    for (const [before, after] of ways[way]) machine.handle(before, start + after);
    expect(
      machine
        .handle(input, start + at)
        .map(short)
        .join(', '),
    ).toBe(expected);
  });

  it('tells what came while a NOTIFY was on its way when that is answered', () => {
    const machine = new NotifierMachine(limits);
    machine.handle(subscribe(600), start);
    machine.handle(changed, start + 10);
    expect(machine.handle(notified(200), start + 20).map(short)).toEqual(['arm pace 1000']);
    machine.handle(timer('pace'), start + 1_000);
    machine.handle(changed, start + 1_010);
    machine.handle(subscribe(600), start + 1_020);
    expect(machine.handle(notified(200), start + 1_030).map(short)).toEqual([
      'notify subscribe active;expires=600',
    ]);
    machine.handle(changed, start + 1_040);
    machine.handle(subscribe(600), start + 1_050);
    // Refused for now, but the subscriber has asked since.
    expect(machine.handle(notified(503, 30), start + 1_060).map(short)).toEqual([
      'notify subscribe active;expires=600',
    ]);
  });

  it('in every order: one NOTIFY under way, one end, no timer left, nothing after it', () => {
    const input = fc.oneof(
      fc.constantFrom(
        changed,
        notified(200),
        notified(503, 5),
        { type: 'unchanged' } as const,
        { type: 'due' } as const,
      ),
      fc.record({
        type: fc.constant('subscribe' as const),
        expiresSeconds: fc.constantFrom(undefined, 0, 10, 60, 600),
      }),
      fc.constantFrom(
        notified(481),
        { type: 'lost' } as const,
        { type: 'terminate', reason: 'giveup' } as const,
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(input, fc.nat(5_000)), { maxLength: 60 }), (course) => {
        const machine = new NotifierMachine(limits);
        const timers = new Map<string, number>();
        let now = start;
        let [inFlight, ends, subscribed] = [false, 0, false];
        for (const [one, after] of course) {
          now += after;
          let given: NotifierInput;
          if (one.type === 'due') {
            const due = [...timers].sort((a, b) => a[1] - b[1])[0];
            if (!due) continue;
            now = Math.max(now, due[1]);
            timers.delete(due[0]);
            given = timer(due[0] as 'expiry');
          } else given = one;
          // A subscription begins with a SUBSCRIBE, and an answer needs a question.
          if (!subscribed && given.type !== 'subscribe') continue;
          if ((given.type === 'notified' || given.type === 'unchanged') && !inFlight) continue;
          if (given.type === 'notified' || given.type === 'unchanged') inFlight = false;
          subscribed = true;
          const before = machine.state;
          const outputs = machine.handle(given, now);
          if (before === 'terminated') expect(outputs).toEqual([]);
          for (const output of outputs) {
            if (output.type === 'arm') timers.set(output.timer, output.at);
            if (output.type === 'cancel') timers.delete(output.timer);
            if (output.type === 'ended') ends++;
            if (output.type !== 'notify' || output.state.state === 'terminated') continue;
            expect(inFlight).toBe(false);
            inFlight = true;
          }
        }
        expect(ends).toBe(machine.state === 'terminated' ? 1 : 0);
        if (machine.state === 'terminated') expect([...timers]).toEqual([]);
        else if (machine.state === 'active') expect(timers.has('expiry')).toBe(true);
      }),
    );
  });
});
