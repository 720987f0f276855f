import { afterEach, beforeEach, expect, it } from 'vitest';
import { computeHa1, DigestServer } from '../auth/index.ts';
import { SipRequest, type SipResponse } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { Credentials, UacSession } from './types.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
const at = { host: '10.0.0.2', port: 5070 };
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
    contactUser: 'us',
    network: network.host('10.0.0.1'),
    listeners: [{ protocol: 'udp', host: '10.0.0.1', port: 5060 }],
  });
  await stack.start();
  peer = await RawPeer.bind(network, at, { host: '10.0.0.1', port: 5060 });
  events = [];
});

afterEach(async () => {
  await clock.advance(200_000);
  expect(stack.stats()).toEqual(zero);
  expect(stack.counters.listenerErrors).toBe(0);
  await stack.close();
  expect(clock.pending).toBe(0);
});

async function call(options: { body?: string; credentials?: Credentials } = {}): Promise<UacSession> {
  const request = new SipRequest('INVITE', 'sip:bob@10.0.0.2:5070', {
    headers: [
      ['From', '<sip:us@here.example>'],
      ['To', '<sip:bob@there.example>'],
    ],
    body: options.body ?? 'v=0',
  });
  const { credentials } = options;
  const session = stack.invite({
    request,
    target: { protocol: 'udp', ...at },
    ...(credentials && { credentials }),
  });
  session.on('provisional', ({ status }) => events.push(String(status)));
  session.on('accepted', ({ status }) => events.push(`accepted ${status}`));
  session.on('rejected', ({ status }) => events.push(`rejected ${status}`));
  session.on('ended', ({ by }) => events.push(`ended ${by}`));
  await clock.advance(10);
  return session;
}

const tagged = (tag: string) => ({ To: `<sip:bob@there.example>${tag === '' ? '' : `;tag=${tag}`}` });
const answer = async (status: number, tag: string, more: Record<string, string> = {}) => {
  peer.respond(
    peer.lastRequest('INVITE'),
    status,
    { ...tagged(tag), ...more },
    status === 200 ? 'v=0 answer' : '',
  );
  await clock.advance(10);
};
async function settled(promise: Promise<SipResponse>): Promise<SipResponse> {
  await clock.advance(10);
  return promise;
}

it('8.1.1: fills in what the request needs', async () => {
  const session = await call();
  const { headers } = peer.lastRequest('INVITE');
  expect(headers.get('Via')).toMatch(/^SIP\/2\.0\/UDP 10\.0\.0\.1:5060;branch=z9hG4bK[a-z0-5]{20};rport$/);
  expect(headers.get('Max-Forwards')).toBe('70');
  expect(headers.get('From')).toMatch(/^<sip:us@here\.example>;tag=[a-z0-5]{12}$/);
  expect(headers.get('Call-ID')).toBe(session.callId);
  expect(headers.get('CSeq')).toBe('1 INVITE');
  expect(headers.get('Contact')).toBe('<sip:us@10.0.0.1:5060>');
  expect(headers.get('Content-Type')).toBe('application/sdp');
  await answer(404, 'a');
  expect(peer.news()).toEqual(['INVITE', 'ACK']);
  expect(events).toEqual(['rejected 404']);
});

it('rings, is answered, acknowledges each copy of the 200, and takes the BYE of the peer', async () => {
  const session = await call();
  await answer(100, '');
  expect(session.state).toBe('calling');
  await answer(180, 'a');
  expect(session.state).toBe('early');
  await answer(200, 'a');
  const ack = peer.lastRequest('ACK');
  expect(ack.headers.get('CSeq')).toBe('1 ACK');
  expect(ack.headers.get('Via')).not.toBe(peer.lastRequest('INVITE').headers.get('Via'));
  await answer(200, 'a');
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'ACK']);
  const bye = { CSeq: '9 BYE', 'Call-ID': session.callId, From: tagged('a').To };
  peer.send(peer.request('BYE', { ...bye, To: ack.headers.get('From')! }));
  await clock.advance(10);
  expect(peer.news()).toEqual(['200 BYE']);
  expect(events).toEqual(['180', 'accepted 200', 'ended peer']);
  // 13.2.2.4: even after the end a repeated 2xx is acknowledged.
  await answer(200, 'a');
  expect(peer.news()).toEqual(['ACK']);
});

