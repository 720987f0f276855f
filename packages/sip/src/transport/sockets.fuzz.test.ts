import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { SipRequest } from '../message/index.ts';
import { ExecutionCount, fuzzBudget, fuzzTimeoutMs } from '../testing/budget.ts';
import { recordedMessages, tortureMessages } from '../testing/corpus.ts';
import { TestAuthority } from '../testing/index.ts';
import { type Mutation, mutate, mutation } from '../testing/mutate.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { DatagramHandlers, DatagramSocket, StreamSocket, TlsClientOptions } from './network.ts';
import { NodeNetwork } from './node-network.ts';
import type { Endpoint } from './types.ts';

const loopback = '127.0.0.1';
/** Nobody listens there. */
const nowhere = { host: loopback, port: 1 };

/** Messages may name any address of the world; what goes out stays on this machine. */
class LoopbackNetwork extends NodeNetwork {
  override async bindUdp(at: Endpoint, handlers: DatagramHandlers): Promise<DatagramSocket> {
    const socket = await super.bindUdp(at, handlers);
    const send: DatagramSocket['send'] = (bytes, to, failed) => {
      if (to.host === loopback) socket.send(bytes, to, failed);
      else queueMicrotask(() => failed(new Error('not on this machine')));
    };
    return { local: socket.local, send, close: () => socket.close() };
  }
  override connectTcp(to: Endpoint): StreamSocket {
    return super.connectTcp(to.host === loopback ? to : nowhere);
  }
  override connectTls(to: Endpoint, options: TlsClientOptions): StreamSocket {
    return super.connectTls(to.host === loopback ? to : nowhere, options);
  }
  override resolve(host: string): Promise<string> {
    return Promise.reject(new Error(`no such host: ${host}`));
  }
}

const tls = TestAuthority.available;
const transports = ['udp', 'tcp', 'ws', ...(tls ? ['tls' as const] : [])] as const;
let authority: TestAuthority | undefined;
let stack: SipStack;
let prober: SipStack;
let http: Server;
let webSockets: WebSocketServer;
let corpus: Uint8Array[];
const errors: unknown[] = [];

beforeAll(async () => {
  authority = tls ? await TestAuthority.create() : undefined;
  const pair = await authority?.issue('server', `IP:${loopback}`);
  corpus = [...(await recordedMessages()), ...tortureMessages()];
  const make = async (protocols: Array<'udp' | 'tcp' | 'tls'>) => {
    const made = new SipStack({
      userAgent: 'fuzzed',
      // Short, so that what was begun is over soon.
      timers: { t1: 20, t2: 40, t4: 20, timerD: 40, lostFlow: 100 },
      limits: { maxConnectionsPerAddress: 10_000, connectTimeoutMs: 2_000 },
      network: new LoopbackNetwork(),
      reliableProvisional: 'supported',
      sessionTimer: { expiresSeconds: 1_800, minSeconds: 90 },
      log: { debug() {}, warn() {}, error: (details) => void errors.push(details.error) },
      listeners: protocols.map((protocol) => ({ protocol, host: loopback, port: 0 })),
      ...(pair && authority ? { tls: { ...pair, ca: authority.ca } } : {}),
    });
    await made.start();
    return made;
  };
  stack = await make(['udp', 'tcp', ...(tls ? ['tls' as const] : [])]);
  prober = await make(['udp']);
  stack.on('invite', (session) => {
    session.on('confirmed', () => session.bye());
    session.on('reinvite', ({ accept }) => accept('v=0'));
    session.progress(180);
    session.accept({ sdp: 'v=0' });
  });
  http = createServer().listen(0, loopback);
  await once(http, 'listening');
  webSockets = new WebSocketServer({ server: http, handleProtocols: () => 'sip' });
  webSockets.on('connection', (socket, request) =>
    stack.attachWebSocket(socket, { host: loopback, port: request.socket.remotePort ?? 0 }),
  );
});

afterAll(async () => {
  count.report();
  await prober.close();
  await stack.close();
  for (const client of webSockets.clients) client.terminate();
  webSockets.close();
  await new Promise((resolve) => http.close(resolve));
  await authority?.remove();
});

