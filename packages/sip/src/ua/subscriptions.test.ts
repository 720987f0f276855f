import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SipRequest, serializeMessage } from '../message/index.ts';
import type { SubscriberEnd } from '../subscription/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { AcceptSubscriptionOptions, NotifierSubscription } from './subscription-types.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, timers: 0 };
const ours = { host: '10.0.0.1', port: 5060 };
const limits = {
  minExpiresSeconds: 60,
  maxExpiresSeconds: 3600,
  defaultExpiresSeconds: 600,
  minIntervalMs: 1_000,
};
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let peer: RawPeer;
let subscription: NotifierSubscription | undefined;
let ends: string[];
let causes: string[];
let lines: number;
let confined: boolean;
let state: AcceptSubscriptionOptions['state'];

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  stack = await newStack(ours.host, ['lines']);
  peer = await RawPeer.bind(network, { host: '10.0.0.2', port: 5070 }, ours);
  subscription = undefined;
  [ends, causes, lines, confined] = [[], [], 0, false];
  state = () => ({ contentType: 'text/lines', body: `${lines}` });
  stack.on('request', (incoming) => {
    if (incoming.request.method !== 'SUBSCRIBE') return false;
    subscription = stack.acceptSubscription(incoming, {
      limits,
      confined,
      state: (cause) => {
        causes.push(cause);
        return state(cause);
      },
      ended: (how) => ends.push(how),
    });
    return true;
  });
});

afterEach(async () => {
  await clock.advance(4_000_000);
  expect(stack.stats()).toMatchObject(zero);
  await stack.close();
  expect(stack.counters.listenerErrors).toBe(0);
  expect(clock.pending).toBe(0);
});

async function newStack(host: string, events?: string[]): Promise<SipStack> {
  const made = new SipStack({
    userAgent: 'test',
    clock,
    network: network.host(host),
    listeners: [
      { protocol: 'udp', host, port: 5060 },
      { protocol: 'tcp', host, port: 5060 },
    ],
    ...(events ? { events } : {}),
  });
  await made.start();
  return made;
}

