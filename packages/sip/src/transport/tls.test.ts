import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { TestAuthority } from '../testing/index.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { TlsOptions } from './network.ts';
import { NodeNetwork } from './node-network.ts';
import type { StackLimits } from './types.ts';

const loopback = '127.0.0.1';
let authority: TestAuthority;
let stranger: TestAuthority;
let serverPair: { cert: string; key: string };
let clientPair: { cert: string; key: string };

const { available } = TestAuthority;
beforeEach(({ skip }) => skip(!available, 'no openssl on this machine'));
beforeAll(async () => {
  if (!available) return;
  authority = await TestAuthority.create();
  stranger = await TestAuthority.create();
  serverPair = await authority.issue('server', `IP:${loopback}`, 'DNS:sip.example');
  clientPair = await authority.issue('client', `IP:${loopback}`);
});
afterAll(() => Promise.all([authority?.remove(), stranger?.remove()]));

const open: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Knows two names. */
class NamedNetwork extends NodeNetwork {
  override resolve(): Promise<string> {
    return Promise.resolve(loopback);
  }
}

async function started(tls: TlsOptions, limits: Partial<StackLimits> = {}): Promise<SipStack> {
  const stack = new SipStack({
    userAgent: 'tls',
    timers: { t1: 100, t2: 400, t4: 100 },
    limits,
    tls,
    network: new NamedNetwork(),
    listeners: [{ protocol: 'tls', host: loopback, port: 0 }],
  });
  await stack.start();
  open.push(() => stack.close());
  return stack;
}

const server = (more?: Partial<TlsOptions>) => started({ ...serverPair, ca: authority.ca, ...more });
const client = (more?: Partial<TlsOptions>) => started({ ...clientPair, ca: authority.ca, ...more });
const targetOf = (stack: SipStack, host = loopback) =>
  ({ protocol: 'tls', host, port: stack.addresses[0]!.port }) as const;
const options = () => new SipRequest('OPTIONS', 'sip:a@sip.example');

async function secured(stack: SipStack, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const { port } = targetOf(stack);
  const socket = connect({ host: loopback, port, ca: authority.ca, ...more });
  open.push(async () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** That it closes, in good order or not. */
const closed = (socket: Socket) =>
  new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));

