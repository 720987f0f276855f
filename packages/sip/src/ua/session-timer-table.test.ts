import { describe, expect, it } from 'vitest';
import { SipRequest, SipResponse } from '../message/index.ts';
import { VirtualClock } from '../testing/index.ts';
import { TimerQueue } from '../transaction/timer-queue.ts';
import { SessionRefresher } from './session-refresher.ts';

const throws = (error: unknown) => {
  throw error;
};

/** A session timer, and what it does over a quarter of an hour. */
class Timer {
  readonly clock = new VirtualClock(0);
  readonly timers = new TimerQueue(this.clock, throws);
  readonly log: string[] = [];
  /** What becomes of a refresh: a status, or nothing can be sent just now. */
  answer: number | 'not now' = 200;
  readonly refresher: SessionRefresher;

  constructor() {
    const context = { timers: this.timers, sessionTimer: { expiresSeconds: 600, minSeconds: 90 } };
    this.refresher = new SessionRefresher(context, {
      refresh: () => {
        this.log.push(`refresh ${this.clock.now() / 1000}`);
        if (this.answer === 'not now') return undefined;
        const response = ok(this.answer === 200 ? '600;refresher=uac' : undefined, this.answer);
        if (this.answer === 200) this.refresher.answered(response);
        return Promise.resolve(response);
      },
      expired: () => void this.log.push(`expired ${this.clock.now() / 1000}`),
    });
  }

  /** Who is to refresh, as the next request of ours would say. */
  get role(): string {
    const value = this.refresher.headers().find(([name]) => name === 'Session-Expires')?.[1];
    return value?.split('=')[1] ?? 'none';
  }
}

const ok = (expires?: string, status = 200) =>
  new SipResponse(status, 'x', { headers: expires === undefined ? [] : [['Session-Expires', expires]] });
const asks = (expires?: string, supported = 'timer') =>
  new SipRequest('UPDATE', 'sip:a@b', {
    headers: [
      ['Supported', supported],
      ...(expires === undefined ? [] : ([['Session-Expires', expires]] as Array<[string, string]>)),
    ],
  });

const ways: Record<string, (timer: Timer) => unknown> = {
  'nothing agreed': () => {},
  'we refresh': ({ refresher }) => refresher.answered(ok('600;refresher=uac')),
  'the peer refreshes': ({ refresher }) => refresher.answered(ok('600;refresher=uas')),
};
const events: Record<string, (timer: Timer) => unknown> = {
  'nothing happens; our refreshes get 200': () => {},
  'our refreshes get 500': (timer) => {
    timer.answer = 500;
  },
  'nothing of ours can be sent': (timer) => {
    timer.answer = 'not now';
  },
  '2xx: we refresh': ({ refresher }) => refresher.answered(ok('300;refresher=uac')),
  '2xx: the peer refreshes': ({ refresher }) => refresher.answered(ok('300;refresher=uas')),
  '2xx without Session-Expires': ({ refresher }) => refresher.answered(ok()),
  'a refresh of the peer, which goes on refreshing': ({ refresher }) =>
    refresher.accept(asks('300;refresher=uac')),
  'a refresh of the peer, which wants us to': ({ refresher }) => refresher.accept(asks('300;refresher=uas')),
  'a request of a peer without the extension': ({ refresher }) => refresher.accept(asks(undefined, 'path')),
  'the session ends': ({ refresher }) => refresher.stop(),
};

/** Every 300 s anew where our refreshes are answered: 300, 600, 900. */
const rhythm = 'uac: refresh 300, refresh 600, refresh 900';
/** RFC 4028 section 10: 32 s before the end, or a third of the interval where that is less. */
const given = {
  '2xx: we refresh': 'uac: refresh 150, refresh 450, refresh 750',
  '2xx: the peer refreshes': 'uas: expired 268',
  '2xx without Session-Expires': 'none: -',
  'a refresh of the peer, which goes on refreshing': 'uas: expired 268',
  'a refresh of the peer, which wants us to': 'uac: refresh 150, refresh 450, refresh 750',
  'a request of a peer without the extension': 'none: -',
  'the session ends': 'none: -',
};
/** Again after 30 s each time, until there is no time left. */
const retries = `uac: ${[300, 330, 360, 390, 420, 450, 480, 510, 540].map((at) => `refresh ${at}`).join(', ')}, expired 568`;

describe('RFC 4028 7.2, 9, 10: the session timer in each state with each event', () => {
  it.each<[string, Record<string, string>]>([
    [
      'nothing agreed',
      {
        ...given,
        'nothing happens; our refreshes get 200': 'none: -',
        'our refreshes get 500': 'none: -',
        'nothing of ours can be sent': 'none: -',
      },
    ],
    [
      'we refresh',
      {
        ...given,
        'nothing happens; our refreshes get 200': rhythm,
        'our refreshes get 500': retries,
        'nothing of ours can be sent': retries,
      },
    ],
    [
      'the peer refreshes',
      {
        ...given,
        'nothing happens; our refreshes get 200': 'uas: expired 568',
        'our refreshes get 500': 'uas: expired 568',
        'nothing of ours can be sent': 'uas: expired 568',
      },
    ],
  ])('%s', async (state, expected) => {
    const found: Record<string, string> = {};
    for (const [event, act] of Object.entries(events)) {
      const timer = new Timer();
      ways[state]?.(timer);
      act(timer);
      const { role } = timer;
      await timer.clock.advance(901_000);
      found[event] = `${role}: ${timer.log.join(', ') || '-'}`;
      timer.refresher.stop();
      expect(timer.timers.size).toBe(0);
    }
    expect(found).toEqual(expected);
  });

  it.each<[string, string | undefined, boolean, string]>([
    ['a larger Min-SE', '1200', true, '1200'],
    ['our own Min-SE', '90', false, '600'],
    ['a smaller one', '30', false, '600'],
    ['none', undefined, false, '600'],
  ])('7.3: a 422 with %s', (_what, least, again, seconds) => {
    const { refresher } = new Timer();
    const { headers } = new SipRequest('INVITE', 'sip:a@b', { headers: refresher.headers() });
    const refused = new SipResponse(422, 'x', { headers: least === undefined ? [] : [['Min-SE', least]] });
    expect(refresher.raise(headers, refused)).toBe(again);
    expect(headers.get('Session-Expires')).toBe(seconds);
    // The same once more would go round in circles.
    expect(refresher.raise(headers, refused)).toBe(false);
  });
});