let sequence = 0;
const subscribe = (expires: number | undefined, headers: Record<string, string> = {}): SipRequest =>
  peer.request('SUBSCRIBE', {
    Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKs${++sequence};rport`,
    CSeq: `${sequence} SUBSCRIBE`,
    Event: 'lines',
    ...(expires === undefined ? {} : { Expires: String(expires) }),
    ...headers,
  });

async function send(message: SipRequest): Promise<string[]> {
  peer.send(message);
  await clock.advance(10);
  return peer.news();
}

/** Answers the last NOTIFY and tells what was in it. */
async function takeNotify(status = 200, headers: Record<string, string> = {}): Promise<string> {
  const notify = peer.lastRequest('NOTIFY');
  peer.respond(notify, status, headers);
  await clock.advance(10);
  const { headers: of, body } = notify;
  return `${of.get('Subscription-State')} ${of.get('Event')} ${of.get('Content-Type')} ${Buffer.from(body)}`;
}

/** Subscribed, and the first NOTIFY taken; returns the To of requests in the dialog. */
async function subscribed(headers: Record<string, string> = {}): Promise<string> {
  expect(await send(subscribe(600, headers))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
  await takeNotify();
  return peer.lastResponse(200).headers.get('To') ?? '';
}

describe('RFC 6665 4.2: as notifier', () => {
  it('4.2.1: answers, notifies at once, tells changes, refreshes and ends', async () => {
    expect(await send(subscribe(7200))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    const { headers } = peer.lastResponse(200);
    expect([headers.get('Expires'), headers.get('Contact')]).toEqual(['3600', '<sip:10.0.0.1:5060>']);
    const notify = peer.lastRequest('NOTIFY');
    expect([notify.uri, notify.headers.get('To'), notify.headers.get('Contact')]).toEqual([
      'sip:raw@10.0.0.2:5070',
      '<sip:raw@raw.example>;tag=rawtag',
      '<sip:10.0.0.1:5060>',
    ]);
    expect(await takeNotify()).toBe('active;expires=3600 lines text/lines 0');

    lines = 1;
    subscription?.changed();
    await clock.advance(500);
    expect(peer.news()).toEqual([]);
    lines = 2;
    subscription?.changed();
    await clock.advance(500);
    expect(peer.news()).toEqual(['NOTIFY']);
    expect(await takeNotify()).toBe('active;expires=3599 lines text/lines 2');

    const To = headers.get('To') ?? '';
    expect(await send(subscribe(undefined, { To }))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    expect(await takeNotify()).toBe('active;expires=600 lines text/lines 2');
    expect(await send(subscribe(30, { To }))).toEqual(['423 SUBSCRIBE']);
    expect(peer.lastResponse(423).headers.get('Min-Expires')).toBe('60');
    expect(await send(subscribe(0, { To }))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    expect(await takeNotify()).toBe('terminated;reason=timeout lines text/lines 2');
    expect([ends, causes]).toEqual([['unsubscribed'], ['subscribe', 'change', 'subscribe', 'end']]);
    expect(await send(subscribe(600, { To }))).toEqual(['481 SUBSCRIBE']);
  });

  it('4.2.2: expires with a last NOTIFY', async () => {
    await subscribed();
    await clock.advance(599_000);
    expect(peer.news()).toEqual([]);
    await clock.advance(1_000);
    expect(peer.news()).toEqual(['NOTIFY']);
    expect(await takeNotify()).toBe('terminated;reason=timeout lines text/lines 0');
    expect(ends).toEqual(['expired']);
    expect(stack.stats().dialogs).toBe(0);
  });

  it('4.4.3: Expires 0 fetches the state, and leaves nothing', async () => {
    expect(await send(subscribe(0))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    expect(stack.stats().dialogs).toBe(0);
    expect(await takeNotify()).toBe('terminated;reason=timeout lines text/lines 0');
    expect(ends).toEqual(['unsubscribed']);
  });

  it('4.2.1.1: 423 makes no subscription', async () => {
    expect(await send(subscribe(1))).toEqual(['423 SUBSCRIBE']);
    expect([subscription, stack.stats().dialogs]).toEqual([undefined, 0]);
  });

  it.each([
    ['481', 481, {}],
    ['no answer', undefined, {}],
    ['a refusal', 405, {}],
  ])('4.2.2: %s to a NOTIFY ends the subscription', async (_title, status, headers) => {
    await send(subscribe(600));
    if (status === undefined) await clock.advance(33_000);
    else await takeNotify(status, headers);
    expect([ends, stack.stats().dialogs]).toEqual([['refused'], 0]);
    subscription?.changed();
    await clock.advance(2_000);
    expect(peer.news().filter((what) => what !== 'NOTIFY')).toEqual([]);
    expect(causes).toEqual(['subscribe']);
  });

  it('4.2.2: Retry-After keeps it', async () => {
    await send(subscribe(600));
    await takeNotify(503, { 'Retry-After': '20 (busy);duration=9' });
    lines = 7;
    await clock.advance(20_000);
    expect(peer.news()).toEqual(['NOTIFY']);
    expect(await takeNotify()).toBe('active;expires=580 lines text/lines 7');
  });

  it('4.2.1.1: 489 for a package that nobody has, or none, with those there are', async () => {
    for (const headers of [{ Event: 'presence' }, { Event: '' }]) {
      expect(await send(subscribe(600, headers))).toEqual(['489 SUBSCRIBE']);
      expect(peer.lastResponse(489).headers.get('Allow-Events')).toBe('lines');
    }
    expect(await send(subscribe(600, { To: '<sip:x@10.0.0.1>;tag=none' }))).toEqual(['481 SUBSCRIBE']);
    const options = peer.request('OPTIONS', { Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKo' });
    expect(await send(options)).toEqual(['200 OPTIONS']);
    const { headers } = peer.lastResponse(200);
    expect(headers.get('Allow-Events')).toBe('lines');
    expect(headers.getAll('Allow')).toContain('SUBSCRIBE');
  });

  it('an id that is no token, such as one with a NUL, comes back as it was given', async () => {
    const text = Buffer.from(serializeMessage(subscribe(600, { Event: 'lines;id=here' }))).toString();
    peer.send(text.replace('id=here', 'id="a\\\0b;c"'));
    await clock.advance(10);
    expect(peer.news()).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    expect(peer.lastRequest('NOTIFY').headers.get('Event')).toBe('lines;id="a\\\0b;c"');
    await takeNotify();
    expect(subscription?.ended).toBe(false);
  });

  it('a NOTIFY that cannot be put on the wire ends the subscription and nothing else', async () => {
    state = () => ({ contentType: 'text/lines\r\nX: y', body: '' });
    expect(await send(subscribe(600))).toEqual(['200 SUBSCRIBE']);
    expect(ends).toEqual(['lost']);
    expect(stack.counters.listenerErrors).toBe(1);
    (stack.counters as { listenerErrors: number }).listenerErrors = 0;
  });

  it('in its dialog: another event is not there, other requests are refused, an old one is out of order', async () => {
    const To = await subscribed({ Event: 'lines;id=5' });
    expect(peer.lastRequest('NOTIFY').headers.get('Event')).toBe('lines;id=5');
    expect(await send(subscribe(600, { To }))).toEqual(['481 SUBSCRIBE']);
    const via = (n: string) => ({ Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK${n}`, To });
    expect(await send(peer.request('BYE', { ...via('bye'), CSeq: '900 BYE' }))).toEqual(['405 BYE']);
    expect(await send(subscribe(600, { To, Event: 'lines;id=5' }))).toEqual(['500 SUBSCRIBE']);
    subscription?.terminate('noresource', 30);
    await clock.advance(10);
    expect(peer.news()).toEqual(['NOTIFY']);
    expect(await takeNotify()).toBe('terminated;reason=noresource;retry-after=30 lines;id=5 text/lines 0');
    expect(ends).toEqual(['terminated']);
  });

  it('12.1.1: the NOTIFYs follow the route set, and the Contact of a refresh', async () => {
    const proxy = await RawPeer.bind(network, { host: '10.0.0.9', port: 5060 }, ours);
    const route = { 'Record-Route': '<sip:10.0.0.9;lr>, <sip:10.0.0.8;lr>' };
    expect(await send(subscribe(600, route))).toEqual(['200 SUBSCRIBE']);
    const { headers } = peer.lastResponse(200);
    expect(headers.getAll('Record-Route')).toEqual(['<sip:10.0.0.9;lr>', '<sip:10.0.0.8;lr>']);
    expect(proxy.news()).toEqual(['NOTIFY']);
    const first = proxy.lastRequest('NOTIFY');
    expect(first.headers.getAll('Route')).toEqual(['<sip:10.0.0.9;lr>', '<sip:10.0.0.8;lr>']);
    proxy.respond(first, 200);
    const moved = { To: headers.get('To') ?? '', Contact: '<sip:moved@10.0.0.2:5070>' };
    expect(await send(subscribe(600, moved))).toEqual(['200 SUBSCRIBE']);
    expect(proxy.lastRequest('NOTIFY').uri).toBe('sip:moved@10.0.0.2:5070');
    proxy.respond(proxy.lastRequest('NOTIFY'), 200);
    await clock.advance(1_000_000);
    await proxy.close();
  });

  it('a confined subscriber cannot send the NOTIFYs elsewhere', async () => {
    confined = true;
    const route = { 'Record-Route': '<sip:10.0.0.9;lr>', Contact: '<sip:raw@10.0.0.9>' };
    expect(await send(subscribe(600, route))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    const { uri, headers } = peer.lastRequest('NOTIFY');
    expect([uri, headers.get('Route')]).toEqual(['sip:raw@10.0.0.9', '<sip:10.0.0.9;lr>']);
    await takeNotify();
  });

  it('nor can a refresh whose source is forged; one through another port of its NAT leads there', async () => {
    confined = true;
    const To = await subscribed();
    const at = (host: string, port: number) => RawPeer.bind(network, { host, port }, ours);
    const victim = await at('10.0.0.9', 5060);
    victim.send(subscribe(600, { To }));
    await clock.advance(10);
    expect([victim.news(), peer.news()]).toEqual([['200 SUBSCRIBE'], ['NOTIFY']]);
    await takeNotify();
    const moved = await at('10.0.0.2', 6_000);
    moved.send(subscribe(600, { To }));
    await clock.advance(10);
    expect([moved.news(), peer.news()]).toEqual([['200 SUBSCRIBE', 'NOTIFY'], []]);
    moved.respond(moved.lastRequest('NOTIFY'), 200);
    await Promise.all([victim.close(), moved.close()]);
  });

  it('a state that takes its time keeps the order; one that cannot be had ends the subscription', async () => {
    let give: (() => void) | undefined;
    state = (cause) =>
      cause === 'subscribe'
        ? new Promise((resolve) => {
            give = () => resolve({ contentType: 'text/lines', body: 'late' });
          })
        : { contentType: 'text/lines', body: cause };
    expect(await send(subscribe(600))).toEqual(['200 SUBSCRIBE']);
    subscription?.terminate('deactivated');
    await clock.advance(100);
    expect(peer.news()).toEqual([]);
    give?.();
    await clock.advance(10);
    // The first one would be out of date.
    expect(peer.news()).toEqual(['NOTIFY']);
    expect(await takeNotify()).toBe('terminated;reason=deactivated lines text/lines end');
    state = () => Promise.reject(new Error('no database'));
    expect(await send(subscribe(600, { 'Call-ID': 'second' }))).toEqual(['200 SUBSCRIBE', 'NOTIFY']);
    expect(await takeNotify()).toBe('terminated;reason=giveup lines undefined ');
    expect(ends).toEqual(['terminated', 'terminated']);
    expect(stack.counters.listenerErrors).toBeGreaterThan(0);
    (stack.counters as { listenerErrors: number }).listenerErrors = 0;
  });

  it('a change that is none sends nothing', async () => {
    await subscribed();
    state = () => undefined;
    await clock.advance(2_000);
    subscription?.changed();
    await clock.advance(10);
    expect(peer.news()).toEqual([]);
    state = () => ({ contentType: 'text/lines', body: 'news' });
    subscription?.changed();
    await clock.advance(10);
    expect(await takeNotify()).toMatch(/ news$/);
  });

  it('its connection takes a subscription along, the end of the stack tells it', async () => {
    const { client, server } = network.webSocket('10.0.0.7', ours.host);
    stack.attachWebSocket(server, { host: '10.0.0.7', port: 40_000 });
    const browser = await newStack('10.0.0.7');
    const flow = browser.attachWebSocket(client, { ...ours });
    const seen: string[] = [];
    const request = () => new SipRequest('SUBSCRIBE', 'sip:x@10.0.0.1', { headers: [['Event', 'lines']] });
    browser.subscribe({
      request: request(),
      target: { flow },
      notified: (_notify, { state: what, reason }) => seen.push(`${what} ${reason ?? ''}`),
      ended: ({ how }) => seen.push(how),
    });
    await clock.advance(100);
    expect([seen, stack.stats().dialogs]).toEqual([['active '], 1]);
    flow.close();
    await clock.advance(100);
    expect([ends, stack.stats().dialogs]).toEqual([['lost'], 0]);
    browser.subscribe({
      request: request(),
      target: { protocol: 'udp', ...ours },
      notified: (_n, s) => seen.push(`${s.state} ${s.reason}`),
    });
    await clock.advance(100);
    await stack.close();
    await clock.advance(100);
    expect(seen.at(-1)).toBe('terminated probation');
    await browser.close();
    expect(browser.stats()).toMatchObject(zero);
  });
});

