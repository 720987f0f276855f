import { computeHa1, DigestServer, SipStack, type UacSession, type UasSession } from '@ringthrough/sip';
import { MemoryNetwork, seededRandom, VirtualClock } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutboundTrunkConfig, TrunkConfig } from '../config.ts';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { type Carrier, type OutboundFailure, TrunkDialer } from './index.ts';

const us = { host: '203.0.113.1', port: 5060 };
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let dialer: TrunkDialer;
let changes: string[];
const stacks: SipStack[] = [];

/** What one trunk may carry, here: so many calls in progress. */
class Load {
  readonly sessions = new Map<TrunkConfig, Array<{ readonly state: string }>>();
  hasRoom(trunk: TrunkConfig): boolean {
    const live = (this.sessions.get(trunk) ?? []).filter(({ state }) => state !== 'terminated');
    return live.length < (trunk.maxConcurrentCalls ?? Infinity);
  }
  admits(trunk: TrunkConfig, session: { readonly state: string }): boolean {
    this.sessions.set(trunk, [...(this.sessions.get(trunk) ?? []), session]);
    return true;
  }
}

async function stackAt(host: string): Promise<SipStack> {
  const listeners = [{ protocol: 'udp' as const, host, port: 5060 }];
  const made = new SipStack({ userAgent: host, clock, network: network.host(host), listeners });
  await made.start();
  stacks.push(made);
  return made;
}

const outbound = (uri: string, more: Partial<OutboundTrunkConfig> = {}): OutboundTrunkConfig => ({
  uri,
  priority: 1,
  weight: 1,
  scheme: 'sip',
  userPhone: true,
  headers: [],
  optionsSeconds: 0,
  upAfter: 2,
  downAfter: 2,
  answerSeconds: 4,
  downSeconds: 30,
  ...more,
});

async function dialerOf(...trunks: TrunkConfig[]): Promise<void> {
  const carrier: Carrier = {
    id: 'c',
    name: 'C',
    country: 'US',
    family: 'gsm',
    prefixes: ['+1'],
    cNumber: '+14155559000',
    trunks,
  };
  const fabric = new LocalFabric((error) => {
    throw error;
  });
  fabric.subscribe('trunk.changed', ({ trunkId, up }) => changes.push(`${trunkId} ${up ? 'up' : 'down'}`));
  const log = createLogger({ level: 'silent', destination: 'stderr' });
  const random = seededRandom(7);
  dialer = new TrunkDialer({ carriers: [carrier], stack, clock, load: new Load(), fabric, log, random });
  dialer.start();
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  changes = [];
  stack = await stackAt(us.host);
});

afterEach(async () => {
  const closing = dialer?.close();
  await clock.advance(100_000);
  await closing;
  for (const one of stacks.splice(0)) {
    expect(one.stats()).toMatchObject({ dialogs: 0, clientTransactions: 0, timers: 0 });
    await one.close();
  }
  await clock.advance(1_000);
  expect(clock.pending).toBe(0);
});

interface Outcome {
  rang: number;
  session?: UacSession;
  failure?: OutboundFailure;
  trunkId: string | undefined;
  cancel(): void;
}

function dial(to = '+14155550101', from?: string): Outcome {
  const outcome: Outcome = { rang: 0, trunkId: undefined, cancel: () => call.cancel() };
  const call = dialer.call(
    { carrierId: 'c', to, sdp: 'v=0', ...(from === undefined ? {} : { from }) },
    {
      ringing: () => outcome.rang++,
      answered: (session) => {
        outcome.session = session;
        outcome.trunkId = call.trunkId;
      },
      failed: (failure) => {
        outcome.failure = failure;
        outcome.trunkId = call.trunkId;
      },
    },
  );
  return outcome;
}

/** A switch that answers every call, or does what `take` says. */
async function switchAt(
  host: string,
  take?: (session: UasSession) => void,
): Promise<{ calls: UasSession[]; stack: SipStack }> {
  const made = await stackAt(host);
  const calls: UasSession[] = [];
  made.on('invite', (session) => {
    calls.push(session);
    if (take) take(session);
    else session.accept({ sdp: 'v=0' });
  });
  return { calls, stack: made };
}

const [a, b, c] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];

