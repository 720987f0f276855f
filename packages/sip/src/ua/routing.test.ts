import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseVia, SipRequest } from '../message/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { UasSession } from './types.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
const at = { host: '10.0.0.2', port: 5070 };
let clock: VirtualClock;
let network: MemoryNetwork;
let stack: SipStack;
let peer: RawPeer;
let wanted: boolean;

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  wanted = true;
  stack = new SipStack({
    userAgent: 'test',
    clock,
    network: network.host('10.0.0.1'),
    listeners: [{ protocol: 'udp', host: '10.0.0.1', port: 5060 }],
    supported: ['path'],
    supportedIn: { MESSAGE: ['outbound'] },
    screen: () => wanted,
    limits: { maxServerTransactions: 50 },
  });
  await stack.start();
  peer = await RawPeer.bind(network, at, { host: '10.0.0.1', port: 5060 });
});

afterEach(async () => {
  await clock.advance(200_000);
  expect(stack.stats()).toEqual(zero);
  await stack.close();
  expect(clock.pending).toBe(0);
});

async function send(message: SipRequest | string): Promise<string[]> {
  peer.send(message);
  await clock.advance(10);
  return peer.news();
}

it.each([
  ['11.2: OPTIONS', 'OPTIONS', ['200 OPTIONS']],
  ['8.2.1: a method that is known', 'SUBSCRIBE', ['405 SUBSCRIBE']],
  ['8.2.1: a method that nobody knows', 'DANCE', ['501 DANCE']],
  ['an INVITE nobody listens for', 'INVITE', ['100 INVITE', '405 INVITE']],
])('answers what the owner does not take: %s', async (_title, method, expected) => {
  expect(await send(peer.request(method))).toEqual(expected);
  const last = peer.received.at(-1);
  expect(last?.headers.getAll('Allow')).toContain('INVITE');
  expect(last?.headers.get('To')).toMatch(/;tag=/);
  if (method === 'INVITE') await send(peer.request('ACK', { To: last?.headers.get('To') ?? '' }));
});

