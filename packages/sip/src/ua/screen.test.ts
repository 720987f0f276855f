import { afterEach, beforeEach, expect, it } from 'vitest';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';

const server = { host: '192.0.2.1', port: 5060 };
let clock: VirtualClock;
let stack: SipStack;
let peer: RawPeer;

beforeEach(async () => {
  clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  stack = new SipStack({
    userAgent: 'server',
    clock,
    network: network.host(server.host),
    listeners: [{ protocol: 'udp', ...server }],
    screen: () => ({ status: 407, headers: [['Proxy-Authenticate', `Digest realm="${'r'.repeat(200)}"`]] }),
  });
  await stack.start();
  peer = await RawPeer.bind(network, { host: '192.0.2.2', port: 5060 }, server);
});

afterEach(async () => {
  expect(stack.stats()).toMatchObject({ serverTransactions: 0, timers: 0 });
  await stack.close();
  await peer.close();
});

const invite = (body: string) => peer.request('INVITE', {}, body);

it('answers once and keeps nothing, with the same To tag for each copy (RFC 3261 section 8.2.7)', async () => {
  for (let copy = 0; copy < 2; copy++) {
    peer.send(invite('v=0'.padEnd(400, '.')));
    await clock.advance(10);
  }
  await clock.advance(60_000);
  expect(peer.news()).toEqual(['407 INVITE', '407 INVITE']);
  const tags = peer.received.map(({ headers }) => headers.get('To'));
  expect(tags[0]).toMatch(/;tag=/);
  expect(new Set(tags).size).toBe(1);
  peer.send(peer.request('ACK'));
  await clock.advance(10);
  expect(peer.news()).toEqual([]);
});

it('gives no answer that is larger than its request, and none to CANCEL and malformed requests', async () => {
  peer.send(invite(''));
  peer.send(peer.request('CANCEL', { 'X-Long': 'x'.repeat(500) }));
  peer.send(peer.request('INVITE', { 'Max-Forwards': 'many', 'X-Long': 'x'.repeat(500) }));
  await clock.advance(60_000);
  expect(peer.news()).toEqual([]);
});