const portOf = (protocol: string) => stack.addresses.find((one) => one.protocol === protocol)?.port ?? 0;

/** The messages as one stream, cut anywhere. */
function pieces(messages: readonly Uint8Array[], cuts: readonly number[]): Uint8Array[] {
  const all = Buffer.concat(messages);
  const places = cuts.map((cut) => cut % (all.length + 1)).sort((a, b) => a - b);
  return [0, ...places].map((from, index) => all.subarray(from, places[index] ?? all.length));
}

async function overUdp(messages: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket('udp4');
  const sent = messages.map(
    (bytes) => new Promise((resolve) => socket.send(bytes, portOf('udp'), loopback, resolve)),
  );
  await Promise.all(sent);
  socket.close();
}

async function overStream(socket: Socket, parts: readonly Uint8Array[]): Promise<void> {
  socket.setNoDelay(true);
  // A reset is one of the answers.
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const part of parts) {
    if (!socket.writable) break;
    await new Promise((resolve) => socket.write(part, resolve));
  }
  socket.end();
  // The server closes what the client has ended; if it held on to it, the test would say so.
  await closed;
}

async function overWebSocket(messages: readonly Uint8Array[]): Promise<void> {
  const socket = new WebSocket(`ws://${loopback}:${(http.address() as AddressInfo).port}/`, 'sip');
  socket.on('error', () => {});
  await once(socket, 'open');
  const closed = once(socket, 'close');
  for (const [index, bytes] of messages.entries()) {
    // Browsers send text, whatever is in it.
    if (socket.readyState === WebSocket.OPEN)
      socket.send(index % 2 === 0 ? Buffer.from(bytes).toString() : bytes);
  }
  socket.close();
  await closed;
}

const one = fc.record({
  transport: fc.constantFrom(...transports),
  messages: fc.array(fc.tuple(fc.nat(10_000), fc.array(mutation, { maxLength: 5 })), {
    minLength: 1,
    maxLength: 6,
  }),
  cuts: fc.array(fc.nat(10_000), { maxLength: 6 }),
});

const count = new ExecutionCount('messages over real sockets');

/** The stack still answers over UDP. */
async function alive(): Promise<void> {
  const target = { protocol: 'udp', host: loopback, port: portOf('udp') } as const;
  const answer = () => prober.request(new SipRequest('OPTIONS', `sip:${loopback}`), target);
  // A burst may have filled the socket: once more, then.
  const { status } = await answer().then((first) => (first.status === 408 ? answer() : first));
  expect(status).toBe(200);
}

it('RFC 4475 and our own messages, changed and cut, over UDP, TCP, TLS and WebSocket: the stack goes on, and forgets them', {
  timeout: fuzzTimeoutMs,
}, async () => {
  await fc.assert(
    fc.asyncProperty(one, async ({ transport, messages, cuts }) => {
      const bytes = messages.map(([index, mutations]) => {
        count.one();
        return mutate(corpus[index % corpus.length] as Uint8Array, mutations as Mutation[]);
      });
      if (transport === 'udp') await overUdp(bytes);
      else if (transport === 'ws') await overWebSocket(bytes);
      else if (transport === 'tcp')
        await overStream(connectTcp(portOf('tcp'), loopback), pieces(bytes, cuts));
      else {
        const secure = connectTls({ port: portOf('tls'), host: loopback, rejectUnauthorized: false });
        await once(secure, 'secureConnect');
        await overStream(secure, pieces(bytes, cuts));
      }
      await alive();
      expect(errors).toEqual([]);
      expect(stack.counters.listenerErrors).toBe(0);
    }),
    fuzzBudget(300),
  );
  // They get far enough to be told apart, or this says nothing.
  const { received, malformed, garbage, strayResponses } = stack.counters;
  for (const times of [received, malformed, garbage, strayResponses]) expect(times).toBeGreaterThan(0);
  await expect
    .poll(() => stack.stats(), { timeout: 30_000 })
    .toEqual({ serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 });
});