it('9.1: CANCEL waits for a provisional response, and has the branch, From, To and CSeq number of the INVITE', async () => {
  const session = await call();
  session.cancel({ headers: [['Reason', 'SIP;cause=200;text="Call completed elsewhere"']] });
  session.cancel();
  await clock.advance(100);
  expect(peer.news()).toEqual(['INVITE']);
  await answer(100, '');
  expect(peer.news()).toEqual(['CANCEL']);
  const [invite, cancel] = [peer.lastRequest('INVITE'), peer.lastRequest('CANCEL')];
  for (const name of ['Via', 'From', 'To', 'Call-ID'])
    expect(cancel.headers.getAll(name)).toEqual(invite.headers.getAll(name));
  expect(cancel.headers.get('CSeq')).toBe('1 CANCEL');
  expect(cancel.headers.get('Reason')).toContain('cause=200');
  peer.respond(cancel, 200);
  await answer(487, 'a');
  expect(peer.news()).toEqual(['ACK']);
  expect(events).toEqual(['rejected 487']);
});

it('reports a 200 that crosses the CANCEL as accepted; the owner hangs up', async () => {
  const session = await call();
  session.on('accepted', () => session.bye());
  await answer(180, 'a');
  session.cancel();
  await clock.advance(10);
  peer.respond(peer.lastRequest('CANCEL'), 200);
  await answer(200, 'a');
  expect(peer.news()).toEqual(['INVITE', 'CANCEL', 'ACK', 'BYE']);
  peer.respond(peer.lastRequest('BYE'), 200);
  expect(events).toEqual(['180', 'accepted 200', 'ended us']);
});

it('9.1: gives up 64*T1 after a CANCEL that the peer ignores', async () => {
  const session = await call();
  await answer(180, 'a');
  session.cancel();
  await clock.advance(32_010);
  expect(events).toEqual(['180', 'rejected 487']);
  expect(session.state).toBe('terminated');
});

it('13.2.2.4: acknowledges and hangs up every other fork that answers, and keeps the first', async () => {
  const session = await call();
  await answer(180, 'a');
  await answer(183, 'b');
  expect(stack.stats().dialogs).toBe(2);
  await answer(200, 'b');
  expect(stack.stats().dialogs).toBe(1);
  await answer(200, 'a');
  await answer(200, 'c');
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'ACK', 'BYE', 'ACK', 'BYE']);
  const byes = peer.received.flatMap((message) =>
    message.kind === 'request' && message.method === 'BYE' ? [message.headers.get('To')] : [],
  );
  expect(byes).toEqual([tagged('a').To, tagged('c').To]);
  await answer(200, 'a');
  expect(peer.news()).toEqual(['ACK']);
  expect(events).toEqual(['180', '183', 'accepted 200']);
  expect(session.state).toBe('accepted');
  session.bye();
});

it('13.2.2.4: goes on doing so when the call is over: the same ACK again, another fork is hung up', async () => {
  const session = await call();
  await answer(200, 'a');
  const [ack] = peer.received.filter((message) => message.kind === 'request' && message.method === 'ACK');
  session.bye();
  await clock.advance(10);
  peer.respond(peer.lastRequest('BYE'), 200);
  await clock.advance(10);
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'BYE']);
  await answer(200, 'a');
  expect(peer.news()).toEqual(['ACK']);
  expect(peer.received.at(-1)).toEqual(ack);
  await answer(200, 'b');
  expect(peer.news()).toEqual(['ACK', 'BYE']);
  const bye = peer.lastRequest('BYE');
  expect(bye.headers.get('To')).toBe(tagged('b').To);
  expect(bye.headers.get('Reason')).toContain('cause=200');
  await answer(200, 'b');
  expect(peer.news()).toEqual(['ACK']);
  await answer(180, 'c');
  await answer(486, 'c');
  expect(peer.news()).toEqual([]);
  peer.respond(bye, 200);
  await clock.advance(32_000);
  await answer(200, 'a');
  expect(peer.news()).toEqual([]);
  expect(stack.counters.strayResponses).toBe(1);
});

it('13.2.2.4: after the end, too, a fork of a call that was given up hears why, and may ask who we are', async () => {
  const session = await call({ credentials: { username: 'us', password: 'secret' } });
  await answer(180, 'a');
  session.cancel({ headers: [['Reason', 'SIP;cause=487;text="given up"']] });
  await clock.advance(10);
  await answer(200, 'a');
  session.bye();
  await clock.advance(10);
  peer.respond(peer.lastRequest('BYE'), 200);
  peer.respond(peer.lastRequest('CANCEL'), 200);
  await answer(200, 'b');
  const bye = peer.lastRequest('BYE');
  expect([bye.headers.get('To'), bye.headers.get('Reason')]).toEqual([
    tagged('b').To,
    'SIP;cause=487;text="given up"',
  ]);
  const challenge = 'Digest realm="there.example", nonce="n", algorithm=MD5, qop="auth"';
  peer.respond(bye, 401, { 'WWW-Authenticate': challenge });
  await clock.advance(10);
  const again = peer.lastRequest('BYE');
  expect(again.headers.get('Authorization')).toContain('username="us"');
  expect(again.headers.get('CSeq')).toBe('3 BYE');
  peer.respond(again, 200);
});

