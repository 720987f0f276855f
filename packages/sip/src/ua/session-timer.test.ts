import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { UacSession, UasSession } from './types.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
const here = { host: '10.0.0.1', port: 5060 };
const there = { host: '10.0.0.2', port: 5070 };
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let peer: RawPeer;
let events: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  stack = new SipStack({
    userAgent: 'test',
    clock,
    network: network.host(here.host),
    listeners: [{ protocol: 'udp', ...here }],
    sessionTimer: { expiresSeconds: 1_800, minSeconds: 120 },
  });
  await stack.start();
  peer = await RawPeer.bind(network, there, here);
  events = [];
});

afterEach(async () => {
  await clock.advance(200_000);
  expect(stack.stats()).toEqual(zero);
  expect(stack.counters.listenerErrors).toBe(0);
  await stack.close();
  expect(clock.pending).toBe(0);
});

const via = (branch: string) => `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK${branch};rport`;
const allow = { Allow: 'INVITE, ACK, CANCEL, BYE, UPDATE' };
const listen = (session: UacSession | UasSession) =>
  session.on('ended', ({ by }) => events.push(`ended ${by}`));

/** An INVITE of the peer that is answered and acknowledged. */
async function uas(headers: Record<string, string>): Promise<{ session: UasSession; To: string }> {
  let session: UasSession | undefined;
  stack.on('invite', (incoming) => {
    session = incoming;
    listen(incoming);
    incoming.on('reinvite', ({ accept }) => accept('v=0 again'));
    incoming.accept({ sdp: 'v=0 ours' });
  });
  peer.send(peer.request('INVITE', headers, 'v=0'));
  await clock.advance(10);
  const To = peer.lastResponse(200).headers.get('To') ?? '';
  peer.send(peer.request('ACK', { To, Via: via('ack') }));
  await clock.advance(10);
  peer.news();
  return { session: session!, To };
}

/** An INVITE of ours. */
async function uac(): Promise<UacSession> {
  const request = new SipRequest('INVITE', 'sip:bob@10.0.0.2:5070', { body: 'v=0 ours' });
  const session = stack.invite({ request, target: { protocol: 'udp', ...there } });
  listen(session);
  session.on('accepted', () => events.push('accepted'));
  session.on('rejected', ({ status }) => events.push(`rejected ${status}`));
  await clock.advance(10);
  return session;
}

async function answer(status: number, headers: Record<string, string>): Promise<void> {
  const To = '<sip:bob@10.0.0.2:5070>;tag=bob';
  peer.respond(peer.lastRequest('INVITE'), status, { To, ...headers }, status === 200 ? 'v=0' : '');
  await clock.advance(10);
}

