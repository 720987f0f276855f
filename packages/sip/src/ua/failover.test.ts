import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DnsRecords, DnsType, Resolver, SrvRecord } from '../locate/index.ts';
import { SipRequest, type SipResponse } from '../message/index.ts';
import { MemoryNetwork, RawPeer, seededRandom, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { UacSession, UasSession } from './types.ts';

/** A zone in memory. */
class Zone implements Resolver {
  readonly records = new Map<string, DnsRecords[DnsType]>();

  async resolve<T extends DnsType>(name: string, type: T): Promise<DnsRecords[T]> {
    return (this.records.get(`${type} ${name}`) ?? []) as DnsRecords[T];
  }

  close(): void {}

  srv(name: string, ...records: Array<[host: string, ip: string, port?: number]>): void {
    const list = records.map(([target, ip, port = 5060], priority): SrvRecord => {
      this.records.set(`A ${target}`, [ip]);
      return { priority, weight: 0, port, target };
    });
    this.records.set(`SRV ${name}`, list);
  }
}

let clock: VirtualClock;
let network: MemoryNetwork;
let zone: Zone;
let client: SipStack;
const stacks: SipStack[] = [];

async function stackAt(ip: string): Promise<SipStack> {
  const listeners = (['udp', 'tcp'] as const).map((protocol) => ({ protocol, host: ip, port: 5060 }));
  const stack = new SipStack({
    userAgent: ip,
    clock,
    network: network.host(ip),
    resolver: zone,
    listeners,
  });
  await stack.start();
  stacks.push(stack);
  return stack;
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  zone = new Zone();
  zone.srv(
    '_sip._udp.carrier.example',
    ['a.carrier.example', '192.0.2.1'],
    ['b.carrier.example', '192.0.2.2'],
  );
  zone.srv(
    '_sip._tcp.carrier.example',
    ['a.carrier.example', '192.0.2.1'],
    ['b.carrier.example', '192.0.2.2'],
  );
  client = await stackAt('198.51.100.1');
});

afterEach(async () => {
  await clock.advance(200_000);
  for (const stack of stacks) {
    const { dialogs, clientTransactions, serverTransactions, timers } = stack.stats();
    expect({ dialogs, clientTransactions, serverTransactions, timers }).toEqual({
      dialogs: 0,
      clientTransactions: 0,
      serverTransactions: 0,
      timers: 0,
    });
  }
  for (const stack of stacks.splice(0)) await stack.close();
  await clock.advance(2_000);
  expect(clock.pending).toBe(0);
});

const uri = (transport = 'udp') => `sip:carrier.example;transport=${transport}`;

function options(transport = 'udp'): Promise<SipResponse> {
  return client.request(new SipRequest('OPTIONS', 'sip:x@carrier.example'), { uri: uri(transport) });
}

function invite(transport = 'udp'): { session: UacSession; heard: string[] } {
  const request = new SipRequest('INVITE', 'sip:x@carrier.example', { body: 'v=0' });
  const session = client.invite({ request, target: { uri: uri(transport) } });
  const heard: string[] = [];
  session.on('provisional', ({ status }) => heard.push(String(status)));
  session.on('accepted', ({ status }) => heard.push(String(status)));
  session.on('rejected', ({ status }) => heard.push(String(status)));
  session.on('ended', ({ by }) => heard.push(`ended by ${by}`));
  return { session, heard };
}

function answering(stack: SipStack): UasSession[] {
  const sessions: UasSession[] = [];
  stack.on('invite', (session) => {
    sessions.push(session);
    session.accept({ sdp: 'v=0' });
  });
  return sessions;
}

const peer = (ip: string) =>
  RawPeer.bind(network, { host: ip, port: 5060 }, { host: '198.51.100.1', port: 5060 });