it('17.1.1.2, timer D: a refusal that comes again is acknowledged again, by the same bytes', async () => {
  await call();
  await answer(486, 'a');
  const ack = peer.lastRequest('ACK');
  await answer(486, 'a');
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'ACK']);
  expect(peer.lastRequest('ACK')).toEqual(ack);
  await answer(200, 'a');
  expect(peer.news()).toEqual([]);
  await clock.advance(32_100);
  await answer(486, 'a');
  expect(peer.news()).toEqual([]);
});

it('17.1.1.2: retransmits, and after 64*T1 without an answer reports 408', async () => {
  await call();
  await clock.advance(32_000);
  expect(peer.times.map((time) => time - peer.times[0]!)).toEqual([
    0, 500, 1_500, 3_500, 7_500, 15_500, 31_500,
  ]);
  expect(events).toEqual(['rejected 408']);
});

it('reports 503 when the request cannot be sent, also to an address family without a listener', async () => {
  const request = new SipRequest('INVITE', 'sip:bob@[2001:db8::1]', { body: 'v=0' });
  const session = stack.invite({ request, target: { protocol: 'udp', host: '2001:db8::1', port: 5060 } });
  session.on('rejected', ({ status }) => events.push(`rejected ${status}`));
  const named = new SipRequest('INVITE', 'sip:bob@nowhere.example', { body: 'v=0' });
  const other = stack.invite({
    request: named,
    target: { protocol: 'udp', host: 'nowhere.example', port: 5060 },
  });
  other.on('rejected', ({ status }) => events.push(`rejected ${status}`));
  const tcp = stack.invite({
    request: new SipRequest('INVITE', 'sip:bob@10.0.0.9', { body: 'v=0' }),
    target: { protocol: 'tcp', host: '10.0.0.9', port: 5060 },
  });
  tcp.on('rejected', ({ status }) => events.push(`rejected ${status}`));
  await clock.advance(10);
  expect(events).toEqual(['rejected 503', 'rejected 503', 'rejected 503']);
});

it('resolves host names', async () => {
  network.name('there.example', at.host);
  const request = new SipRequest('INVITE', 'sip:bob@there.example', { body: 'v=0' });
  stack.invite({ request, target: { protocol: 'udp', host: 'there.example', port: at.port } });
  await clock.advance(10);
  expect(peer.news()).toEqual(['INVITE']);
  await answer(404, 'a');
});

it('22.2: answers a challenge once, with the next CSeq, a new branch and the same Call-ID', async () => {
  const digest = new DigestServer({
    realm: 'there',
    nonceLifetimeMs: 60_000,
    secret: 'shh',
    now: () => clock.now(),
  });
  const challenge = async () => {
    const [value] = digest.challenge();
    peer.respond(peer.lastRequest('INVITE'), 407, { ...tagged('a'), 'Proxy-Authenticate': value! });
    await clock.advance(10);
  };
  const session = await call({ credentials: { username: 'us', password: 'secret' } });
  const first = peer.lastRequest('INVITE');
  await challenge();
  const second = peer.lastRequest('INVITE');
  expect(second.headers.get('CSeq')).toBe('2 INVITE');
  expect(second.headers.get('Via')).not.toBe(first.headers.get('Via'));
  expect(second.headers.getAll('Via')).toHaveLength(1);
  expect(second.headers.get('Call-ID')).toBe(session.callId);
  const verdict = digest.verify(second, () => ({
    md5: computeHa1('MD5', 'us', 'there', 'secret'),
    sha256: computeHa1('SHA-256', 'us', 'there', 'secret'),
  }));
  expect(verdict.result).toBe('ok');
  await challenge();
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'INVITE', 'ACK']);
  expect(events).toEqual(['rejected 407']);
});

it('leaves a challenge to the owner when there are no credentials', async () => {
  await call();
  await answer(401, 'a', {
    'WWW-Authenticate': 'Digest realm="there", nonce="n", algorithm=MD5, qop="auth"',
  });
  expect(events).toEqual(['rejected 401']);
});

it('sends the answer in the ACK when the INVITE had no offer', async () => {
  const session = await call({ body: '' });
  await answer(200, 'a');
  expect(peer.news()).toEqual(['INVITE']);
  session.ack('v=0 ours');
  session.ack('v=0 again');
  await clock.advance(10);
  expect(peer.news()).toEqual(['ACK']);
  expect(Buffer.from(peer.lastRequest('ACK').body).toString()).toBe('v=0 ours');
  session.bye();
});

it('acknowledges without an answer when the owner hangs up instead', async () => {
  const session = await call({ body: '' });
  await answer(200, 'a');
  session.bye();
  await clock.advance(10);
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'BYE']);
});

