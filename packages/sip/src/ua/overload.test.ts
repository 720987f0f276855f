import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { UasSession } from './types.ts';

const service = { host: '10.0.0.1', port: 5060 };
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let peer: RawPeer;
let sessions: UasSession[];
let hasRoom: boolean;
/** How often the owner was asked whether a request may come in. */
let screened: number;
/** The turns of the loop that the stack waits for. */
let turns: Array<() => void>;

beforeEach(async () => {
  clock = new VirtualClock();
  sessions = [];
  turns = [];
  hasRoom = true;
  screened = 0;
  network = new MemoryNetwork({ clock, seed: 1 });
  stack = new SipStack({
    userAgent: 'test',
    clock,
    network: network.host(service.host),
    listeners: [{ protocol: 'udp', ...service }],
    screen: (_request, { remote }) => {
      screened++;
      return remote.host === '10.0.0.2';
    },
    overload: {
      targetDelayMs: 20,
      maxDelayMs: 200,
      maxWaiting: 100,
      retryAfterSeconds: 7,
      headers: [['Reason', 'Q.850;cause=42']],
      hasRoom: () => hasRoom,
      afterReading: (then) => turns.push(then),
    },
  });
  stack.on('invite', (session) => sessions.push(session));
  await stack.start();
  peer = await RawPeer.bind(network, { host: '10.0.0.2', port: 5070 }, service);
});
afterEach(() => stack.close());

const headers = (name: string, method: string, toTag = '') => ({
  Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK${name}${method === 'ACK' ? 'INVITE' : method};rport`,
  'Call-ID': name,
  CSeq: `1 ${method}`,
  To: `<sip:service@10.0.0.1>${toTag}`,
});
const viaOf = (name: string) => `SIP/2.0/UDP 10.0.0.66:5070;branch=z9hG4bK${name};rport`;
const invite = (name: string) => peer.send(peer.request('INVITE', headers(name, 'INVITE'), 'v=0'));

async function turn(): Promise<void> {
  await clock.advance(1);
  for (const then of turns.splice(0)) then();
  await clock.advance(10);
}

describe('a stack under load', () => {
  it('handles an INVITE when everything that came was read, and other requests as they are read', async () => {
    invite('a');
    peer.send(peer.request('OPTIONS', headers('b', 'OPTIONS')));
    await clock.advance(10);
    expect(peer.news()).toEqual(['200 OPTIONS']);
    await turn();
    expect(peer.news()).toEqual(['100 INVITE']);
    expect(sessions).toHaveLength(1);
  });

  it('answers 503 with Retry-After to what has waited too long, and keeps nothing of it', async () => {
    invite('a');
    await clock.advance(201);
    await turn();
    expect(peer.news()).toEqual(['503 INVITE']);
    const refusal = peer.lastResponse(503);
    expect(refusal.headers.get('Retry-After')).toBe('7');
    expect(refusal.headers.get('Reason')).toBe('Q.850;cause=42');
    expect(stack.stats().serverTransactions).toBe(0);
    expect(stack.counters.overload).toBe(1);
    peer.send(peer.request('ACK', headers('a', 'ACK', ';tag=whatever')));
    await turn();
    expect(peer.news()).toEqual([]);
    expect(sessions).toEqual([]);
  });

  it('gives every copy of a refused INVITE the same answer (RFC 3261 section 8.2.7)', async () => {
    hasRoom = false;
    for (let n = 0; n < 2; n++) {
      invite('a');
      await turn();
    }
    const tags = peer.received.map((message) => message.headers.get('To'));
    expect(tags).toHaveLength(2);
    expect(new Set(tags).size).toBe(1);
  });

  it('counts an INVITE once that comes again while it waits, and refuses it once', async () => {
    invite('a');
    await clock.advance(150);
    for (let n = 0; n < 200; n++) invite('a');
    await clock.advance(60);
    await turn();
    await turn();
    expect(peer.news()).toEqual(['503 INVITE']);
    expect([sessions, screened]).toEqual([[], 1]);
  });

  it('lets nobody wait in line who may not call', async () => {
    const stranger = await RawPeer.bind(network, { host: '10.0.0.66', port: 5070 }, service);
    for (let n = 0; n < 200; n++)
      stranger.send(stranger.request('INVITE', { ...headers(`x${n}`, 'INVITE'), Via: viaOf(`x${n}`) }));
    await clock.advance(10);
    invite('a');
    await turn();
    expect([peer.news(), stranger.news()]).toEqual([['100 INVITE'], []]);
    expect(stack.counters).toMatchObject({ screened: 200, overload: 0 });
  });

  it('cancels a call that rings at once, however many wait', async () => {
    let cancelled = 0;
    invite('a');
    await turn();
    sessions[0]?.on('cancelled', () => cancelled++);
    for (let n = 0; n < 150; n++) invite(`more${n}`);
    await clock.advance(10);
    expect(peer.news()).toEqual(['100 INVITE', ...Array(50).fill('503 INVITE')]);
    peer.send(peer.request('CANCEL', { ...headers('a', 'CANCEL'), Via: headers('a', 'INVITE').Via }));
    await clock.advance(10);
    expect([peer.news().sort(), cancelled]).toEqual([['200 CANCEL', '487 INVITE'], 1]);
  });

  it('knows the repetition of an INVITE that it has taken, however late it is', async () => {
    invite('a');
    await turn();
    expect(peer.news()).toEqual(['100 INVITE']);
    invite('a');
    await clock.advance(201);
    await turn();
    expect(peer.news()).toEqual(['100 INVITE']);
    expect(sessions).toHaveLength(1);
  });

  it('lets no CANCEL overtake the INVITE that waits', async () => {
    invite('a');
    peer.send(peer.request('CANCEL', { ...headers('a', 'CANCEL'), Via: headers('a', 'INVITE').Via }));
    await clock.advance(10);
    expect(peer.news()).toEqual([]);
    await turn();
    expect(peer.news().sort()).toEqual(['100 INVITE', '200 CANCEL', '487 INVITE']);
  });

  it('answers the CANCEL of an INVITE that it has refused', async () => {
    invite('a');
    peer.send(peer.request('CANCEL', { ...headers('a', 'CANCEL'), Via: headers('a', 'INVITE').Via }));
    await clock.advance(201);
    await turn();
    expect(peer.news()).toEqual(['503 INVITE', '481 CANCEL']);
    expect(sessions).toEqual([]);
  });

  it('begins few calls in one turn of the loop, so that others are heard in between', async () => {
    for (let n = 0; n < 20; n++) invite(`call${n}`);
    await turn();
    expect(sessions).toHaveLength(4);
    for (let n = 0; n < 4; n++) await turn();
    expect(sessions).toHaveLength(20);
  });

  it('begins one call in a turn in which the socket was not read empty', async () => {
    for (let n = 0; n < 40; n++) invite(`call${n}`);
    await turn();
    expect(sessions).toHaveLength(1);
  });

  it('refuses calls for which the owner has no room, before a transaction exists', async () => {
    hasRoom = false;
    invite('a');
    await turn();
    expect(peer.news()).toEqual(['503 INVITE']);
    expect([stack.stats().serverTransactions, screened]).toEqual([0, 1]);
    hasRoom = true;
    invite('b');
    await turn();
    expect(sessions).toHaveLength(1);
  });

  it('forgets calls that wait when it is closed', async () => {
    invite('a');
    await clock.advance(1);
    await stack.close();
    for (const then of turns) then();
    expect(sessions).toEqual([]);
  });
});
