import { afterEach, beforeEach, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { MemoryNetwork, VirtualClock } from '../testing/index.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { StreamSocket } from './network.ts';
import type { Flow, StackLimits } from './types.ts';

let clock: VirtualClock;
let network: MemoryNetwork;
const stacks: SipStack[] = [];

beforeEach(() => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
});

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.close();
  await clock.advance(2_000);
  expect(clock.pending).toBe(0);
});

async function stackAt(ip: string, limits: Partial<StackLimits> = {}): Promise<SipStack> {
  const listeners = (['tcp', 'tls'] as const).map((protocol) => ({
    protocol,
    host: ip,
    port: protocol === 'tcp' ? 5060 : 5061,
  }));
  const tls = { cert: '', key: '' };
  const stack = new SipStack({ userAgent: ip, clock, network: network.host(ip), listeners, limits, tls });
  await stack.start();
  stacks.push(stack);
  return stack;
}

/** A connection between two stacks, and its end at the one that was called. */
async function connected(from: SipStack, to: SipStack, protocol: 'tcp' | 'tls'): Promise<Flow> {
  const came = new Promise<Flow>((resolve) =>
    to.on('request', ({ flow }) => {
      resolve(flow);
      return false;
    }),
  );
  const target = { protocol, host: '10.0.0.1', port: protocol === 'tcp' ? 5060 : 5061 } as const;
  const asked = from.request(new SipRequest('OPTIONS', 'sip:x@10.0.0.1'), target);
  await clock.advance(100);
  expect((await asked).status).toBe(200);
  return came;
}

/** A TCP peer that only writes down what it gets. */
function rawPeer(): { socket: StreamSocket; got: string[]; closes: () => number } {
  const socket = network.host('10.0.0.3').connectTcp({ host: '10.0.0.1', port: 5060 });
  const got: string[] = [];
  let closes = 0;
  socket.handle({
    open() {},
    data: (bytes) => got.push(Buffer.from(bytes).toString()),
    close: () => closes++,
  });
  return { socket, got, closes: () => closes };
}

it.each(['tcp', 'tls'] as const)(
  'RFC 5626 4.4.1: a %s peer that answered keep-alives and vanishes is found within 60 s, by both sides',
  async (protocol) => {
    const [server, phone] = [await stackAt('10.0.0.1'), await stackAt('10.0.0.2')];
    const flow = await connected(phone, server, protocol);
    const stop = flow.onClose(() => {});
    await clock.advance(100_000);
    expect([server.stats().flows, phone.stats().flows]).toEqual([1, 1]);
    network.cut('10.0.0.2');
    await clock.advance(45_000);
    expect([server.stats().flows, phone.stats().flows]).toEqual([0, 0]);
    stop();
  },
);

it('keep-alives of neither side keep a connection that carries no message, unless somebody watches it', async () => {
  const [server, phone] = [await stackAt('10.0.0.1'), await stackAt('10.0.0.2')];
  const flow = await connected(phone, server, 'tcp');
  const stop = flow.onClose(() => {});
  await clock.advance(1_300_000);
  expect(server.stats().flows).toBe(0);
  // The phone, where nobody watched, closed it: not for want of answers, but ten minutes after the last message.
  stop();
  const again = await connected(phone, server, 'tcp');
  await clock.advance(590_000);
  expect(again.closed).toBe(false);
  await clock.advance(70_000);
  expect(again.closed).toBe(true);
});

it('each of many pings is answered once, and no answer is taken for half of a ping', async () => {
  const [server, phone] = [await stackAt('10.0.0.1'), await stackAt('10.0.0.2')];
  const flow = await connected(phone, server, 'tcp');
  for (let times = 0; times < 5; times++) {
    const alive = flow.ping!(1_000);
    await clock.advance(100);
    expect(await alive).toBe(true);
  }
  const { socket, got } = rawPeer();
  for (let seconds = 0; seconds < 120; seconds++) {
    await clock.advance(1_000);
    // Answers what is a ping, and nothing else.
    if (got.splice(0).join('') === '\r\n\r\n') socket.write(Buffer.from('\r\n'));
  }
  expect(got).toEqual([]);
});

it('asks a peer that never answers once, and does not take it for dead', async () => {
  const server = await stackAt('10.0.0.1');
  const { got, closes } = rawPeer();
  await clock.advance(38_000);
  expect(got).toEqual([]);
  await clock.advance(300_000);
  expect([got.join(''), closes()]).toEqual(['\r\n\r\n', 0]);
  expect(server.stats().flows).toBe(1);
});

it('whatever comes in after the question is a sign of life', async () => {
  const server = await stackAt('10.0.0.1', { messageTimeoutMs: 1_000_000 });
  const { socket, got } = rawPeer();
  await clock.advance(45_000);
  expect(got.join('')).toBe('\r\n\r\n');
  socket.write(Buffer.from('\r\n'));
  for (let seconds = 0; seconds < 200; seconds += 25) {
    await clock.advance(25_000);
    // Half a message.
    socket.write(Buffer.from(seconds === 0 ? 'OPTIONS sip:a@b SIP/2.0\r\n' : `X-${seconds}: 1\r\n`));
  }
  expect(server.stats().flows).toBe(1);
  await clock.advance(50_000);
  expect(server.stats().flows).toBe(0);
});

it('answers a double CRLF, whole or in halves, with one CRLF', async () => {
  await stackAt('10.0.0.1');
  const { socket, got } = rawPeer();
  socket.write(Buffer.from('\r\n\r\n'));
  await clock.advance(1_000);
  expect(got.join('')).toBe('\r\n');
  socket.write(Buffer.from('\r\n'));
  await clock.advance(1_000);
  socket.write(Buffer.from('\r\n'));
  await clock.advance(1_000);
  expect(got.join('')).toBe('\r\n\r\n');
});
