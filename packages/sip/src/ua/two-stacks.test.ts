import { afterEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { type Conditions, MemoryNetwork, seededRandom, VirtualClock } from '../testing/index.ts';
import type { Flow } from '../transport/types.ts';
import { SipStack } from './sip-stack.ts';
import type { UacSession, UasSession } from './types.ts';

type Transport = 'udp' | 'tcp' | 'ws';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, timers: 0 };
const open: SipStack[] = [];
afterEach(() => Promise.all(open.splice(0).map((stack) => stack.close())));

interface Course {
  /** What the owner of each side saw, in order. */
  caller: string[];
  callee: string[];
  uac: UacSession;
  uas: UasSession | undefined;
}

async function pair(seed: number, conditions: Partial<Conditions>) {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock, seed, conditions });
  const stack = async (ip: string) => {
    const made = new SipStack({
      userAgent: ip,
      clock,
      network: network.host(ip),
      listeners: [
        { protocol: 'udp', host: ip, port: 5060 },
        { protocol: 'tcp', host: ip, port: 5060 },
      ],
    });
    await made.start();
    open.push(made);
    return made;
  };
  return { clock, network, alice: await stack('10.0.0.1'), bob: await stack('10.0.0.2') };
}

/** Both owners do legal things at random times: ring, answer, refuse, cancel, hang up, change the session. */
function play(world: Awaited<ReturnType<typeof pair>>, transport: Transport, random: () => number): Course {
  const { clock, network, alice, bob } = world;
  const later = (mostMs: number, action: () => void) =>
    void clock.setTimeout(action, Math.floor(random() * mostMs));
  const course = { caller: [] as string[], callee: [] as string[] } as Course;
  let flow: Flow | undefined;
  if (transport === 'ws') {
    const { client, server } = network.webSocket('10.0.0.1', '10.0.0.2');
    flow = alice.attachWebSocket(client, { host: '10.0.0.2', port: 80 });
    bob.attachWebSocket(server, { host: '10.0.0.1', port: 4000 });
  }
  bob.on('invite', (session) => {
    course.uas = session;
    session.on('confirmed', () => course.callee.push('confirmed'));
    session.on('cancelled', () => course.callee.push('cancelled'));
    session.on('ended', ({ by }) => course.callee.push(`ended ${by}`));
    session.on('reinvite', (reinvite) => later(3_000, () => reinvite.accept('v=0')));
    later(2_000, () => session.progress(180));
    const plan = random();
    later(8_000, () => {
      if (plan < 0.6) session.accept({ sdp: 'v=0' });
      else if (plan < 0.8) session.reject(486);
    });
    later(40_000, () => (session.state === 'early' ? session.reject(480) : session.bye()));
    if (random() < 0.3) later(10_000, () => session.state === 'confirmed' && void session.reinvite('v=0'));
  });
  const target = transport === 'ws' ? { flow: flow! } : { protocol: transport, host: '10.0.0.2', port: 5060 };
  const request = new SipRequest('INVITE', 'sip:bob@10.0.0.2', { body: 'v=0' });
  course.uac = alice.invite({ request, target });
  const { uac } = course;
  uac.on('accepted', () => course.caller.push('accepted'));
  uac.on('rejected', ({ status }) => course.caller.push(`rejected ${status}`));
  uac.on('ended', ({ by }) => course.caller.push(`ended ${by}`));
  uac.on('reinvite', (reinvite) => later(1_000, () => reinvite.accept('v=0')));
  uac.on('accepted', () => {
    if (random() < 0.3) later(5_000, () => void uac.reinvite('v=0'));
    if (random() < 0.6) later(30_000, () => uac.bye());
  });
  if (random() < 0.4) later(9_000, () => (uac.state === 'accepted' ? undefined : uac.cancel()));
  // A cancelled call that was answered all the same is hung up by its owner.
  uac.on('accepted', () => void clock.setTimeout(() => uac.bye(), 45_000));
  return course;
}

