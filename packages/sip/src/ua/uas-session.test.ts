import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SipResponse } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { tagOf } from '../transaction/transaction-key.ts';
import { SipStack } from './sip-stack.ts';
import type { UasSession } from './types.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let peer: RawPeer;
let session: UasSession | undefined;
let events: string[];

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  stack = new SipStack({
    userAgent: 'test',
    clock,
    network: network.host('10.0.0.1'),
    listeners: [{ protocol: 'udp', host: '10.0.0.1', port: 5060 }],
  });
  await stack.start();
  peer = await RawPeer.bind(network, { host: '10.0.0.2', port: 5070 }, { host: '10.0.0.1', port: 5060 });
  session = undefined;
  events = [];
  stack.on('invite', (incoming) => {
    session = incoming;
    incoming.on('confirmed', () => events.push('confirmed'));
    incoming.on('cancelled', (request) => events.push(`cancelled ${request.method}`));
    incoming.on('ended', ({ by, request }) =>
      events.push(`ended ${by}${request ? ` ${request.method}` : ''}`),
    );
  });
});

afterEach(async () => {
  await clock.advance(200_000);
  expect(stack.stats()).toEqual(zero);
  expect(stack.counters.listenerErrors).toBe(0);
  await stack.close();
  expect(clock.pending).toBe(0);
});

/** An INVITE came and is with the owner. */
async function invited(headers: Record<string, string> = {}): Promise<UasSession> {
  peer.send(peer.request('INVITE', headers, 'v=0'));
  await clock.advance(10);
  if (!session) throw new Error('no session');
  return session;
}

const toTag = (response: SipResponse) => ({ To: response.headers.get('To') ?? '' });
const ackOf = (response: SipResponse) => peer.request('ACK', { ...toTag(response), Via: via('ack') });
const via = (branch: string) => `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK${branch};rport`;

/** A call that is answered and acknowledged. */
async function confirmed(): Promise<{ session: UasSession; ok: SipResponse }> {
  const call = await invited();
  call.accept({ sdp: 'v=0 answer' });
  await clock.advance(10);
  const ok = peer.lastResponse(200);
  peer.send(ackOf(ok));
  await clock.advance(10);
  peer.news();
  expect(call.state).toBe('confirmed');
  return { session: call, ok };
}

it('gives the offer, sends 100 at once, 180 and 200 with one To tag and a Contact, and takes the ACK', async () => {
  const call = await invited();
  expect(call.offer).toBe('v=0');
  expect(peer.news()).toEqual(['100 INVITE']);
  call.progress(180);
  call.accept({ sdp: 'v=0 answer', headers: [['X-Test', 'yes']] });
  await clock.advance(10);
  expect(peer.news()).toEqual(['180 INVITE', '200 INVITE']);
  const ok = peer.lastResponse(200);
  expect(tagOf(ok.headers.get('To'))).toBe(tagOf(peer.lastResponse(180).headers.get('To')));
  expect(ok.headers.get('Contact')).toBe('<sip:10.0.0.1:5060>');
  expect(ok.headers.get('X-Test')).toBe('yes');
  expect(Buffer.from(ok.body).toString()).toBe('v=0 answer');
  expect(call.state).toBe('accepted');
  peer.send(ackOf(ok));
  await clock.advance(10);
  expect([call.state, events]).toEqual(['confirmed', ['confirmed']]);
  await clock.advance(60_000);
  expect(peer.news()).toEqual([]);
  call.bye({ headers: [['Reason', 'Q.850;cause=16']] });
  await clock.advance(10);
  const bye = peer.lastRequest('BYE');
  expect(bye.uri).toBe('sip:raw@10.0.0.2:5070');
  expect(bye.headers.get('Reason')).toBe('Q.850;cause=16');
  expect(tagOf(bye.headers.get('To'))).toBe('rawtag');
  peer.respond(bye, 200);
  await clock.advance(10);
  expect(events).toEqual(['confirmed', 'ended us']);
  call.bye();
});