it('a call over one TLS connection, with TLS in Via and Contact', async () => {
  const [caller, callee] = [await client(), await server()];
  const ended = new Promise<string>((resolve) =>
    callee.on('invite', (session) => {
      session.on('ended', ({ by }) => resolve(by));
      session.accept({ sdp: 'v=0' });
      const { headers } = session.request;
      expect(headers.get('Via')).toMatch(/^SIP\/2.0\/TLS 127\.0\.0\.1:\d+;/);
      expect(headers.get('Contact')).toMatch(/^<sip:127\.0\.0\.1:\d+;transport=tls>$/);
      expect(session.flow.protocol).toBe('tls');
    }),
  );
  const request = new SipRequest('INVITE', 'sip:b@sip.example', { body: 'v=0' });
  const session = caller.invite({ request, target: targetOf(callee) });
  const answer = await new Promise<{ contact: string | undefined }>((resolve, reject) => {
    session.on('accepted', ({ headers }) => resolve({ contact: headers.get('Contact') }));
    session.on('rejected', ({ status }) => reject(new Error(`rejected ${status}`)));
  });
  expect(answer.contact).toMatch(/;transport=tls>$/);
  expect((await session.sendRequest('INFO')).status).toBe(200);
  session.bye();
  expect(await ended).toBe('peer');
  const more = await Promise.all([1, 2, 3].map(() => caller.request(options(), targetOf(callee))));
  expect(more.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect([caller.stats().flows, callee.stats().flows]).toEqual([1, 1]);
});

it('RFC 5630: a sips URI is answered with a sips Contact', async () => {
  const [caller, callee] = [await client(), await server()];
  callee.on('invite', (session) => session.accept({ sdp: 'v=0' }));
  const request = new SipRequest('INVITE', 'sips:b@sip.example', { body: 'v=0' });
  const session = caller.invite({ request, target: targetOf(callee) });
  const contact = await new Promise((resolve) =>
    session.on('accepted', ({ headers }) => resolve(headers.get('Contact'))),
  );
  expect([session.request.headers.get('Contact'), contact]).toEqual([
    expect.stringMatching(/^<sips:127\.0\.0\.1:\d+>$/),
    expect.stringMatching(/^<sips:127\.0\.0\.1:\d+>$/),
  ]);
  // The next request of the dialog goes to that address.
  expect((await session.sendRequest('INFO')).status).toBe(200);
  session.bye();
});

it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
  const stack = await server();
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await secured(stack, { minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
  }
  const old = secured(stack, {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  await expect(old).rejects.toMatchObject({ code: expect.stringMatching(/PROTOCOL_VERSION/) });
});

it('mutual TLS refuses whoever shows no certificate, or one of another authority', async () => {
  const stack = await server({ requireClientCertificate: true });
  const mute = await started({ ...(await stranger.issue('x', `IP:${loopback}`)), ca: authority.ca });
  expect((await mute.request(options(), targetOf(stack))).status).toBe(503);
  const bare = connect({ host: loopback, port: targetOf(stack).port, ca: authority.ca });
  await closed(bare);
  expect(stack.counters.received).toBe(0);
  await expect.poll(() => stack.stats().flows).toBe(0);
  expect((await (await client()).request(options(), targetOf(stack))).status).toBe(200);
});

it('sends nothing to a server whose certificate is of another authority or for another name', async () => {
  const stack = await server();
  const other = await started({ ...clientPair, ca: stranger.ca });
  expect((await other.request(options(), targetOf(stack))).status).toBe(503);
  const known = await client();
  expect((await known.request(options(), targetOf(stack, 'other.example'))).status).toBe(503);
  expect(stack.counters.received).toBe(0);
  expect((await known.request(options(), targetOf(stack, 'sip.example'))).status).toBe(200);
  // Checked for a name, it is not used for the address, nor the other way round.
  expect((await known.request(options(), targetOf(stack))).status).toBe(200);
  expect(known.stats().flows).toBe(2);
});

it('takes new certificates while it runs, keeps open connections, and refuses what is no certificate', async () => {
  const stack = await server();
  const before = await secured(stack);
  const renewed = await authority.issue('renewed', `IP:${loopback}`);
  expect(() => stack.setTlsCredentials({ cert: 'nonsense', key: renewed.key })).toThrow();
  expect((await secured(stack)).getPeerCertificate().subject.CN).toBe('server');
  stack.setTlsCredentials({ ...renewed, ca: authority.ca });
  expect((await secured(stack)).getPeerCertificate().subject.CN).toBe('renewed');
  before.write('\r\n\r\n');
  const [pong] = (await once(before, 'data')) as [Buffer];
  expect(pong.toString()).toBe('\r\n');
});

it('counts a connection that never finishes its handshake, and closes it in time', async () => {
  const stack = await started({ ...serverPair }, { connectTimeoutMs: 100, maxConnectionsPerAddress: 1 });
  const first = connectTcp(targetOf(stack).port, loopback);
  await once(first, 'connect');
  await expect.poll(() => stack.stats().flows).toBe(1);
  const second = connectTcp(targetOf(stack).port, loopback);
  await closed(second);
  expect(stack.counters.overload).toBe(1);
  await once(
    first.on('error', () => {}),
    'close',
  );
  await expect.poll(() => stack.stats().flows).toBe(0);
});

it('garbage instead of a handshake ends that connection alone', async () => {
  const stack = await server();
  const socket = connectTcp(targetOf(stack).port, loopback);
  socket.write('OPTIONS sip:a@b SIP/2.0\r\n\r\n');
  socket.resume();
  await closed(socket);
  await secured(stack);
  expect(stack.counters.received).toBe(0);
});

it('rejects with the TLS address that is taken, and without a readable certificate', async () => {
  const { port } = targetOf(await server());
  const listeners = [{ protocol: 'tls' as const, host: loopback, port }];
  const second = new SipStack({ userAgent: 'x', listeners, tls: serverPair });
  await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE', protocol: 'tls', port });
  const unreadable = new SipStack({ userAgent: 'x', listeners, tls: { cert: 'no', key: 'no' } });
  await expect(unreadable.start()).rejects.toThrow(/PEM/);
  const without = new SipStack({ userAgent: 'x', listeners });
  await expect(without.start()).rejects.toThrow('certificate');
});