/** The RFC's legal ways through a call, as each owner sees them. */
const legalCaller = /^(rejected \d{3}|accepted,ended (us|peer|timeout|transport))$/;
const legalCallee = /^(|cancelled|(confirmed,)?ended (us|peer|timeout|transport))$/;

it.each<[string, Transport, Partial<Conditions>]>([
  ['UDP without fault', 'udp', { delayMs: [5, 20] }],
  ['UDP with loss, copies and reordering', 'udp', { delayMs: [1, 400], loss: 0.15, duplicate: 0.15 }],
  ['UDP that loses most', 'udp', { delayMs: [1, 900], loss: 0.5, duplicate: 0.2 }],
  ['TCP', 'tcp', { delayMs: [1, 300] }],
  ['WebSocket', 'ws', { delayMs: [1, 300] }],
])(
  'every call ends in a legal state on both sides and leaves nothing: %s',
  async (_name, transport, conditions) => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const world = await pair(seed, conditions);
      const course = play(world, transport, seededRandom(seed * 977));
      await world.clock.advance(300_000);
      const caller = course.caller.join();
      const callee = course.callee.join();
      seen.add(`${caller} | ${callee}`);
      expect(caller, `seed ${seed}`).toMatch(legalCaller);
      expect(callee, `seed ${seed}`).toMatch(legalCallee);
      expect(course.uac.state, `seed ${seed}`).toBe('terminated');
      if (course.uas) expect(course.uas.state, `seed ${seed}`).toBe('terminated');
      // Where the caller was never connected, the callee's dialog cannot have been confirmed.
      if (caller.startsWith('rejected')) expect(callee, `seed ${seed}`).not.toContain('confirmed');
      expect(world.alice.stats(), `seed ${seed}`).toMatchObject(zero);
      expect(world.bob.stats(), `seed ${seed}`).toMatchObject(zero);
      expect(world.alice.counters.listenerErrors + world.bob.counters.listenerErrors, `seed ${seed}`).toBe(0);
      await Promise.all(open.splice(0).map((stack) => stack.close()));
      await world.clock.advance(2_000);
      expect(world.clock.pending, `seed ${seed}`).toBe(0);
    }
    // The seeds reach answers, refusals and cancellations, or this test says nothing.
    expect([...seen].some((one) => one.startsWith('accepted'))).toBe(true);
    expect([...seen].some((one) => one.startsWith('rejected 486'))).toBe(true);
    expect([...seen].some((one) => one.includes('cancelled'))).toBe(true);
  },
  60_000,
);

it('RFC 3261 14.1: re-INVITEs of both sides at once: both get 491, and both get through after their back-off', async () => {
  const { clock, alice, bob } = await pair(1, {});
  let uas: UasSession | undefined;
  bob.on('invite', (session) => {
    uas = session;
    session.accept({ sdp: 'v=0 b' });
  });
  const request = new SipRequest('INVITE', 'sip:bob@10.0.0.2', { body: 'v=0 a' });
  const uac = alice.invite({ request, target: { protocol: 'udp', host: '10.0.0.2', port: 5060 } });
  await clock.advance(100);
  const offers: unknown[] = [];
  for (const side of [uac, uas!]) {
    side.on('reinvite', ({ offer, accept }) => {
      offers.push(offer);
      accept('v=0 answer');
    });
  }
  const startedAt = clock.now();
  const settledAt: number[] = [];
  const both = [uac.reinvite('v=0 of the caller'), uas!.reinvite('v=0 of the callee')];
  for (const one of both) void one.then(() => settledAt.push(clock.now() - startedAt));
  await clock.advance(10);
  expect(offers).toEqual([]);
  await clock.advance(10_000);
  expect(await Promise.all(both.map(async (one) => (await one).status))).toEqual([200, 200]);
  // Who made the Call-ID waits 2.1 to 4 s, the other at most 2 s: the callee is first.
  expect(offers).toEqual(['v=0 of the callee', 'v=0 of the caller']);
  expect(settledAt[0]).toBeLessThan(2_100);
  expect(settledAt[1]).toBeGreaterThanOrEqual(2_100);
  uac.bye();
  await clock.advance(100_000);
});
