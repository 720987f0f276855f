import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { SipRequest, serializeMessage } from '../message/index.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { UacSession } from '../ua/types.ts';
import type { Flow, Target } from './types.ts';

const open: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Short, but not so short that a loaded machine misses 64*T1. */
const timers = { t1: 100, t2: 400, t4: 100, timerD: 200 };
const loopback = '127.0.0.1';

async function started(port = 0): Promise<SipStack> {
  const stack = new SipStack({
    userAgent: 'real',
    timers,
    listeners: [
      { protocol: 'udp', host: loopback, port },
      { protocol: 'tcp', host: loopback, port },
    ],
  });
  await stack.start();
  open.push(() => stack.close());
  return stack;
}

const portOf = (stack: SipStack, protocol: 'udp' | 'tcp') =>
  stack.addresses.find((address) => address.protocol === protocol)!.port;

/** A whole call, both owners' events awaited. */
async function wholeCall(caller: SipStack, callee: SipStack, target: Target): Promise<void> {
  const seen: string[] = [];
  const calleeEnded = new Promise<void>((resolve) => {
    callee.on('invite', (session) => {
      session.on('confirmed', () => seen.push('confirmed'));
      session.on('ended', ({ by }) => {
        seen.push(`callee: ${by}`);
        resolve();
      });
      session.on('reinvite', ({ accept }) => accept('v=0 changed'));
      session.progress(180);
      session.accept({ sdp: `v=0 to ${session.offer}` });
    });
  });
  const session = caller.invite({
    request: new SipRequest('INVITE', 'sip:bob@127.0.0.1', { body: 'v=0 a' }),
    target,
  });
  const answer = await acceptedOf(session);
  expect(Buffer.from(answer.body).toString()).toBe('v=0 to v=0 a');
  const changed = await session.reinvite('v=0 b');
  expect([changed.status, Buffer.from(changed.body).toString()]).toEqual([200, 'v=0 changed']);
  expect((await session.sendRequest('INFO')).status).toBe(200);
  session.bye();
  await calleeEnded;
  expect(seen).toEqual(['confirmed', 'callee: peer']);
  // That the transactions run out is shown on virtual time; here the dialogs count.
  expect([caller.stats().dialogs, callee.stats().dialogs]).toEqual([0, 0]);
}

function acceptedOf(session: UacSession) {
  return new Promise<Parameters<Parameters<typeof session.on<'accepted'>>[1]>[0]>((resolve, reject) => {
    session.on('accepted', resolve);
    session.on('rejected', ({ status }) => reject(new Error(`rejected ${status}`)));
  });
}

it.each(['udp', 'tcp'] as const)(
  'a call over %s',
  async (protocol) => {
    const [caller, callee] = [await started(), await started()];
    await wholeCall(caller, callee, { protocol, host: loopback, port: portOf(callee, protocol) });
  },
  15_000,
);

it('a call over WebSocket, both ways, to a socket of `ws`', async () => {
  const [caller, callee] = [await started(), await started()];
  const http = createServer().listen(0, loopback);
  await once(http, 'listening');
  open.push(() => new Promise((resolve) => http.close(resolve)));
  const server = new WebSocketServer({ server: http, handleProtocols: () => 'sip' });
  open.push(() => new Promise((resolve) => server.close(resolve)));
  const attached = new Promise<Flow>((resolve) =>
    server.on('connection', (socket, request) =>
      resolve(callee.attachWebSocket(socket, { host: loopback, port: request.socket.remotePort ?? 0 })),
    ),
  );
  const { port } = http.address() as AddressInfo;
  const socket = new WebSocket(`ws://${loopback}:${port}/sip`, 'sip');
  await once(socket, 'open');
  const flow = caller.attachWebSocket(socket, { host: loopback, port });
  await wholeCall(caller, callee, { flow });
  const back = await attached;
  await wholeCall(callee, caller, { flow: back });
  expect(await back.ping?.(1_000)).toBe(true);
  const closed = new Promise<void>((resolve) => back.onClose(resolve));
  flow.close();
  await closed;
  await expect.poll(() => [caller.stats().flows, callee.stats().flows]).toEqual([0, 0]);
}, 20_000);

it('rejects with the address that is taken, for UDP and TCP, and leaves nothing open', async () => {
  const first = await started();
  const port = portOf(first, 'udp');
  for (const protocol of ['udp', 'tcp'] as const) {
    const taken = portOf(first, protocol);
    const second = new SipStack({ userAgent: 'x', listeners: [{ protocol, host: loopback, port: taken }] });
    await expect(second.start()).rejects.toMatchObject({
      name: 'ListenError',
      code: 'EADDRINUSE',
      protocol,
      host: loopback,
      port: taken,
    });
  }
  await first.close();
  const again = await started(port);
  expect(portOf(again, 'udp')).toBe(port);
});

it('takes one port number for UDP and TCP when the system chooses it', async () => {
  const stack = await started();
  expect(portOf(stack, 'tcp')).toBe(portOf(stack, 'udp'));
});