describe('choosing a trunk', () => {
  it('takes the lowest priority, and shares calls by weight among equals', async () => {
    const [one, two, spare] = [await switchAt(a), await switchAt(b), await switchAt(c)];
    await dialerOf(
      { outbound: outbound(`sip:${a}`, { weight: 3 }) },
      { outbound: outbound(`sip:${b}`, { weight: 1 }) },
      { outbound: outbound(`sip:${c}`, { priority: 2, weight: 100 }) },
    );
    const outcomes = Array.from({ length: 400 }, () => dial());
    await clock.advance(1_000);
    expect(one.calls.length + two.calls.length).toBe(400);
    // Three quarters; six standard deviations aside.
    expect(Math.abs(one.calls.length - 300)).toBeLessThan(52);
    expect(spare.calls).toHaveLength(0);
    for (const { session } of outcomes) session?.bye();
  });

  it('says so at once when the carrier has none for calls of ours', async () => {
    await dialerOf({ host: a });
    expect(dialer.canCall('c')).toBe(false);
    const call = dial();
    expect(call.failure).toBeUndefined();
    await clock.advance(0);
    expect(call.failure).toEqual({ why: 'no-trunk', status: 503 });
  });

  it('passes over a trunk that carries all it may', async () => {
    const [one, two] = [await switchAt(a), await switchAt(b)];
    await dialerOf(
      { maxConcurrentCalls: 1, outbound: outbound(`sip:${a}`) },
      { maxConcurrentCalls: 1, outbound: outbound(`sip:${b}`, { priority: 2 }) },
    );
    const calls = [dial(), dial(), dial()];
    await clock.advance(100);
    expect([one.calls.length, two.calls.length]).toEqual([1, 1]);
    expect(calls[2]?.failure).toEqual({ why: 'limit', status: 503 });
    calls[0]?.session?.bye();
    await clock.advance(100);
    const next = dial();
    await clock.advance(100);
    expect(next.trunkId).toBe('1');
    for (const call of [...calls, next]) call.session?.bye();
  });
});

describe('failover', () => {
  const both = () =>
    dialerOf(
      { outbound: outbound(`sip:${a}`) },
      { id: 'second', outbound: outbound(`sip:${b}`, { priority: 2 }) },
    );

  it('goes to the next trunk when the first one gives no sign of life, and straight there afterwards', async () => {
    const second = await switchAt(b);
    await both();
    const call = dial();
    await clock.advance(3_990);
    expect(second.calls).toHaveLength(0);
    await clock.advance(500);
    expect(call.trunkId).toBe('second');
    expect(changes).toEqual(['1 down']);
    expect(dialer.states()[0]).toMatchObject({ trunkId: '1', up: false, failures: 1 });
    const next = dial();
    await clock.advance(100);
    expect(next.session).toBeDefined();
    for (const { session } of [call, next]) session?.bye();
  });

  it('goes to the next trunk on 503, and back when its Retry-After is over', async () => {
    let busy = true;
    const first = await switchAt(a, (session) => {
      if (busy) session.reject(503, { headers: [['Retry-After', '90']] });
      else session.accept({ sdp: 'v=0' });
    });
    await switchAt(b);
    await both();
    const calls = [dial()];
    await clock.advance(60_000);
    busy = false;
    calls.push(dial());
    await clock.advance(100);
    expect(first.calls).toHaveLength(1);
    await clock.advance(30_000);
    calls.push(dial());
    await clock.advance(100);
    expect(calls.map(({ trunkId }) => trunkId)).toEqual(['second', 'second', '1']);
    for (const { session } of calls) session?.bye();
  });

  it.each([486, 404, 500, 603])('does not go on after %i: somebody has answered', async (status) => {
    await switchAt(a, (session) => session.reject(status));
    const second = await switchAt(b);
    await both();
    const call = dial();
    await clock.advance(1_000);
    expect(call.failure).toMatchObject({ why: 'refused', status });
    expect(second.calls).toHaveLength(0);
    expect(dialer.states()[0]?.up).toBe(true);
  });

  it('does not go on when it has rung', async () => {
    await switchAt(a, (session) => {
      session.progress(180);
      clock.setTimeout(() => session.reject(503), 1_000);
    });
    const second = await switchAt(b);
    await both();
    const call = dial();
    await clock.advance(5_000);
    expect(call).toMatchObject({ rang: 1, failure: { why: 'refused', status: 503 } });
    expect(second.calls).toHaveLength(0);
  });

  it('tells what the last one said when none takes the call', async () => {
    await switchAt(a, (session) => session.reject(503));
    await both();
    const call = dial();
    await clock.advance(10_000);
    expect(call.failure).toMatchObject({ why: 'unavailable', status: 408 });
  });

  it('ends with cancel, whatever is under way', async () => {
    const first = await switchAt(a, (session) => session.progress(180));
    const second = await switchAt(b);
    await both();
    const ringing = dial();
    await clock.advance(100);
    ringing.cancel();
    await clock.advance(100);
    expect(ringing.failure).toEqual({ why: 'cancelled', status: 487 });
    expect(first.calls[0]?.state).toBe('terminated');
    await first.stack.close();
    stacks.splice(stacks.indexOf(first.stack), 1);
    const unheard = dial();
    await clock.advance(100);
    unheard.cancel();
    await clock.advance(10_000);
    expect(unheard.failure).toEqual({ why: 'cancelled', status: 487 });
    expect(second.calls).toHaveLength(0);
  });

  it('hangs up what was answered while it was cancelled', async () => {
    const first = await switchAt(a, (session) => {
      session.progress(180);
      clock.setTimeout(() => session.accept({ sdp: 'v=0' }), 100);
    });
    await both();
    const call = dial();
    // Its 200 and our CANCEL cross.
    await clock.until(() => first.calls[0]?.state === 'accepted');
    call.cancel();
    await clock.advance(1_000);
    expect(call.session).toBeUndefined();
    expect(call.failure?.why).toBe('cancelled');
    expect(first.calls[0]?.state).toBe('terminated');
  });
});