describe('RFC 6665 4.1: as subscriber', () => {
  let phone: SipStack;
  let seen: string[];
  let end: SubscriberEnd | undefined;
  beforeEach(async () => {
    phone = await newStack('10.0.0.3');
    [seen, end] = [[], undefined];
  });
  afterEach(async () => {
    await clock.advance(100_000);
    expect(phone.stats()).toMatchObject(zero);
    await phone.close();
  });
  const start = (to: { host: string; port: number }, expiresSeconds?: number) =>
    phone.subscribe({
      request: new SipRequest('SUBSCRIBE', `sip:x@${to.host}:${to.port}`, {
        headers: [
          ['Event', 'lines'],
          ['Accept', 'text/lines'],
        ],
      }),
      target: { protocol: 'udp', ...to },
      ...(expiresSeconds === undefined ? {} : { expiresSeconds }),
      notified: (notify, given) => seen.push(`${given.state} ${Buffer.from(notify.body)}`),
      ended: (how) => {
        end = how;
      },
    });

  it('subscribes, is told, refreshes for hours, unsubscribes', async () => {
    const own = start(ours, 10);
    await clock.advance(100);
    // 423 first: at least a minute.
    expect([seen, own.state]).toEqual([['active 0'], 'active']);
    await clock.advance(3_600_000);
    expect([seen.length > 60, own.state, ends]).toEqual([true, 'active', []]);
    lines = 5;
    subscription?.changed();
    await clock.advance(1_100);
    expect(seen.at(-1)).toBe('active 5');
    own.unsubscribe();
    await clock.advance(100);
    expect([seen.at(-1), end, ends]).toEqual([
      'terminated 5',
      { how: 'terminated', reason: 'timeout', retryAfterSeconds: undefined },
      ['unsubscribed'],
    ]);
  });

  it('fetches, and is refused', async () => {
    start(ours, 0);
    await clock.advance(100);
    expect([seen, end?.how]).toEqual([['terminated 0'], 'terminated']);
    const other = await newStack('10.0.0.4');
    start({ host: '10.0.0.4', port: 5060 });
    await clock.advance(100);
    expect(end).toEqual({ how: 'refused', status: 405 });
    await clock.advance(40_000);
    await other.close();
  });

  /** A NOTIFY of the raw peer for the SUBSCRIBE that it got. */
  const notify = (tag: string, headers: Record<string, string> = {}) => {
    const asked = peer.lastRequest('SUBSCRIBE').headers;
    return peer.request('NOTIFY', {
      Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKn${++sequence};rport`,
      From: `<sip:x@10.0.0.2>;tag=${tag}`,
      To: asked.get('From') ?? '',
      'Call-ID': asked.get('Call-ID') ?? '',
      CSeq: `${sequence} NOTIFY`,
      Event: 'lines',
      'Subscription-State': 'active;expires=600',
      ...headers,
    });
  };

  it('4.4.1: a NOTIFY before the 200 makes the dialog; one of another fork is not wanted', async () => {
    await peer.close();
    const phoneAt = { host: '10.0.0.3', port: 5060 };
    peer = await RawPeer.bind(network, { host: '10.0.0.2', port: 5071 }, phoneAt);
    const own = start(peer.address);
    await clock.advance(10);
    expect(await send(notify('wrong', { Event: 'other' }))).toEqual(['SUBSCRIBE', '481 NOTIFY']);
    expect(await send(notify('one'))).toEqual(['200 NOTIFY']);
    expect(own.state).toBe('active');
    peer.respond(peer.lastRequest('SUBSCRIBE'), 200, {
      To: `${peer.lastRequest('SUBSCRIBE').headers.get('To')};tag=one`,
      Expires: '600',
    });
    expect(await send(notify('two'))).toEqual(['481 NOTIFY']);
    expect(await send(notify('one', { 'Subscription-State': '' }))).toEqual(['400 NOTIFY']);
    own.unsubscribe();
    await clock.advance(10);
    expect(peer.news()).toEqual(['SUBSCRIBE']);
    const last = peer.lastRequest('SUBSCRIBE').headers;
    expect([last.get('To'), last.get('CSeq'), last.get('Expires')]).toEqual([
      '<sip:x@10.0.0.2>;tag=one',
      '2 SUBSCRIBE',
      '0',
    ]);
    peer.respond(peer.lastRequest('SUBSCRIBE'), 200, { Expires: '0' });
    const over = { 'Subscription-State': 'terminated;reason=timeout' };
    expect(await send(notify('one', over))).toEqual(['200 NOTIFY']);
    expect(end?.how).toBe('terminated');
    expect(await send(notify('one', over))).toEqual(['481 NOTIFY']);
  });

  it('4.1.2.4: without a NOTIFY it is over', async () => {
    await peer.close();
    peer = await RawPeer.bind(network, { host: '10.0.0.2', port: 5071 }, { host: '10.0.0.3', port: 5060 });
    const own = start(peer.address);
    await clock.advance(10);
    peer.respond(peer.lastRequest('SUBSCRIBE'), 202, { Expires: '600' });
    await clock.advance(31_900);
    expect(own.state).toBe('notify_wait');
    await clock.advance(200);
    expect([own.state, end]).toEqual(['terminated', { how: 'timeout' }]);
  });
});

describe('RFC 6665: both sides over a network that loses, doubles and reorders', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'seed %i: what was told last is true, and nothing is left',
    async (seed) => {
      const bad = new MemoryNetwork({
        clock,
        seed,
        conditions: { delayMs: [1, 300], loss: 0.2, duplicate: 0.1 },
      });
      const pair = ['10.1.0.1', '10.1.0.2'].map(
        (host) =>
          new SipStack({
            userAgent: host,
            clock,
            network: bad.host(host),
            listeners: [{ protocol: 'udp', host, port: 5060 }],
            events: ['lines'],
          }),
      );
      const [server, phone] = pair as [SipStack, SipStack];
      for (const one of pair) await one.start();
      let value = 0;
      let told = '';
      let granted: NotifierSubscription | undefined;
      const over: string[] = [];
      server.on('request', (incoming) => {
        granted = server.acceptSubscription(incoming, {
          limits,
          state: () => ({ contentType: 'text/lines', body: String(value) }),
          ended: (how) => over.push(`notifier ${how}`),
        });
      });
      const own = phone.subscribe({
        request: new SipRequest('SUBSCRIBE', 'sip:x@10.1.0.1', { headers: [['Event', 'lines']] }),
        target: { protocol: 'udp', host: '10.1.0.1', port: 5060 },
        expiresSeconds: 120,
        notified: (notify) => {
          told = Buffer.from(notify.body).toString();
        },
        ended: ({ how }) => over.push(`subscriber ${how}`),
      });
      for (let step = 0; step < 100; step++) {
        await clock.advance(700);
        value++;
        granted?.changed();
      }
      await clock.advance(40_000);
      expect([told, own.state]).toEqual(['100', 'active']);
      own.unsubscribe();
      await clock.advance(300_000);
      expect(over.sort()).toEqual(['notifier unsubscribed', 'subscriber terminated']);
      for (const one of pair) {
        expect(one.stats()).toMatchObject(zero);
        expect(one.counters.listenerErrors).toBe(0);
        await one.close();
      }
    },
  );
});
