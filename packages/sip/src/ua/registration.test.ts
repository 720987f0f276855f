import { afterEach, beforeEach, expect, it } from 'vitest';
import { computeHa1, DigestServer } from '../auth/index.ts';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { register } from './registration.ts';
import { SipStack } from './sip-stack.ts';

const at = { host: '10.0.0.2', port: 5070 };
let clock: VirtualClock;
let stack: SipStack;
let registrar: RawPeer;

beforeEach(async () => {
  clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  stack = new SipStack({
    userAgent: 'phone',
    clock,
    network: network.host('10.0.0.1'),
    listeners: [{ protocol: 'udp', host: '10.0.0.1', port: 5060 }],
  });
  await stack.start();
  registrar = await RawPeer.bind(network, at, { host: '10.0.0.1', port: 5060 });
});

afterEach(async () => {
  await clock.advance(40_000);
  expect(stack.stats()).toMatchObject({ clientTransactions: 0, timers: 0 });
  await stack.close();
  expect(clock.pending).toBe(0);
});

const target = { protocol: 'udp', ...at } as const;
const last = () => registrar.lastRequest('REGISTER');
async function grant(seconds: number): Promise<void> {
  registrar.respond(last(), 200, { Contact: `${last().headers.get('Contact')};expires=${seconds}` });
  await clock.advance(10);
}

it('10.2: registers, refreshes before the end with one Call-ID and rising CSeq, and removes its binding', async () => {
  let times = 0;
  const registration = register({
    stack,
    clock,
    target,
    address: 'sip:d1@home.example',
    registered: () => times++,
  });
  await clock.advance(10);
  expect(last().uri).toBe('sip:home.example');
  expect(last().headers.get('Contact')).toBe('<sip:d1@10.0.0.1:5060>');
  const callId = last().headers.get('Call-ID');
  await grant(100);
  expect(registration.state).toBe('registered');
  const registeredAt = clock.now();
  expect(await clock.until(() => registrar.news().length > 1, 99_000)).toBe(false);
  expect(clock.now() - registeredAt).toBeLessThan(99_000);
  expect(last().headers.get('Call-ID')).toBe(callId);
  expect(last().headers.get('CSeq')).toBe('2 REGISTER');
  await grant(100);
  const stopped = registration.stop();
  await clock.advance(10);
  expect(last().headers.get('Expires')).toBe('0');
  await grant(0);
  expect((await stopped)?.status).toBe(200);
  expect(await registration.stop()).toBeUndefined();
  expect([times, registration.state]).toEqual([2, 'stopped']);
});

it('answers a challenge each time, and asks for as long as the registrar wants at least', async () => {
  const digest = new DigestServer({
    realm: 'home',
    nonceLifetimeMs: 60_000,
    secret: 's',
    now: () => clock.now(),
  });
  const ha1 = {
    md5: computeHa1('MD5', 'd1', 'home', 'pw'),
    sha256: computeHa1('SHA-256', 'd1', 'home', 'pw'),
  };
  const credentials = { username: 'd1', password: 'pw' };
  const registration = register({
    stack,
    clock,
    target,
    address: 'sip:d1@home.example',
    credentials,
    expiresSeconds: 5,
  });
  await clock.advance(10);
  registrar.respond(last(), 423, { 'Min-Expires': '60' });
  await clock.advance(10);
  expect(last().headers.get('Expires')).toBe('60');
  registrar.respond(last(), 401, { 'WWW-Authenticate': digest.challenge()[0]! });
  await clock.advance(10);
  expect(digest.verify(last(), () => ha1).result).toBe('ok');
  await grant(60);
  expect(registration.state).toBe('registered');
  const stopped = registration.stop();
  await clock.advance(10);
  await grant(0);
  await stopped;
});

it('tries again, later and later, while the registrar refuses or is not there', async () => {
  const failures: number[] = [];
  const registration = register({
    stack,
    clock,
    target,
    address: 'sip:d1@home.example',
    failed: ({ status }) => failures.push(status),
  });
  await clock.advance(10);
  registrar.respond(last(), 403);
  await clock.advance(2_010);
  expect(last().headers.get('CSeq')).toBe('2 REGISTER');
  await clock.advance(32_000);
  expect(failures).toEqual([403, 408]);
  expect(registration.state).toBe('failed');
  await clock.advance(4_000);
  registrar.respond(last(), 503, { 'Retry-After': '10' });
  await clock.advance(9_900);
  const sequence = last().headers.get('CSeq');
  await clock.advance(200);
  expect(last().headers.get('CSeq')).not.toBe(sequence);
  await grant(60);
  expect(registration.state).toBe('registered');
  const stopped = registration.stop();
  await clock.advance(10);
  await grant(0);
  await stopped;
});