it('reports a TCP connection that is refused as 503 at once', async () => {
  const probe = createServer().listen(0, loopback);
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const stack = await started();
  const response = await stack.request(new SipRequest('OPTIONS', 'sip:a@b'), {
    protocol: 'tcp',
    host: loopback,
    port,
  });
  expect(response.status).toBe(503);
  expect(stack.stats().flows).toBe(0);
});

it('absorbs garbage on UDP and goes on', async () => {
  const stack = await started();
  const socket = createSocket('udp4');
  open.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  const junk = [
    Buffer.alloc(0),
    Buffer.alloc(2_000, 0xff),
    Buffer.from('INVITE'),
    Buffer.from('SIP/2.0 200\r\n\r\n'),
    Buffer.alloc(60_000, 65),
  ];
  for (const bytes of junk) socket.send(bytes, portOf(stack, 'udp'), loopback);
  await expect.poll(() => stack.counters.garbage + stack.counters.malformed).toBeGreaterThanOrEqual(4);
  const other = await started();
  const target = { protocol: 'udp', host: loopback, port: portOf(stack, 'udp') } as const;
  expect((await other.request(new SipRequest('OPTIONS', 'sip:a@b'), target)).status).toBe(200);
  expect(stack.counters.listenerErrors).toBe(0);
});

it('TCP: takes a request byte by byte, answers CRLF keep-alives, and closes on what cannot be framed', async () => {
  const stack = await started();
  const socket = connect(portOf(stack, 'tcp'), loopback);
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  const request = new SipRequest('OPTIONS', 'sip:a@b', {
    headers: [
      ['Via', 'SIP/2.0/TCP client.invalid;branch=z9hG4bKtcp'],
      ['Max-Forwards', '70'],
      ['From', '<sip:a@b>;tag=1'],
      ['To', '<sip:a@b>'],
      ['Call-ID', 'tcp'],
      ['CSeq', '1 OPTIONS'],
    ],
  });
  socket.setNoDelay(true);
  for (const byte of serializeMessage(request)) socket.write(Uint8Array.of(byte));
  await expect.poll(() => text).toContain('SIP/2.0 200 OK');
  expect(text).toContain('received=127.0.0.1');
  text = '';
  socket.write('\r\n\r\n');
  await expect.poll(() => text).toBe('\r\n');
  const ended = once(socket, 'close');
  socket.write('INVITE sip:a@b SIP/2.0\r\nContent-Length: many\r\n\r\n');
  await ended;
  await expect.poll(() => stack.stats().flows).toBe(0);
});

it('TCP: closes a peer that sends headers without end, before it holds much of them', async () => {
  const stack = await started();
  const socket = connect(portOf(stack, 'tcp'), loopback);
  await once(socket, 'connect');
  socket.on('error', () => {});
  // It may learn so by a reset: what it goes on sending is not read.
  const ended = new Promise((resolve) => socket.once('close', resolve));
  const chunk = Buffer.from(`X-Long: ${'a'.repeat(4_000)}\r\n`);
  socket.write('OPTIONS sip:a@b SIP/2.0\r\n');
  let sent = 0;
  const pump = () => {
    while (!socket.destroyed && sent < 10_000_000) {
      sent += chunk.length;
      if (!socket.write(chunk)) {
        socket.once('drain', pump);
        return;
      }
    }
  };
  pump();
  socket.resume();
  await ended;
  expect(stack.counters.malformed + stack.counters.garbage).toBe(1);
  await expect.poll(() => stack.stats().flows).toBe(0);
}, 15_000);

it('a stack that is closed while it starts listens nowhere, and starts once', async () => {
  const at = { host: loopback, port: 0 };
  const listeners = [
    { protocol: 'udp' as const, ...at },
    { protocol: 'tcp' as const, ...at },
  ];
  const stack = new SipStack({ userAgent: 'test', listeners });
  const starting = stack.start();
  await expect(stack.start()).rejects.toMatchObject({ code: 'not-started' });
  await stack.close();
  await expect(starting).rejects.toMatchObject({ code: 'not-started' });
  expect(stack.addresses).toEqual([]);
});

it('leaves nothing of a request that is to be answered on port 0, where nothing can be sent', async () => {
  const stack = await started();
  const answered = new Promise<void>((resolve) =>
    stack.on('request', (incoming) => {
      incoming.respond(401);
      resolve();
    }),
  );
  const stranger = createSocket('udp4').bind(0, loopback);
  open.push(() => new Promise<void>((resolve) => stranger.close(() => resolve())));
  await once(stranger, 'listening');
  const register = new SipRequest('REGISTER', 'sip:127.0.0.1', {
    headers: {
      Via: 'SIP/2.0/UDP 127.0.0.1:0;branch=z9hG4bKzero',
      From: '<sip:a@127.0.0.1>;tag=a',
      To: '<sip:a@127.0.0.1>',
      'Call-ID': 'zero',
      CSeq: '1 REGISTER',
    },
  });
  stranger.send(serializeMessage(register), portOf(stack, 'udp'), loopback);
  await answered;
  await expect.poll(() => stack.stats()).toMatchObject({ serverTransactions: 0, timers: 0 });
  expect(stack.counters).toMatchObject({ listenerErrors: 0, transportErrors: 1 });
});