describe.each(['udp', 'tcp'])('RFC 3263 section 4.3: failover over %s', (transport) => {
  it('the next server gets a request that the first did not take, and the next requests at once', async () => {
    const second = await stackAt('192.0.2.2');
    const first = options(transport);
    await clock.advance(5_000);
    expect((await first).headers.get('Server')).toBe('192.0.2.2');
    const before = client.counters.retransmissionsSent;
    const next = options(transport);
    await clock.advance(100);
    expect((await next).headers.get('Server')).toBe('192.0.2.2');
    expect(client.counters.retransmissionsSent).toBe(before);
    expect(second.counters.received).toBe(2);
  });

  it('the next server gets a call that the first did not take', async () => {
    const calls = answering(await stackAt('192.0.2.2'));
    const { session, heard } = invite(transport);
    await clock.advance(6_000);
    expect(heard).toEqual(['200']);
    expect(calls).toHaveLength(1);
    session.bye();
  });

  it('who answered 503 is passed over for as long as its Retry-After says, then it is the first again', async () => {
    const first = await stackAt('192.0.2.1');
    await stackAt('192.0.2.2');
    let busy = true;
    first.on('request', (incoming) => {
      if (!busy) return false;
      incoming.respond(503, { headers: [['Retry-After', '120 (maintenance)']] });
      return true;
    });
    const ask = async () => {
      const asked = options(transport);
      await clock.advance(200);
      return (await asked).headers.get('Server');
    };
    expect(await ask()).toBe('192.0.2.2');
    const { received } = first.counters;
    busy = false;
    await clock.advance(100_000);
    expect(await ask()).toBe('192.0.2.2');
    expect(first.counters.received).toBe(received);
    await clock.advance(30_000);
    expect(await ask()).toBe('192.0.2.1');
  });

  it('a call that was answered 503 goes to the next server, in a transaction of its own', async () => {
    const first = await stackAt('192.0.2.1');
    const branches: Array<string | undefined> = [];
    const note = (session: UasSession) =>
      branches.push(/branch=([^;]+)/.exec(session.request.headers.get('Via') ?? '')?.[1]);
    first.on('invite', (session) => {
      note(session);
      session.reject(503);
    });
    const second = await stackAt('192.0.2.2');
    second.on('invite', (session) => {
      note(session);
      session.accept({ sdp: 'v=0' });
    });
    const { session, heard } = invite(transport);
    await clock.advance(1_000);
    expect(heard).toEqual(['200']);
    expect(new Set(branches).size).toBe(2);
    session.bye();
  });

  it('the answer is the last server’s when all are dead, and all are tried again', async () => {
    const asked = options(transport);
    await clock.advance(70_000);
    expect((await asked).status).toBe(transport === 'udp' ? 408 : 503);
    await stackAt('192.0.2.1');
    const again = options(transport);
    await clock.advance(6_000);
    expect((await again).status).toBe(200);
  });
});

const tagged = { To: '<sip:x@carrier.example>;tag=late' };

describe('a call that moves on', () => {
  it('does not when it has rung already', async () => {
    const first = await stackAt('192.0.2.1');
    const second = await stackAt('192.0.2.2');
    first.on('invite', (session) => {
      session.progress(180);
      clock.setTimeout(() => session.reject(503), 2_000);
    });
    const { heard } = invite();
    await clock.advance(10_000);
    expect(heard).toEqual(['180', '503']);
    expect(second.counters.received).toBe(0);
  });

  it('does not when it has been given up', async () => {
    const second = await stackAt('192.0.2.2');
    const { session, heard } = invite();
    await clock.advance(1_000);
    session.cancel();
    await clock.advance(40_000);
    expect(heard).toEqual(['408']);
    expect(second.counters.received).toBe(0);
  });

  it('stops the ringing of a server that wakes up late', async () => {
    const first = await peer('192.0.2.1');
    const calls = answering(await stackAt('192.0.2.2'));
    const { session, heard } = invite();
    await clock.advance(6_000);
    expect(heard).toEqual(['200']);
    first.news();
    first.respond(first.lastRequest('INVITE'), 180, tagged);
    await clock.advance(10);
    expect(first.news()).toContain('CANCEL');
    first.respond(first.lastRequest('CANCEL'), 200, tagged);
    first.respond(first.lastRequest('INVITE'), 487, tagged);
    await clock.advance(10);
    expect(first.news()).toContain('ACK');
    expect(heard).toEqual(['200']);
    expect(calls).toHaveLength(1);
    session.bye();
  });

  it('hangs up what a server that wakes up late has answered', async () => {
    const first = await peer('192.0.2.1');
    answering(await stackAt('192.0.2.2'));
    const { session, heard } = invite();
    await clock.advance(6_000);
    first.news();
    first.respond(first.lastRequest('INVITE'), 200, tagged);
    await clock.advance(10);
    expect(first.news()).toEqual(['ACK', 'BYE']);
    first.respond(first.lastRequest('BYE'), 200, tagged);
    expect(heard).toEqual(['200']);
    session.bye();
  });
});

describe('requests in a dialog', () => {
  it('go where the host name in Contact leads now (RFC 3261 section 12.2.1.1)', async () => {
    const callee = await stackAt('192.0.2.1');
    const calls = answering(callee);
    const second = await stackAt('192.0.2.2');
    const request = new SipRequest('INVITE', 'sip:x@carrier.example', {
      body: 'v=0',
      headers: [['Contact', '<sip:me@pbx.example>']],
    });
    zone.srv('_sip._udp.pbx.example', ['pbx1.example', '198.51.100.1']);
    const session = client.invite({ request, target: { uri: uri() } });
    await clock.advance(100);
    zone.srv('_sip._udp.pbx.example', ['gone.example', '203.0.113.9'], ['pbx1.example', '198.51.100.1']);
    const ends: string[] = [];
    session.on('ended', ({ by }) => ends.push(by));
    calls[0]?.bye();
    await clock.advance(6_000);
    expect(ends).toEqual(['peer']);
    expect(callee.counters.serverFailovers).toBe(1);
    expect(second.counters.received).toBe(0);
  });
});

