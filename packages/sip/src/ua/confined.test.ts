import { afterEach, beforeEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { UacSession } from './types.ts';

const server = { host: '192.0.2.1', port: 5060 };
let clock: VirtualClock;
let stack: SipStack;
let callee: RawPeer;
let moved: RawPeer;
let victim: RawPeer;

beforeEach(async () => {
  clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  stack = new SipStack({
    userAgent: 'server',
    clock,
    network: network.host(server.host),
    listeners: [{ protocol: 'udp', ...server }],
  });
  await stack.start();
  const peerAt = (host: string) => RawPeer.bind(network, { host, port: 5060 }, server);
  callee = await peerAt('192.0.2.2');
  moved = await peerAt('192.0.2.3');
  victim = await peerAt('192.0.2.9');
});

afterEach(async () => {
  await clock.advance(100_000);
  expect(stack.stats()).toMatchObject({ dialogs: 0, clientTransactions: 0, timers: 0 });
  await stack.close();
  for (const peer of [callee, moved, victim]) await peer.close();
});

/** A call to a callee who names the victim as the place to send everything further to. */
async function call(confined: boolean): Promise<UacSession> {
  const request = new SipRequest('INVITE', 'sip:x@192.0.2.2', { body: 'v=0' });
  const session = stack.invite({
    request,
    target: { protocol: 'udp', host: '192.0.2.2', port: 5060 },
    confined,
  });
  await clock.advance(10);
  const elsewhere = { Contact: '<sip:v@192.0.2.9:5060>', 'Record-Route': '<sip:192.0.2.9;lr>' };
  const invite = callee.lastRequest('INVITE');
  callee.respond(invite, 200, { To: `${invite.headers.get('To')};tag=c`, ...elsewhere }, 'v=0');
  await clock.advance(10);
  return session;
}

it('a confined callee gets ACK, re-INVITE and BYE where its INVITE went, whatever address it names', async () => {
  const session = await call(true);
  void session.reinvite('v=0');
  await clock.advance(10);
  const reinvite = callee.lastRequest('INVITE');
  callee.respond(reinvite, 200, { Contact: '<sip:v@192.0.2.9:5060>' }, 'v=0');
  await clock.advance(10);
  session.bye();
  await clock.advance(10);
  callee.respond(callee.lastRequest('BYE'), 200);
  expect(callee.news()).toEqual(['INVITE', 'ACK', 'INVITE', 'ACK', 'BYE']);
  // The Request-URI is still what it knows itself by.
  expect(callee.lastRequest('BYE').uri).toBe('sip:v@192.0.2.9:5060');
  expect(victim.news()).toEqual([]);
});

it('and its requests from another place do not change that; the owner’s word does', async () => {
  const session = await call(true);
  const invite = callee.lastRequest('INVITE');
  const info = victim.request('INFO', {
    From: `${invite.headers.get('To')};tag=c`,
    To: invite.headers.get('From') ?? '',
    'Call-ID': invite.headers.get('Call-ID') ?? '',
    CSeq: '7 INFO',
  });
  victim.send(info);
  await clock.advance(10);
  expect(victim.news()).toEqual(['200 INFO']);
  session.moveTo({ protocol: 'udp', host: '192.0.2.3', port: 5060 });
  session.bye();
  await clock.advance(10);
  moved.respond(moved.lastRequest('BYE'), 200);
  expect([callee.news(), victim.news(), moved.news()]).toEqual([['INVITE', 'ACK'], [], ['BYE']]);
});

it('any other callee is called where its Contact and route set say (RFC 3261 12.2.1.1)', async () => {
  const session = await call(false);
  session.bye();
  await clock.advance(10);
  victim.respond(victim.lastRequest('BYE'), 200);
  expect(victim.news()).toEqual(['ACK', 'BYE']);
});