it('17.2.1: answers a repeated INVITE with the last provisional response', async () => {
  const call = await invited();
  call.progress(183);
  await clock.advance(10);
  peer.news();
  peer.send(peer.request('INVITE', {}, 'v=0'));
  await clock.advance(10);
  expect(peer.news()).toEqual(['183 INVITE']);
  call.reject(486);
  await clock.advance(10);
  peer.send(peer.request('ACK', toTag(peer.lastResponse(486))));
});

it.each([
  ['before 180', false],
  ['after 180', true],
])('9.2: CANCEL %s: 200 for the CANCEL, 487 for the INVITE, both with one To tag', async (_when, ringing) => {
  const call = await invited();
  if (ringing) call.progress(180);
  await clock.advance(10);
  peer.news();
  peer.send(peer.request('CANCEL'));
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 CANCEL', '487 INVITE']);
  expect(tagOf(peer.lastResponse(200).headers.get('To'))).toBe(
    tagOf(peer.lastResponse(487).headers.get('To')),
  );
  expect([call.state, events]).toEqual(['terminated', ['cancelled CANCEL']]);
  // The owner may not know yet.
  call.progress(180);
  call.accept({ sdp: 'v=0' });
  call.reject(480);
  peer.send(peer.request('ACK', toTag(peer.lastResponse(487))));
  await clock.advance(10);
  expect(peer.news()).toEqual([]);
});

it('9.2: a CANCEL that crosses the 200 has no effect on the INVITE', async () => {
  const call = await invited();
  call.accept({ sdp: 'v=0' });
  peer.send(peer.request('CANCEL'));
  await clock.advance(10);
  expect(peer.news()).toEqual(['100 INVITE', '200 INVITE', '200 CANCEL']);
  expect(call.state).toBe('accepted');
  peer.send(ackOf(peer.lastResponse(200)));
  await clock.advance(10);
  peer.send(peer.request('BYE', { ...toTag(peer.lastResponse(200)), CSeq: '2 BYE', Via: via('bye') }));
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 BYE']);
  expect(events).toEqual(['confirmed', 'ended peer BYE']);
});