describe('health', () => {
  it('is down after two OPTIONS without an answer, and up after two with one', async () => {
    await dialerOf({ id: 'sbc', outbound: outbound(`sip:${a}`, { optionsSeconds: 30 }) });
    await clock.advance(30_000);
    expect(changes).toEqual([]);
    await clock.advance(9_000);
    expect(changes).toEqual(['sbc down']);
    const call = dial();
    await clock.advance(0);
    expect(call.failure?.why).toBe('no-trunk');
    await switchAt(a);
    await clock.advance(31_000);
    expect(changes).toEqual(['sbc down']);
    await clock.advance(30_000);
    expect(changes).toEqual(['sbc down', 'sbc up']);
    const next = dial();
    await clock.advance(100);
    next.session?.bye();
    expect(next.session).toBeDefined();
  });
});

describe('what the switch gets', () => {
  it('numbers in its form, headers by its rules, credentials for its challenge', async () => {
    const digest = new DigestServer({
      realm: 'sbc',
      nonceLifetimeMs: 60_000,
      secret: 's',
      now: () => clock.now(),
      algorithms: ['MD5'],
    });
    const users: string[] = [];
    const { calls } = await switchAt(a, (session) => {
      const ha1 = (algorithm: 'MD5' | 'SHA-256') => computeHa1(algorithm, 'us', 'sbc', 'secret');
      const verdict = digest.verify(session.request, () => ({ md5: ha1('MD5'), sha256: ha1('SHA-256') }));
      if (verdict.result === 'ok') {
        users.push(verdict.username);
        session.accept({ sdp: 'v=0' });
      } else
        session.reject(407, { headers: digest.challenge().map((value) => ['Proxy-Authenticate', value]) });
    });
    await dialerOf({
      numberFormat: 'e164-no-plus',
      outbound: outbound(`sip:${a}`, {
        username: 'us',
        password: 'secret',
        fromDomain: 'ring.example',
        headers: [{ do: 'copy', header: 'P-Asserted-Identity', from: 'From' }],
      }),
    });
    const call = dial('+447700900123');
    await clock.advance(100);
    expect(users).toEqual(['us']);
    const request = calls[1]?.request;
    expect(request?.uri).toBe(`sip:447700900123@${a};user=phone`);
    expect(request?.headers.get('From')).toMatch(/^<sip:14155559000@ring.example;user=phone>;tag=/);
    expect(request?.headers.get('P-Asserted-Identity')).toBe('<sip:14155559000@ring.example;user=phone>');
    call.session?.bye();
  });

  it('a registration first, where it wants one, and it is taken back in the end', async () => {
    const registrar = await switchAt(a);
    const contacts: string[] = [];
    let lets = false;
    registrar.stack.on('request', (incoming) => {
      if (incoming.request.method !== 'REGISTER') return false;
      contacts.push(`${incoming.request.headers.get('Contact')} ${incoming.request.headers.get('Expires')}`);
      if (lets) incoming.respond(200, { headers: [['Expires', '600']] });
      else incoming.respond(403);
      return true;
    });
    const register = { address: `sip:15550100@${a}`, expiresSeconds: 600 };
    await dialerOf({ outbound: outbound(`sip:${a}`, { username: 'u', password: 'p', register }) });
    await clock.advance(100);
    const early = dial();
    await clock.advance(0);
    expect(early.failure?.why).toBe('no-trunk');
    lets = true;
    await clock.advance(10_000);
    expect(changes).toEqual(['1 up']);
    const call = dial();
    await clock.advance(100);
    expect(call.session).toBeDefined();
    call.session?.bye();
    await clock.advance(100);
    const closing = dialer.close();
    await clock.advance(1_000);
    await closing;
    expect(contacts.at(-1)).toBe('<sip:15550100@203.0.113.1:5060> 0');
  });

  it('no wait for a registrar that is gone when we stop', async () => {
    const register = { address: `sip:15550100@${a}`, expiresSeconds: 600 };
    await dialerOf({ outbound: outbound(`sip:${a}`, { username: 'u', password: 'p', register }) });
    await clock.advance(100);
    let closed = false;
    void dialer.close().then(() => {
      closed = true;
    });
    await clock.advance(2_000);
    expect(closed).toBe(true);
  });
});