it('gives other requests to the owner, who may answer later, once, or not want them', async () => {
  stack.on('request', (incoming) => {
    if (incoming.request.method !== 'REGISTER') return false;
    clock.setTimeout(() => {
      incoming.respond(200, { headers: [['Contact', '<sip:x@y>;expires=60']] });
      incoming.respond(403);
    }, 1_000);
    return true;
  });
  expect(await send(peer.request('SUBSCRIBE'))).toEqual(['405 SUBSCRIBE']);
  const register = peer.request('REGISTER', { Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKreg' });
  expect(await send(register)).toEqual([]);
  expect(await send(register)).toEqual([]);
  await clock.advance(1_000);
  expect(await send(register)).toEqual(['200 REGISTER', '200 REGISTER']);
});

it('8.2.7: a stateless response leaves nothing behind, and a copy of the request gets the same one', async () => {
  let asked = 0;
  stack.on('request', (incoming) => {
    asked++;
    incoming.respond(401, { stateless: true });
    incoming.respond(200);
    expect(incoming.answered).toBe(true);
  });
  const register = peer.request('REGISTER');
  for (let copy = 1; copy <= 2; copy++) {
    expect(await send(register)).toEqual(['401 REGISTER']);
    expect([asked, stack.stats().serverTransactions, stack.stats().timers]).toEqual([copy, 0, 0]);
  }
  const tags = peer.received.map((response) => response.headers.get('To'));
  expect(tags[0]).toMatch(/;tag=\w{12}$/);
  expect(tags[1]).toBe(tags[0]);
});

it('RFC 4320: forgets a request that the owner never answers', async () => {
  let late: (() => void) | undefined;
  stack.on('request', (incoming) => {
    late = () => incoming.respond(200);
  });
  await send(peer.request('MESSAGE'));
  expect(stack.stats().serverTransactions).toBe(1);
  await clock.advance(32_000);
  expect(stack.stats()).toEqual(zero);
  late?.();
  await clock.advance(10);
  expect(peer.news()).toEqual([]);
});

it('answers 500 when a listener throws, and goes on', async () => {
  stack.on('request', () => {
    throw new Error('ours');
  });
  stack.on('invite', () => {
    throw new Error('ours');
  });
  expect(await send(peer.request('MESSAGE'))).toEqual(['500 MESSAGE']);
  const invite = { Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKi', 'Call-ID': 'other' };
  expect(await send(peer.request('INVITE', invite, 'v=0'))).toEqual(['100 INVITE', '500 INVITE']);
  await send(peer.request('ACK', { ...invite, To: peer.lastResponse(500).headers.get('To')! }));
  expect(stack.counters.listenerErrors).toBe(2);
});

it('8.2.2.2: the same request by another way gets 482', async () => {
  let session: UasSession | undefined;
  stack.on('invite', (incoming) => {
    session = incoming;
  });
  await send(peer.request('INVITE', {}, 'v=0'));
  const copy = { Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKotherway' };
  expect(await send(peer.request('INVITE', copy, 'v=0'))).toEqual(['482 INVITE']);
  session?.reject(480);
  await clock.advance(10);
  peer.news();
});

it('8.2.2.3: refuses extensions it does not know, and only those', async () => {
  expect(await send(peer.request('OPTIONS', { Require: 'path, 100rel' }))).toEqual(['420 OPTIONS']);
  expect(peer.lastResponse(420).headers.getAll('Unsupported')).toEqual(['100rel']);
  const via = { Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKpath', CSeq: '2 OPTIONS' };
  expect(await send(peer.request('OPTIONS', { ...via, Require: 'path' }))).toEqual(['200 OPTIONS']);
  const again = (n: number) => ({ Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKm${n}` });
  const outbound = (n: number, method: string) =>
    send(peer.request(method, { ...again(n), CSeq: `${n} ${method}`, Require: 'outbound' }));
  expect(await outbound(3, 'MESSAGE')).toEqual(['405 MESSAGE']);
  expect(await outbound(4, 'OPTIONS')).toEqual(['420 OPTIONS']);
});

it('8.2.3: refuses a body it cannot read with 415, but finds SDP in a multipart one', async () => {
  let offer: string | undefined;
  stack.on('invite', (session) => {
    offer = session.offer;
    session.reject(480);
  });
  expect(await send(peer.request('INVITE', { 'Content-Type': 'application/isup' }, 'x'))).toEqual([
    '100 INVITE',
    '415 INVITE',
  ]);
  const mixed =
    '--b1\r\nContent-Type: application/isup\r\n\r\nxx\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n--b1--\r\n';
  const headers = {
    'Content-Type': 'multipart/mixed;boundary=b1',
    Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKmixed',
    'Call-ID': 'mixed',
  };
  expect(await send(peer.request('INVITE', headers, mixed))).toEqual(['100 INVITE', '480 INVITE']);
  expect(offer).toBe('v=0\r\ns=-\r\n');
});

it('9.2: a CANCEL that matches nothing gets 481', async () => {
  expect(await send(peer.request('CANCEL'))).toEqual(['481 CANCEL']);
});

it('is silent to whom the owner does not want, whatever they send', async () => {
  wanted = false;
  const invite = peer.request('INVITE', {}, 'v=0');
  expect(await send(invite)).toEqual([]);
  for (const method of ['OPTIONS', 'REGISTER', 'CANCEL', 'DANCE', 'ACK'])
    expect(await send(peer.request(method))).toEqual([]);
  expect(await send(peer.request('BYE', { To: '<sip:x@y>;tag=guess' }))).toEqual([]);
  expect(await send(peer.request('OPTIONS', { Require: '100rel' }))).toEqual([]);
  expect(await send(peer.request('OPTIONS', { CSeq: '1 INVITE' }))).toEqual([]);
  expect(await send('OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5070\r\nbad\r\n\r\n')).toEqual([]);
  expect(stack.stats()).toEqual(zero);
});

it('answers a wrong request with 400 when it can be answered, never an ACK, and absorbs garbage', async () => {
  expect(await send(peer.request('OPTIONS', { CSeq: '1 MESSAGE' }))).toEqual(['400 MESSAGE']);
  expect(await send(peer.request('OPTIONS', { 'Max-Forwards': '300' }))).toEqual(['400 OPTIONS']);
  expect(await send(peer.request('ACK', { 'Max-Forwards': '300' }))).toEqual([]);
  expect(await send(peer.request('OPTIONS', { To: '' }))).toEqual([]);
  const malformed = stack.counters.malformed;
  const truncated = Buffer.from(
    'INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKt\r\nFrom: <sip:',
  );
  for (const junk of [
    truncated.toString(),
    '\0\0\0\0',
    '\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '{"a":1}',
    '\xff\xfe',
  ])
    expect(await send(junk)).toEqual([]);
  expect(await send('SIP/2.0 200 OK\r\nVia: nonsense\r\n\r\n')).toEqual([]);
  expect(stack.counters.malformed + stack.counters.garbage).toBeGreaterThanOrEqual(malformed + 4);
  expect(stack.counters.listenerErrors).toBe(0);
});

it('18.2.1 and RFC 3581: writes received and rport, and answers where the request came from', async () => {
  const natted = 'SIP/2.0/UDP 192.168.1.9:5062;branch=z9hG4bKnat;rport';
  expect(await send(peer.request('OPTIONS', { Via: natted }))).toEqual(['200 OPTIONS']);
  const via = parseVia(peer.lastResponse(200).headers.get('Via')!);
  expect([via?.params.get('received'), via?.params.get('rport'), via?.host]).toEqual([
    '10.0.0.2',
    '5070',
    '192.168.1.9',
  ]);
});

it('18.2.2: without rport the answer goes to the port of the Via', async () => {
  const other = await RawPeer.bind(network, { host: at.host, port: 5099 }, peer.to);
  expect(await send(peer.request('OPTIONS', { Via: 'SIP/2.0/UDP 10.0.0.2:5099;branch=z9hG4bKp' }))).toEqual(
    [],
  );
  expect(other.news()).toEqual(['200 OPTIONS']);
  // A `received` that the peer made up does not send the answer elsewhere.
  const lying = 'SIP/2.0/UDP 10.0.0.2:5099;received=10.0.0.7;branch=z9hG4bKq';
  expect(await send(peer.request('OPTIONS', { Via: lying, CSeq: '2 OPTIONS' }))).toEqual([]);
  expect(other.news()).toEqual(['200 OPTIONS']);
  await other.close();
});

it('17.2.3: matches requests of RFC 2543 by their headers, and the ACK by the To tag too', async () => {
  stack.on('invite', (session) => session.reject(486));
  const old = { Via: 'SIP/2.0/UDP 10.0.0.2:5070', From: '<sip:raw@raw.example>' };
  expect(await send(peer.request('INVITE', old, 'v=0'))).toEqual(['100 INVITE', '486 INVITE']);
  expect(await send(peer.request('INVITE', old, 'v=0'))).toEqual(['486 INVITE']);
  await send(peer.request('ACK', { ...old, To: '<sip:service@10.0.0.1>;tag=wrong' }));
  await clock.advance(500);
  expect(peer.news()).toEqual(['486 INVITE']);
  await send(peer.request('ACK', { ...old, To: peer.lastResponse(486).headers.get('To')! }));
  await clock.advance(10_000);
  expect(peer.news()).toEqual([]);
});

it('refuses new requests with 503 at its limit', async () => {
  stack.on('request', () => true);
  for (let n = 0; n < 50; n++)
    await send(
      peer.request('MESSAGE', { Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKm${n}`, CSeq: `${n} MESSAGE` }),
    );
  const more = { Via: 'SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKmore', CSeq: '99 MESSAGE' };
  expect(await send(peer.request('MESSAGE', more))).toEqual(['503 MESSAGE']);
  expect(stack.stats().serverTransactions).toBe(50);
});

it('sends requests outside dialogs: real answers, 408 and provisional ones', async () => {
  const provisional: number[] = [];
  const target = { protocol: 'udp', ...at } as const;
  const request = new SipRequest('OPTIONS', 'sip:raw@10.0.0.2:5070');
  const asked = stack.request(request, target, { provisional: ({ status }) => provisional.push(status) });
  await clock.advance(10);
  peer.respond(peer.lastRequest('OPTIONS'), 100);
  peer.respond(peer.lastRequest('OPTIONS'), 200);
  await clock.advance(10);
  expect([(await asked).status, provisional]).toEqual([200, [100]]);
  const lost = stack.request(new SipRequest('OPTIONS', 'sip:raw@10.0.0.2:5070'), target);
  await clock.advance(33_000);
  expect((await lost).status).toBe(408);
  await expect(stack.request(new SipRequest('ACK', 'sip:a@b'), target)).rejects.toMatchObject({
    code: 'bad-message',
  });
  await expect(
    stack.request(new SipRequest('OPTIONS', 'sip:a@b', { headers: [['X', '\r\n']] }), target),
  ).rejects.toThrow();
});