it('14.1: tries a re-INVITE again after 491, and acknowledges its 200', async () => {
  const session = await call();
  await answer(200, 'a');
  peer.news();
  const done = session.reinvite('v=0 two');
  await clock.advance(10);
  await answer(491, 'a');
  const refusedAt = clock.now();
  expect(await clock.until(() => peer.lastRequest('INVITE').headers.get('CSeq') === '3 INVITE')).toBe(true);
  // The owner of the Call-ID waits 2.1 to 4 s.
  expect(clock.now() - refusedAt).toBeGreaterThanOrEqual(2_080);
  expect(clock.now() - refusedAt).toBeLessThanOrEqual(4_001);
  await answer(200, 'a', { Contact: '<sip:moved@10.0.0.2:5070>' });
  expect((await settled(done)).status).toBe(200);
  expect(peer.news()).toEqual(['INVITE', 'ACK', 'INVITE', 'ACK']);
  expect(peer.lastRequest('ACK').uri).toBe('sip:moved@10.0.0.2:5070');
  session.bye();
});

it("14.1: refuses the peer's re-INVITE with 491 while its own is pending", async () => {
  const session = await call();
  await answer(200, 'a');
  const ours = session.reinvite('v=0 two');
  const dialog = {
    'Call-ID': session.callId,
    From: tagged('a').To,
    To: peer.lastRequest('ACK').headers.get('From')!,
  };
  await clock.advance(10);
  peer.news();
  peer.send(peer.request('INVITE', { ...dialog, CSeq: '1 INVITE' }, 'v=0'));
  await clock.advance(10);
  expect(peer.news()).toEqual(['100 INVITE', '491 INVITE']);
  peer.send(peer.request('ACK', { ...dialog, CSeq: '1 ACK' }));
  await answer(200, 'a');
  expect((await settled(ours)).status).toBe(200);
  session.bye();
  await clock.advance(10);
});

it('settles a pending re-INVITE when the session ends, and leaves nothing of it', async () => {
  const session = await call();
  await answer(200, 'a');
  const pending = session.reinvite('v=0 two');
  const queued = session.reinvite('v=0 three');
  await clock.advance(10);
  await answer(100, 'a');
  session.bye();
  expect([(await settled(pending)).status, (await settled(queued)).status]).toEqual([481, 481]);
});

it('12.1.2: uses the Record-Route of the 2xx in reverse order, and a strict router as Request-URI', async () => {
  const session = await call();
  await answer(200, 'a', { 'Record-Route': '<sip:far.example;lr>, <sip:10.0.0.2:5070;lr>' });
  session.bye();
  await clock.advance(10);
  const bye = peer.lastRequest('BYE');
  expect(bye.headers.getAll('Route')).toEqual(['<sip:10.0.0.2:5070;lr>', '<sip:far.example;lr>']);
  expect(bye.uri).toBe('sip:raw@10.0.0.2:5070');
  const strict = await call();
  await answer(200, 's', { 'Record-Route': '<sip:far.example;lr>, <sip:10.0.0.2:5070>' });
  strict.bye();
  await clock.advance(10);
  const strictBye = peer.lastRequest('BYE');
  expect(strictBye.uri).toBe('sip:10.0.0.2:5070');
  expect(strictBye.headers.getAll('Route')).toEqual(['<sip:far.example;lr>', '<sip:raw@10.0.0.2:5070>']);
});

it('18.1.2: discards a response whose top Via is not ours, and one that matches nothing', async () => {
  const session = await call();
  const invite = peer.lastRequest('INVITE');
  const ours = invite.headers.get('Via')!;
  peer.respond(invite, 200, { Via: ours.replace('10.0.0.1', '10.9.9.9') });
  peer.respond(invite, 200, { Via: ours.replace('branch=z9hG4bK', 'branch=z9hG4bKno') });
  peer.respond(invite, 200, { CSeq: '1 OPTIONS' });
  await clock.advance(10);
  expect([session.state, stack.counters.strayResponses]).toEqual(['calling', 3]);
  await answer(404, 'a');
});

it('is misuse to hang up what was not answered', async () => {
  const session = await call();
  expect(() => session.bye()).toThrow(expect.objectContaining({ code: 'no-dialog' }));
  expect(() => session.reinvite('v=0')).toThrow(expect.objectContaining({ code: 'no-dialog' }));
  await answer(404, 'a');
  session.bye();
  session.cancel();
  expect(() =>
    stack.invite({
      request: new SipRequest('INVITE', 'sip:a@b', { headers: [['X', 'a\r\nb']] }),
      target: { protocol: 'udp', ...at },
    }),
  ).toThrow();
});

it('close() of the stack cancels what rings and tells the owner', async () => {
  await call();
  await answer(180, 'a');
  await stack.close();
  await clock.advance(10);
  expect(peer.news()).toEqual(['INVITE', 'CANCEL']);
  expect(events).toEqual(['180', 'rejected 503']);
});