describe('RFC 4028 9: as UAS', () => {
  it('an interval that is too short gets 422 with Min-SE, in and outside a dialog', async () => {
    stack.on('invite', () => events.push('invite'));
    peer.send(peer.request('INVITE', { Supported: 'timer', 'Session-Expires': '100' }, 'v=0'));
    await clock.advance(10);
    expect(peer.news()).toEqual(['100 INVITE', '422 INVITE']);
    expect(peer.lastResponse(422).headers.get('Min-SE')).toBe('120');
    expect(events).toEqual([]);
    peer.send(peer.request('ACK', { To: peer.lastResponse(422).headers.get('To') ?? '' }));
  });

  it('a peer without the extension has no timer', async () => {
    const { session } = await uas({});
    expect(peer.lastResponse(200).headers.has('Session-Expires')).toBe(false);
    await clock.advance(100_000_000);
    expect([peer.news(), events]).toEqual([[], []]);
    session.bye();
  });

  it('the peer refreshes: INVITE or UPDATE start the time anew; when it stops, BYE before the end', async () => {
    const { To } = await uas({ Supported: 'timer', 'Session-Expires': '600' });
    const { headers } = peer.lastResponse(200);
    expect(headers.get('Session-Expires')).toBe('600;refresher=uac');
    expect([headers.getAll('Require'), headers.getAll('Supported')]).toEqual([['timer'], ['timer']]);
    const refresh = { To, Supported: 'timer', 'Session-Expires': '600;refresher=uac' };
    await clock.advance(500_000);
    peer.send(peer.request('UPDATE', { ...refresh, CSeq: '2 UPDATE', Via: via('u') }));
    await clock.advance(500_000);
    expect(peer.lastResponse(200).headers.get('Session-Expires')).toBe('600;refresher=uac');
    peer.send(peer.request('INVITE', { ...refresh, CSeq: '3 INVITE', Via: via('i') }, 'v=0'));
    await clock.advance(10);
    peer.send(peer.request('ACK', { To, CSeq: '3 ACK', Via: via('i-ack') }));
    await clock.advance(500_000);
    expect([peer.news(), events]).toEqual([['200 UPDATE', '100 INVITE', '200 INVITE'], []]);
    await clock.advance(67_000);
    expect(events).toEqual([]);
    await clock.advance(1_500);
    expect(events).toEqual(['ended timeout']);
    expect(peer.lastRequest('BYE').headers.get('Reason')).toBe('SIP;cause=408;text="Session timer expired"');
  });

  it('a refresh with an interval that is too short gets 422 and changes nothing', async () => {
    const { session, To } = await uas({ Supported: 'timer', 'Session-Expires': '600' });
    const brief = { To, Supported: 'timer', 'Session-Expires': '90', CSeq: '2 UPDATE', Via: via('u') };
    peer.send(peer.request('UPDATE', brief));
    await clock.advance(10);
    expect(peer.news()).toEqual(['422 UPDATE']);
    session.bye();
  });

  it('we refresh when the peer wants it: UPDATE at half of the interval, and who refreshes stays so', async () => {
    const { session } = await uas({ ...allow, Supported: 'timer', 'Session-Expires': '600;refresher=uas' });
    await clock.advance(299_900);
    expect(peer.news()).toEqual([]);
    await clock.advance(200);
    const update = peer.lastRequest('UPDATE');
    expect(update.headers.get('Session-Expires')).toBe('600;refresher=uac');
    expect(update.headers.get('Min-SE')).toBe('120');
    expect([update.headers.getAll('Supported'), update.body.length]).toEqual([['timer'], 0]);
    peer.respond(update, 200, { 'Session-Expires': '600;refresher=uac', Require: 'timer' });
    await clock.advance(299_900);
    expect(peer.news()).toEqual(['UPDATE']);
    await clock.advance(200);
    expect(peer.news()).toEqual(['UPDATE']);
    // Turned off by the peer, section 7.2.
    peer.respond(peer.lastRequest('UPDATE'), 200);
    await clock.advance(10_000_000);
    expect([peer.news(), events]).toEqual([[], []]);
    session.bye();
  });

  it('a peer that lists no UPDATE gets a re-INVITE with the description we gave last', async () => {
    const { session } = await uas({ Supported: 'timer', 'Session-Expires': '600;refresher=uas' });
    await clock.advance(300_010);
    const invite = peer.lastRequest('INVITE');
    expect(Buffer.from(invite.body).toString()).toBe('v=0 ours');
    expect(invite.headers.get('Session-Expires')).toBe('600;refresher=uac');
    peer.respond(invite, 200, { 'Session-Expires': '600;refresher=uac' }, 'v=0');
    await clock.advance(290_000);
    expect(peer.news()).toEqual(['INVITE', 'ACK']);
    session.bye();
  });

  it('RFC 4028 10: a refresh that is refused is tried again; without a 2xx in time the session ends', async () => {
    await uas({ ...allow, Supported: 'timer', 'Session-Expires': '600;refresher=uas' });
    await clock.advance(300_010);
    for (let tries = 0; tries < 8; tries++) {
      peer.respond(peer.lastRequest('UPDATE'), tries % 2 ? 491 : 500);
      await clock.advance(30_010);
    }
    expect(events).toEqual([]);
    expect(peer.news()).toEqual(Array(9).fill('UPDATE'));
    peer.respond(peer.lastRequest('UPDATE'), 500);
    await clock.advance(30_010);
    expect(events).toEqual(['ended timeout']);
  });

  it.each([408, 481])('RFC 4028 10: %s to a refresh ends the session', async (status) => {
    await uas({ ...allow, Supported: 'timer', 'Session-Expires': '600;refresher=uas' });
    await clock.advance(300_010);
    peer.respond(peer.lastRequest('UPDATE'), status);
    await clock.advance(10);
    expect(events).toEqual([status === 408 ? 'ended timeout' : 'ended peer']);
    expect(peer.news()).toEqual(['UPDATE', 'BYE']);
  });

  it('a peer that is gone without a word is found by the refresh', async () => {
    await uas({ ...allow, Supported: 'timer', 'Session-Expires': '600;refresher=uas' });
    await clock.advance(300_000 + 33_000);
    expect(events).toEqual(['ended timeout']);
  });
});