describe('RFC 3263 section 5: an answer whose connection is gone', () => {
  let server: SipStack;
  let farm: SipStack;

  /** It calls from one address, and takes connections at another. */
  beforeEach(async () => {
    server = await stackAt('192.0.2.1');
    const at = { protocol: 'tcp' as const, host: '198.51.100.9', port: 5060, advertisedHost: 'farm.example' };
    farm = new SipStack({
      userAgent: 'farm',
      clock,
      network: network.host('198.51.100.8'),
      resolver: zone,
      listeners: [at],
    });
    await farm.start();
    stacks.push(farm);
    zone.records.set('A farm.example', ['198.51.100.9']);
  });
  const target = { protocol: 'tcp' as const, host: '192.0.2.1', port: 5060 };

  it('goes to the address in the sent-by, when nobody takes it where the request came from', async () => {
    const sessions: UasSession[] = [];
    server.on('invite', (session) => {
      session.progress(180);
      sessions.push(session);
    });
    farm.invite({ request: new SipRequest('INVITE', 'sip:x@192.0.2.1', { body: 'v=0' }), target });
    await clock.advance(100);
    expect(farm.counters.received).toBe(2);
    sessions[0]?.flow.close();
    sessions[0]?.accept({ sdp: 'v=0' });
    await clock.advance(1_000);
    expect(farm.counters.received).toBeGreaterThan(2);
    sessions[0]?.bye();
  });

  it.each([
    ['an answer', false, 1],
    ['an answer to a stranger, of whom nothing is kept,', true, 0],
  ])('%s (stateless: %s) makes %i connections there', async (_, stateless, connections) => {
    server.on('request', (incoming) => {
      incoming.flow.close();
      incoming.respond(401, { stateless });
      return true;
    });
    void farm.request(new SipRequest('REGISTER', 'sip:192.0.2.1'), target);
    await clock.advance(1_000);
    expect(farm.counters.received).toBe(connections);
  });
});

describe('a call with a limit for the first sign of life', () => {
  it('ends with 408, and what happens later is stopped', async () => {
    const silent = await peer('192.0.2.3');
    const request = new SipRequest('INVITE', 'sip:x@192.0.2.3', { body: 'v=0' });
    const target = { protocol: 'udp' as const, host: '192.0.2.3', port: 5060 };
    const session = client.invite({ request, target, answerWithinMs: 3_000 });
    const heard: number[] = [];
    session.on('rejected', ({ status }) => heard.push(status));
    await clock.advance(2_999);
    expect(heard).toEqual([]);
    await clock.advance(1);
    expect(heard).toEqual([408]);
    silent.respond(silent.lastRequest('INVITE'), 100);
    await clock.advance(10);
    expect(silent.news()).toContain('CANCEL');
    silent.respond(silent.lastRequest('CANCEL'), 200);
    silent.respond(silent.lastRequest('INVITE'), 200, tagged);
    await clock.advance(10);
    expect(silent.news()).toEqual(['ACK', 'BYE']);
    silent.respond(silent.lastRequest('BYE'), 200);
  });

  it('goes on when there was one', async () => {
    const callee = await peer('192.0.2.3');
    const request = new SipRequest('INVITE', 'sip:x@192.0.2.3', { body: 'v=0' });
    const target = { protocol: 'udp' as const, host: '192.0.2.3', port: 5060 };
    const session = client.invite({ request, target, answerWithinMs: 3_000 });
    const heard: number[] = [];
    session.on('rejected', ({ status }) => heard.push(status));
    await clock.advance(1_000);
    callee.respond(callee.lastRequest('INVITE'), 100);
    await clock.advance(20_000);
    expect(heard).toEqual([]);
    callee.respond(callee.lastRequest('INVITE'), 486, tagged);
    await clock.advance(10);
    expect(heard).toEqual([486]);
  });
});

describe('over a network that loses, doubles and reorders', () => {
  const kinds = ['dead', 'busy', 'alive'] as const;

  it('a call is taken by the first server that is alive, wherever it stands, and everybody forgets the others', async () => {
    const random = seededRandom(263);
    network.conditions = { delayMs: [1, 80], loss: 0.15, duplicate: 0.1 };
    for (let run = 0; run < 25; run++) {
      const plan = Array.from({ length: 4 }, () => kinds[Math.floor(random() * 3)] ?? 'dead');
      plan.push('alive');
      zone.srv(
        '_sip._udp.carrier.example',
        ...plan.map((_, at): [string, string] => [`s${run}-${at}.example`, `10.1.${run}.${at}`]),
      );
      const taken: UasSession[] = [];
      for (const [at, kind] of plan.entries()) {
        if (kind === 'dead') continue;
        const stack = await stackAt(`10.1.${run}.${at}`);
        stack.on('invite', (session) => {
          if (kind === 'busy') return session.reject(503);
          taken.push(session);
          session.accept({ sdp: 'v=0' });
        });
      }
      const { session, heard } = invite();
      expect(await clock.until(() => heard.length > 0, 120_000)).toBe(true);
      expect([plan.join(), heard[0]]).toEqual([plan.join(), '200']);
      await clock.advance(60_000);
      // A server whose answers were all lost was left while it rang: it is hung up by now.
      expect(taken.filter(({ state }) => state === 'confirmed')).toHaveLength(1);
      session.bye();
      await clock.advance(60_000);
      expect(taken.every(({ state }) => state === 'terminated')).toBe(true);
    }
  });
});
