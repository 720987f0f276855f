import { describe, expect, it } from 'vitest';
import { type SubscriberInput, SubscriberMachine, type SubscriberOutput } from './subscriber-machine.ts';
import { parseSubscriptionState } from './subscription-headers.ts';

const start = 5_000;

/** An output in short: `SUBSCRIBE 600`, `arm N 32000`, `ended refused 403`. */
function short(output: SubscriberOutput): string {
  switch (output.type) {
    case 'subscribe':
      return `SUBSCRIBE ${output.expiresSeconds}`;
    case 'arm':
      return `arm ${output.timer} ${output.at - start}`;
    case 'cancel':
      return `cancel ${output.timer}`;
    case 'ended':
      return `ended ${Object.values(output.end)
        .filter((value) => value !== undefined)
        .join(' ')}`;
  }
}

const begin = { type: 'start' } as const;
const response = (status: number, expiresSeconds?: number, minExpiresSeconds?: number) =>
  ({ type: 'response', status, expiresSeconds, minExpiresSeconds }) as const;
const notify = (text: string) => ({ type: 'notify', state: parseSubscriptionState(text)! }) as const;
const timer = (name: 'N' | 'refresh' | 'expiry') => ({ type: 'timer', timer: name }) as const;
const unsubscribe = { type: 'unsubscribe' } as const;

type Step = [input: SubscriberInput, after: number];
const waiting: Step[] = [[begin, 0]];
const active: Step[] = [...waiting, [response(200, 600), 10], [notify('active;expires=600'), 20]];

const ways = {
  init: [],
  notify_wait: waiting,
  pending: [...waiting, [notify('pending;expires=600'), 20]],
  active,
  'active refreshing': [...active, [timer('refresh'), 480_020]],
  'active leaving': [...active, [unsubscribe, 1_000]],
  'notify_wait leaving': [...waiting, [unsubscribe, 10]],
  terminated: [...active, [notify('terminated;reason=noresource'), 30]],
} satisfies Record<string, Step[]>;