describe('RFC 4028 7: as UAC', () => {
  it('proposes an interval, and takes what the 2xx says', async () => {
    const session = await uac();
    const { headers } = peer.lastRequest('INVITE');
    expect(headers.get('Session-Expires')).toBe('1800');
    expect([headers.get('Min-SE'), headers.getAll('Supported')]).toEqual(['120', ['timer']]);
    await answer(200, { ...allow, 'Session-Expires': '900;refresher=uac', Require: 'timer' });
    await clock.advance(450_010);
    expect(peer.news()).toEqual(['INVITE', 'ACK', 'UPDATE']);
    peer.respond(peer.lastRequest('UPDATE'), 200, { 'Session-Expires': '900;refresher=uac' });
    await clock.advance(10);
    session.bye();
  });

  it('the callee refreshes: without its refresh the call ends', async () => {
    await uac();
    await answer(200, { 'Session-Expires': '900;refresher=uas' });
    await clock.advance(867_000);
    expect(events).toEqual(['accepted']);
    await clock.advance(2_000);
    expect(events).toEqual(['accepted', 'ended timeout']);
    expect(peer.news().slice(0, 3)).toEqual(['INVITE', 'ACK', 'BYE']);
  });

  it('a callee without the extension: no timer', async () => {
    const session = await uac();
    await answer(200, {});
    await clock.advance(10_000_000);
    expect(events).toEqual(['accepted']);
    session.bye();
  });

  it('7.3: 422 is answered with the Min-SE of the callee, in the same call', async () => {
    const session = await uac();
    const first = peer.lastRequest('INVITE');
    await answer(422, { 'Min-SE': '3600' });
    const second = peer.lastRequest('INVITE');
    expect(second.headers.get('Session-Expires')).toBe('3600');
    expect(second.headers.get('Min-SE')).toBe('3600');
    expect(second.headers.get('CSeq')).toBe('2 INVITE');
    expect(second.headers.get('Call-ID')).toBe(first.headers.get('Call-ID'));
    expect(second.headers.get('From')).toBe(first.headers.get('From'));
    expect(second.headers.get('Via')).not.toBe(first.headers.get('Via'));
    await answer(200, { 'Session-Expires': '3600;refresher=uas' });
    expect([peer.news(), events]).toEqual([['INVITE', 'ACK', 'INVITE', 'ACK'], ['accepted']]);
    session.bye();
  });

  it('a 422 that asks for no more than we offered, or after we gave up, is final', async () => {
    await uac();
    await answer(422, { 'Min-SE': '100' });
    expect(events).toEqual(['rejected 422']);
    const session = await uac();
    await answer(180, {});
    session.cancel();
    await clock.advance(10);
    peer.respond(peer.lastRequest('CANCEL'), 200);
    await answer(422, { 'Min-SE': '3600' });
    expect(events).toEqual(['rejected 422', 'rejected 422']);
  });
});

it('two stacks keep a call for a day, and the end of one of them is found by the other', async () => {
  const other = new SipStack({
    userAgent: 'other',
    clock,
    network: network.host('10.0.0.3'),
    listeners: [{ protocol: 'udp', host: '10.0.0.3', port: 5060 }],
    sessionTimer: { expiresSeconds: 600, minSeconds: 90 },
  });
  await other.start();
  other.on('invite', (session) => session.accept({ sdp: 'v=0' }));
  const request = new SipRequest('INVITE', 'sip:bob@10.0.0.3', { body: 'v=0' });
  const session = stack.invite({ request, target: { protocol: 'udp', host: '10.0.0.3', port: 5060 } });
  listen(session);
  await clock.advance(86_400_000);
  expect([session.state, events]).toEqual(['accepted', []]);
  network.cut('10.0.0.3');
  await clock.advance(600_000);
  expect(events).toEqual(['ended timeout']);
  await other.close();
});