it('13.3.1.4: the 200 is sent again at T1, doubled up to T2, and after 64*T1 without ACK the session ends with BYE', async () => {
  const call = await invited();
  const answeredAt = clock.now() + 1;
  call.accept({ sdp: 'v=0' });
  await clock.advance(31_999);
  const times = peer.received.flatMap((message, n) =>
    message.kind === 'response' && message.status === 200 ? [peer.times[n]! - answeredAt] : [],
  );
  expect(times).toEqual([0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
  peer.news();
  await clock.advance(10);
  expect(peer.news()).toEqual(['BYE']);
  expect([call.state, events]).toEqual(['terminated', ['ended timeout']]);
});

it('15: bye() before the ACK waits for it', async () => {
  const call = await invited();
  call.accept({ sdp: 'v=0' });
  call.bye();
  await clock.advance(100);
  expect(peer.news()).toEqual(['100 INVITE', '200 INVITE']);
  peer.send(ackOf(peer.lastResponse(200)));
  await clock.advance(10);
  expect(peer.news()).toEqual(['BYE']);
  expect(events).toEqual(['confirmed', 'ended us']);
  peer.respond(peer.lastRequest('BYE'), 200);
});

it('15: bye() before an ACK that never comes waits for the end of the retransmissions', async () => {
  const call = await invited();
  call.accept({ sdp: 'v=0' });
  call.bye();
  await clock.advance(32_010);
  expect(peer.news().at(-1)).toBe('BYE');
  expect(events).toEqual(['ended us']);
});

it('takes a BYE of the peer before its ACK, and ends once', async () => {
  const call = await invited();
  call.accept({ sdp: 'v=0' });
  await clock.advance(10);
  peer.news();
  peer.send(peer.request('BYE', { ...toTag(peer.lastResponse(200)), CSeq: '2 BYE', Via: via('bye') }));
  await clock.advance(10);
  peer.send(ackOf(peer.lastResponse(200)));
  await clock.advance(60_000);
  expect(peer.news()).toEqual(['200 BYE']);
  expect(events).toEqual(['ended peer BYE']);
});

it('15.1.2: BYE in the early dialog: 200, and 487 for the INVITE', async () => {
  const call = await invited();
  call.progress(180);
  await clock.advance(10);
  peer.news();
  peer.send(peer.request('BYE', { ...toTag(peer.lastResponse(180)), CSeq: '2 BYE', Via: via('bye') }));
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 BYE', '487 INVITE']);
  expect(events).toEqual(['cancelled BYE']);
  peer.send(peer.request('ACK', toTag(peer.lastResponse(487))));
});

it('is misuse to hang up before a 2xx, or to use a status of another kind', async () => {
  const call = await invited();
  expect(() => call.bye()).toThrow(expect.objectContaining({ code: 'no-dialog' }));
  expect(() => call.reject(200)).toThrow(expect.objectContaining({ code: 'bad-status' }));
  expect(() => call.progress(100)).toThrow(expect.objectContaining({ code: 'bad-status' }));
  expect(() => call.progress(180, { headers: [['X-Bad', 'a\r\nB: c']] })).toThrow();
  expect(() => call.accept({ sdp: 'v=0', headers: [['X-Bad', 'a\r\nB: c']] })).toThrow();
  expect(call.state).toBe('early');
  call.reject(480);
});

it('13.3.1.1: repeats a provisional response each minute', async () => {
  const call = await invited();
  call.progress(180);
  await clock.advance(180_010);
  expect(peer.news()).toEqual(['100 INVITE', '180 INVITE', '180 INVITE', '180 INVITE', '180 INVITE']);
  call.reject(480);
});

it('13.3.1: an INVITE that expires gets 487', async () => {
  await invited({ Expires: '30' });
  await clock.advance(30_000);
  expect(peer.news()).toEqual(['100 INVITE', '487 INVITE']);
  expect(events).toEqual(['cancelled INVITE']);
});

it('12.2.2: a request with a lower CSeq gets 500, an unknown dialog 481, and an ACK to nowhere nothing', async () => {
  const { session: call, ok } = await confirmed();
  peer.send(peer.request('INFO', { ...toTag(ok), CSeq: '5 INFO', Via: via('info5') }));
  await clock.advance(10);
  peer.send(peer.request('INFO', { ...toTag(ok), CSeq: '4 INFO', Via: via('info4') }));
  await clock.advance(10);
  peer.send(peer.request('INFO', { To: '<sip:x@y>;tag=unknown', CSeq: '6 INFO', Via: via('info6') }));
  peer.send(peer.request('ACK', { To: '<sip:x@y>;tag=unknown', Via: via('ack6') }));
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 INFO', '500 INFO', '481 INFO']);
  expect(stack.counters.strayAcks).toBe(1);
  call.bye();
});

it('gives re-INVITE and UPDATE to the owner, and refuses a second offer while one is pending', async () => {
  const { session: call, ok } = await confirmed();
  const offers: Array<string | undefined> = [];
  let held: (() => void) | undefined;
  call.on('reinvite', ({ offer, accept, request }) => {
    offers.push(offer);
    if (request.method === 'INVITE') held = () => accept('v=0 re');
    else accept('v=0 up');
  });
  const reinvite = { ...toTag(ok), CSeq: '2 INVITE', Via: via('re2'), Contact: '<sip:moved@10.0.0.2:5070>' };
  peer.send(peer.request('INVITE', reinvite, 'v=0 two'));
  await clock.advance(10);
  peer.send(peer.request('INVITE', { ...toTag(ok), CSeq: '3 INVITE', Via: via('re3') }, 'v=0 three'));
  await clock.advance(10);
  expect(peer.news()).toEqual(['100 INVITE', '100 INVITE', '500 INVITE']);
  expect(peer.lastResponse(500).headers.has('Retry-After')).toBe(true);
  held?.();
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 INVITE']);
  expect(Buffer.from(peer.lastResponse(200).body).toString()).toBe('v=0 re');
  await clock.advance(500);
  expect(peer.news()).toContain('200 INVITE');
  peer.send(peer.request('ACK', { ...toTag(ok), CSeq: '2 ACK', Via: via('reack') }));
  peer.send(peer.request('ACK', { ...toTag(ok), CSeq: '3 ACK', Via: via('re3') }));
  await clock.advance(10);
  peer.send(peer.request('UPDATE', { ...toTag(ok), CSeq: '4 UPDATE', Via: via('up4') }, 'v=0 four'));
  await clock.advance(10);
  expect(peer.news().at(-1)).toBe('200 UPDATE');
  expect(offers).toEqual(['v=0 two', 'v=0 four']);
  call.bye();
  await clock.advance(10);
  // 12.2.2: the re-INVITE changed the remote target; the UPDATE changed it back.
  expect(peer.lastRequest('BYE').uri).toBe('sip:raw@10.0.0.2:5070');
});

it('14.2: hands over the answer that the ACK of a re-INVITE without an offer brings, and no other ACK again', async () => {
  const { session: call, ok } = await confirmed();
  const answers: string[] = [];
  call.on('confirmed', (ack) => answers.push(Buffer.from(ack.body).toString()));
  call.on('reinvite', ({ offer, accept }) => accept(offer === undefined ? 'v=0 our offer' : 'v=0 answer'));
  peer.send(peer.request('INVITE', { ...toTag(ok), CSeq: '2 INVITE', Via: via('re2') }));
  await clock.advance(10);
  expect(Buffer.from(peer.lastResponse(200).body).toString()).toBe('v=0 our offer');
  const ack = peer.request('ACK', { ...toTag(ok), CSeq: '2 ACK', Via: via('re2ack') }, 'v=0 late answer');
  peer.send(ack);
  peer.send(ack);
  await clock.advance(10);
  expect(answers).toEqual(['v=0 late answer']);
  peer.send(peer.request('INVITE', { ...toTag(ok), CSeq: '3 INVITE', Via: via('re3') }, 'v=0 offer'));
  await clock.advance(10);
  peer.send(peer.request('ACK', { ...toTag(ok), CSeq: '3 ACK', Via: via('re3ack') }));
  await clock.advance(10);
  expect(answers).toEqual(['v=0 late answer']);
  call.bye();
});

it('RFC 4028: answers an UPDATE without a body by itself, whatever the owner listens to', async () => {
  const { session: call, ok } = await confirmed();
  call.on('request', () => events.push('request'));
  call.on('reinvite', () => events.push('reinvite'));
  peer.send(
    peer.request('UPDATE', { ...toTag(ok), CSeq: '2 UPDATE', Via: via('up'), 'Session-Expires': '90' }),
  );
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 UPDATE']);
  expect(peer.lastResponse(200).headers.has('Contact')).toBe(true);
  expect(events).toEqual(['confirmed']);
  call.bye();
});

it('14.2: a re-INVITE nobody takes gets 488, and one accepted but never acknowledged ends the session', async () => {
  const { session: call, ok } = await confirmed();
  peer.send(peer.request('INVITE', { ...toTag(ok), CSeq: '2 INVITE', Via: via('re2') }, 'v=0'));
  await clock.advance(10);
  expect(peer.news()).toEqual(['100 INVITE', '488 INVITE']);
  peer.send(peer.request('ACK', { ...toTag(ok), CSeq: '2 ACK', Via: via('re2') }));
  call.on('reinvite', ({ accept }) => accept('v=0'));
  peer.send(peer.request('INVITE', { ...toTag(ok), CSeq: '3 INVITE', Via: via('re3') }, 'v=0'));
  await clock.advance(33_000);
  expect(peer.news()).toContain('BYE');
  expect(events).toEqual(['confirmed', 'ended timeout']);
});

it('14.1: tries a re-INVITE again after 491, 0 to 2 s later, for the Call-ID is not ours', async () => {
  const { session: call } = await confirmed();
  for (let tries = 0; tries < 5; tries++) {
    const done = call.reinvite('v=0 two');
    await clock.advance(10);
    peer.news();
    const first = peer.lastRequest('INVITE');
    peer.respond(first, 491);
    await clock.advance(2);
    const refusedAt = clock.now();
    const again = () => peer.lastRequest('INVITE').headers.get('CSeq') !== first.headers.get('CSeq');
    expect(await clock.until(again)).toBe(true);
    expect(clock.now() - refusedAt).toBeLessThanOrEqual(2_001);
    peer.respond(peer.lastRequest('INVITE'), 200, {}, 'v=0');
    await clock.advance(10);
    expect([(await done).status, peer.news()]).toEqual([200, ['ACK', 'INVITE', 'ACK']]);
  }
  call.bye();
});

it('15.1.2: a pending re-INVITE gets 487 when BYE comes', async () => {
  const { session: call, ok } = await confirmed();
  call.on('reinvite', () => {});
  peer.send(peer.request('INVITE', { ...toTag(ok), CSeq: '2 INVITE', Via: via('re2') }, 'v=0'));
  await clock.advance(10);
  peer.send(peer.request('BYE', { ...toTag(ok), CSeq: '3 BYE', Via: via('bye3') }));
  await clock.advance(10);
  expect(peer.news()).toEqual(['100 INVITE', '200 BYE', '487 INVITE']);
});

it('12.1.1 and 12.2.1.1: copies Record-Route and sends its own requests along it', async () => {
  const route = '<sip:10.0.0.2:5070;lr>, <sip:far.example;lr>';
  const call = await invited({ 'Record-Route': route, Contact: '<sip:deep@192.0.2.9:5099>' });
  call.accept({ sdp: 'v=0' });
  await clock.advance(10);
  const ok = peer.lastResponse(200);
  expect(ok.headers.getAll('Record-Route')).toEqual(route.split(', '));
  peer.send(ackOf(ok));
  await clock.advance(10);
  call.bye();
  await clock.advance(10);
  const bye = peer.lastRequest('BYE');
  expect(bye.uri).toBe('sip:deep@192.0.2.9:5099');
  expect(bye.headers.getAll('Route')).toEqual(route.split(', '));
});

it('answers a sendRequest with its final response, and gives up the session on 481', async () => {
  const { session: call } = await confirmed();
  const info = call.sendRequest('INFO', { body: 'x', contentType: 'text/plain' });
  await clock.advance(10);
  expect(peer.lastRequest('INFO').headers.get('Content-Type')).toBe('text/plain');
  peer.respond(peer.lastRequest('INFO'), 200);
  expect((await settled(info)).status).toBe(200);
  const lost = call.sendRequest('INFO');
  await clock.advance(10);
  peer.respond(peer.lastRequest('INFO'), 481);
  expect((await settled(lost)).status).toBe(481);
  expect(events).toEqual(['confirmed', 'ended peer']);
  expect((await settled(call.sendRequest('INFO'))).status).toBe(481);
  expect((await settled(call.reinvite('v=0'))).status).toBe(481);
});

it('close() of the stack sends one BYE and tells the owner', async () => {
  await confirmed();
  await stack.close();
  await clock.advance(10);
  expect(peer.news()).toEqual(['BYE']);
  expect(events).toEqual(['confirmed', 'ended us']);
});

async function settled(promise: Promise<SipResponse>): Promise<SipResponse> {
  await clock.advance(10);
  return promise;
}

it('17.2: what comes again after the call is over is absorbed, answered as before, or not known any more', async () => {
  await confirmed();
  const ok = peer.lastResponse(200);
  const bye = peer.request('BYE', {
    Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKbye1',
    CSeq: '2 BYE',
    From: ok.headers.get('From') ?? '',
    To: ok.headers.get('To') ?? '',
    'Call-ID': ok.headers.get('Call-ID') ?? '',
  });
  peer.send(bye);
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 BYE']);
  const answer = peer.received.at(-1);
  peer.send(bye);
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 BYE']);
  expect(peer.received.at(-1)).toEqual(answer);
  await clock.advance(33_000);
  peer.send(bye);
  await clock.advance(10);
  expect(peer.news()).toEqual(['481 BYE']);
});