describe('RFC 6665 4.1.2: a subscription as its subscriber has it', () => {
  it.each<[title: string, way: keyof typeof ways, input: SubscriberInput, at: number, expected: string]>([
    ['SUBSCRIBE, and timer N', 'init', begin, 0, 'SUBSCRIBE 600, arm N 32000 → notify_wait'],
    [
      '2xx: waits for the NOTIFY',
      'notify_wait',
      response(200, 300),
      10,
      'arm refresh 240010, arm expiry 300010 → notify_wait',
    ],
    [
      '202 of RFC 3265 is a 2xx',
      'notify_wait',
      response(202, 300),
      10,
      'arm refresh 240010, arm expiry 300010 → notify_wait',
    ],
    [
      'the NOTIFY may come before the 2xx',
      'notify_wait',
      notify('active;expires=600'),
      10,
      'cancel N, arm refresh 480010, arm expiry 600010 → active',
    ],
    [
      'pending',
      'notify_wait',
      notify('pending;expires=600'),
      10,
      'cancel N, arm refresh 480010, arm expiry 600010 → pending',
    ],
    [
      '8.4: an unknown state is taken for pending',
      'notify_wait',
      notify('dozing;expires=600'),
      10,
      'cancel N, arm refresh 480010, arm expiry 600010 → pending',
    ],
    [
      'pending, then active',
      'pending',
      notify('active;expires=500'),
      100,
      'cancel refresh, arm refresh 400100, cancel expiry, arm expiry 500100 → active',
    ],
    ['timer N: nobody notifies', 'notify_wait', timer('N'), 32_000, 'ended timeout → terminated'],
    ['refused', 'notify_wait', response(403), 10, 'cancel N, ended refused 403 → terminated'],
    [
      '423: asked for longer',
      'notify_wait',
      response(423, undefined, 3600),
      10,
      'SUBSCRIBE 3600, cancel N, arm N 32010 → notify_wait',
    ],
    [
      '423 that asks for no more is a refusal',
      'notify_wait',
      response(423, undefined, 60),
      10,
      'cancel N, ended refused 423 → terminated',
    ],
    [
      '4.1.2.2: refreshed in time',
      'active',
      timer('refresh'),
      480_020,
      'SUBSCRIBE 600, arm N 512020 → active',
    ],
    [
      'a refresh is granted',
      'active refreshing',
      response(200, 600),
      480_030,
      'arm refresh 960030, cancel expiry, arm expiry 1080030 → active',
    ],
    [
      '4.1.2.2: a refresh that fails leaves it until it expires',
      'active refreshing',
      response(500),
      480_030,
      'cancel N → active',
    ],
    [
      '4.1.2.2: 481 is the end',
      'active refreshing',
      response(481),
      480_030,
      'cancel expiry, cancel N, ended refused 481 → terminated',
    ],
    [
      'no NOTIFY for a refresh',
      'active refreshing',
      timer('N'),
      512_020,
      'cancel expiry, ended timeout → terminated',
    ],
    ['it expires', 'active', timer('expiry'), 600_020, 'cancel refresh, ended timeout → terminated'],
    [
      '4.1.3: ended there',
      'active',
      notify('terminated;reason=probation;retry-after=9'),
      50,
      'cancel refresh, cancel expiry, ended terminated probation 9 → terminated',
    ],
    ['4.1.2.3: unsubscribe', 'active', unsubscribe, 50, 'cancel refresh, SUBSCRIBE 0, arm N 32050 → active'],
    ['its 200 changes nothing', 'active leaving', response(200, 0), 1_010, ' → active'],
    [
      'a NOTIFY that crossed it is not the last',
      'active leaving',
      notify('active;expires=9'),
      1_010,
      'cancel N, arm N 33010 → active',
    ],
    [
      '4.1.2.3: the last NOTIFY',
      'active leaving',
      notify('terminated;reason=timeout'),
      1_010,
      'cancel N, cancel expiry, ended terminated timeout → terminated',
    ],
    [
      'gone there already',
      'active leaving',
      response(481),
      1_010,
      'cancel expiry, cancel N, ended refused 481 → terminated',
    ],
    ['only once', 'active leaving', unsubscribe, 1_010, ' → active'],
    [
      'before the first NOTIFY there is no dialog to unsubscribe in',
      'notify_wait',
      unsubscribe,
      10,
      ' → notify_wait',
    ],
    [
      'its NOTIFY makes one',
      'notify_wait leaving',
      notify('active;expires=600'),
      20,
      'cancel N, SUBSCRIBE 0, arm N 32020 → active',
    ],
    [
      'or is the last already',
      'notify_wait leaving',
      notify('terminated'),
      20,
      'cancel N, ended terminated → terminated',
    ],
    ['after the end nothing counts', 'terminated', notify('active;expires=9'), 60, ' → terminated'],
  ])('%s', (_title, way, input, at, expected) => {
    const machine = new SubscriberMachine({ expiresSeconds: 600, t1: 500 });
    for (const [before, after] of ways[way]) machine.handle(before, start + after);
    expect(machine.state).toBe(way.split(' ')[0]);
    const outputs = machine.handle(input, start + at).map(short);
    expect(`${outputs.join(', ')} → ${machine.state}`).toBe(expected);
  });

  it('4.4.3: fetches the state once', () => {
    const machine = new SubscriberMachine({ expiresSeconds: 0, t1: 500 });
    expect(machine.handle(begin, start).map(short)).toEqual(['SUBSCRIBE 0', 'arm N 32000']);
    expect(machine.handle(response(200, 0), start).map(short)).toEqual([]);
    expect(machine.handle(notify('terminated;reason=timeout'), start).map(short)).toEqual([
      'cancel N',
      'ended terminated timeout',
    ]);
  });
});
