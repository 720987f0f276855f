import { afterEach, beforeEach, expect, it } from 'vitest';
import { SipRequest, serializeMessage } from '../message/index.ts';
import { MemoryNetwork, VirtualClock } from '../testing/index.ts';
import type { Flow } from '../transport/types.ts';
import { SipStack } from './sip-stack.ts';
import type { UacSession, UasSession } from './types.ts';

let clock: VirtualClock;
let network: MemoryNetwork;
let server: SipStack;
let phone: SipStack;
let events: string[];

async function stackAt(ip: string): Promise<SipStack> {
  const stack = new SipStack({
    userAgent: ip,
    clock,
    network: network.host(ip),
    listeners: [
      { protocol: 'udp', host: ip, port: 5060 },
      { protocol: 'tcp', host: ip, port: 5060 },
    ],
    limits: { idleConnectionMs: 60_000 },
  });
  await stack.start();
  return stack;
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  server = await stackAt('10.0.0.1');
  phone = await stackAt('10.0.0.2');
  events = [];
});

afterEach(async () => {
  await clock.advance(100_000);
  for (const stack of [server, phone]) {
    expect(stack.stats()).toMatchObject({
      serverTransactions: 0,
      clientTransactions: 0,
      dialogs: 0,
      timers: 0,
    });
    await stack.close();
  }
  await clock.advance(2_000);
  expect(clock.pending).toBe(0);
});

function webSocket(): { toPhone: Flow; toServer: Flow } {
  const pair = network.webSocket('10.0.0.2', '10.0.0.1');
  return {
    toPhone: server.attachWebSocket(pair.server, { host: '10.0.0.2', port: 4000 }),
    toServer: phone.attachWebSocket(pair.client, { host: '10.0.0.1', port: 80 }),
  };
}

it.each([
  ['WS', false],
  ['WSS', true],
])(
  'writes %s into Via and transport=ws into Contact (RFC 7118 sections 5.2.1, 5.2.2)',
  async (transport, secure) => {
    const pair = network.webSocket('10.0.0.2', '10.0.0.1');
    const seen: string[] = [];
    pair.client.on('message', (data: Buffer) => seen.push(data.toString()));
    const flow = server.attachWebSocket(pair.server, { host: '10.0.0.2', port: 4000 }, { secure });
    invite(flow);
    await clock.advance(1_000);
    expect(seen[0]).toContain(`Via: SIP/2.0/${transport} 10.0.0.1:5060;branch=z9hG4bK`);
    expect(seen[0]).toMatch(/^Contact: <sip:10\.0\.0\.1:5060;transport=ws>\r$/m);
    flow.close();
  },
);

/** The To value of the answer, with its tag. */
const peerOf = new WeakMap<UacSession, string>();

function invite(flow: Flow): UacSession {
  const session = server.invite({
    request: new SipRequest('INVITE', 'sip:x@y.invalid', { body: 'v=0' }),
    target: { flow },
  });
  session.on('accepted', ({ headers }) => peerOf.set(session, headers.get('To') ?? ''));
  session.on('rejected', ({ status }) => events.push(`rejected ${status}`));
  session.on('ended', ({ by }) => events.push(`ended ${by}`));
  return session;
}

/** A call from server to phone over a flow, answered. */
async function answered(flow: Flow): Promise<{ uac: UacSession; uas: UasSession }> {
  let uas: UasSession | undefined;
  phone.on('invite', (session) => {
    uas = session;
    session.accept({ sdp: 'v=0' });
  });
  const uac = invite(flow);
  await clock.advance(100);
  if (!uas) throw new Error('no session');
  return { uac, uas };
}

it('a device whose WebSocket closes while it rings is known to be lost at once', async () => {
  const { toPhone, toServer } = webSocket();
  phone.on('invite', (session) => session.progress(180));
  const session = invite(toPhone);
  await clock.advance(100);
  expect(session.state).toBe('early');
  toServer.close();
  await clock.advance(100);
  expect(events).toEqual(['rejected 503']);
  expect([toPhone.closed, server.stats().flows]).toEqual([true, 0]);
});

it('a WebSocket caller that vanishes while it rings has cancelled', async () => {
  const { toServer, toPhone } = webSocket();
  server.on('invite', (session) => {
    session.progress(180);
    session.on('cancelled', ({ method }) => events.push(`cancelled ${method}`));
  });
  phone.invite({
    request: new SipRequest('INVITE', 'sip:echo@y.invalid', { body: 'v=0' }),
    target: { flow: toServer },
  });
  await clock.advance(100);
  toPhone.close();
  await clock.advance(100);
  expect(events).toEqual(['cancelled INVITE']);
});

it('an answered call outlives its WebSocket when the device comes back with a request, and then uses the new one', async () => {
  const { toPhone, toServer } = webSocket();
  const { uac } = await answered(toPhone);
  toServer.close();
  await clock.advance(10_000);
  // What a browser does when its network is back: a new WebSocket, and a request in the dialog over it.
  const pair = network.webSocket('10.0.0.2', '10.0.0.1');
  const again = server.attachWebSocket(pair.server, { host: '10.0.0.2', port: 4001 });
  const came: string[] = [];
  pair.client.on('message', (bytes: Buffer) => came.push(bytes.toString().split('\r\n')[0]!));
  const headers = [
    'Via: SIP/2.0/WS abc.invalid;branch=z9hG4bKback',
    `From: ${peerOf.get(uac)}`,
    `To: ${uac.request.headers.get('From')}`,
    `Call-ID: ${uac.callId}`,
    'CSeq: 1 INFO',
    'Max-Forwards: 70',
  ];
  pair.client.send(`INFO sip:x@10.0.0.1 SIP/2.0\r\n${headers.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`);
  await clock.advance(40_000);
  expect(came).toEqual(['SIP/2.0 200 OK']);
  expect([events, uac.state, uac.flow?.id]).toEqual([[], 'accepted', again.id]);
  uac.bye();
  await clock.advance(100);
  expect(came[1]).toMatch(/^BYE sip:/);
  await clock.advance(40_000);
});

it('an answered call whose device registers over a new WebSocket moves there with its owner, without a request in it', async () => {
  const { toPhone, toServer } = webSocket();
  const { uac, uas } = await answered(toPhone);
  toServer.close();
  await clock.advance(10_000);
  // While nobody is there, a request fails, and the call does not.
  const early = uac.sendRequest('INFO');
  await clock.advance(100);
  expect([(await early).status, events]).toEqual([503, []]);
  const again = webSocket();
  uac.moveTo({ flow: toPhone });
  expect(uac.flow?.id).toBe(toPhone.id);
  uac.moveTo({ flow: again.toPhone });
  uas.moveTo({ flow: again.toServer });
  await clock.advance(100_000);
  expect([events, uac.state, uac.flow?.id]).toEqual([[], 'accepted', again.toPhone.id]);
  const later = uac.sendRequest('OPTIONS');
  await clock.advance(100);
  expect((await later).status).toBe(200);
  // The new connection is watched as the old one was.
  again.toServer.close();
  await clock.advance(29_000);
  expect(events).toEqual([]);
  await clock.advance(2_000);
  expect(events).toEqual(['ended transport']);
});

it('a call that registers over a new connection before the old one is known to be dead moves at once', async () => {
  const { toPhone } = webSocket();
  const { uac, uas } = await answered(toPhone);
  const again = webSocket();
  uac.moveTo({ flow: again.toPhone });
  uas.moveTo({ flow: again.toServer });
  toPhone.close();
  await clock.advance(40_000);
  expect([events, uac.state]).toEqual([[], 'accepted']);
  uac.bye();
  await clock.advance(40_000);
  uac.moveTo({ flow: again.toPhone });
  expect(events).toEqual(['ended us']);
});

it('an answered call whose connection closed, and nobody comes back, ends after the grace time', async () => {
  const { toPhone, toServer } = webSocket();
  await answered(toPhone);
  toServer.close();
  await clock.advance(29_000);
  expect(events).toEqual([]);
  await clock.advance(2_000);
  expect(events).toEqual(['ended transport']);
});

it("tells a flow's listeners once, and late ones in a microtask", async () => {
  const { toPhone } = webSocket();
  let closes = 0;
  toPhone.onClose(() => closes++);
  toPhone.onClose(() => closes++)();
  toPhone.close();
  toPhone.close();
  await clock.advance(100);
  toPhone.onClose(() => closes++);
  toPhone.onClose(() => closes++)();
  await clock.advance(1);
  expect(closes).toBe(2);
});

it('pings: WebSocket ping and RFC 5626 CRLF, answered, unanswered, and on a closed flow', async () => {
  const { toPhone } = webSocket();
  let tcp: Flow | undefined;
  server.on('request', (incoming) => {
    tcp = incoming.flow;
    incoming.respond(200);
  });
  const asked = phone.request(new SipRequest('MESSAGE', 'sip:a@10.0.0.1'), {
    protocol: 'tcp',
    host: '10.0.0.1',
    port: 5060,
  });
  await clock.advance(100);
  expect((await asked).status).toBe(200);
  for (const flow of [toPhone, tcp!]) {
    const alive = flow.ping!(1_000);
    await clock.advance(100);
    expect(await alive).toBe(true);
    network.cut('10.0.0.2');
    const dead = flow.ping!(1_000);
    await clock.advance(1_001);
    expect(await dead).toBe(false);
    network.mend('10.0.0.2');
    flow.close();
    await clock.advance(500);
    expect(await flow.ping!(1_000)).toBe(false);
  }
});

it.each([
  ['a head', 'OPTIONS sip:x@10.0.0.1 SIP/2.0\r\nX-Long: '],
  ['a body', 'OPTIONS sip:x@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.4\r\nContent-Length: 900\r\n\r\n'],
])(
  'closes a connection on which %s never ends, however often a byte comes (slow-loris)',
  async (_what, begun) => {
    const stranger = network.host('10.0.0.4').connectTcp({ host: '10.0.0.1', port: 5060 });
    let closed = false;
    stranger.handle({ open() {}, data() {}, close: () => (closed = true) });
    await clock.advance(100);
    stranger.write(Buffer.from(begun));
    for (let second = 0; second < 28; second++) {
      await clock.advance(1_000);
      stranger.write(Buffer.from('a'));
    }
    expect([closed, server.stats().flows]).toEqual([false, 1]);
    await clock.advance(9_000);
    expect([closed, server.stats().flows]).toEqual([true, 0]);
  },
);

it('uses one TCP connection for many requests, closes it when idle, and not while somebody watches it', async () => {
  const target = { protocol: 'tcp', host: '10.0.0.1', port: 5060 } as const;
  const all = Array.from({ length: 5 }, () =>
    phone.request(new SipRequest('OPTIONS', 'sip:a@10.0.0.1'), target),
  );
  await clock.advance(100);
  expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect([phone.stats().flows, server.stats().flows]).toEqual([1, 1]);
  let flow: Flow | undefined;
  server.on('request', (incoming) => {
    flow = incoming.flow;
    return false;
  });
  const more = phone.request(new SipRequest('MESSAGE', 'sip:a@10.0.0.1'), target);
  await clock.advance(100);
  expect((await more).status).toBe(405);
  const stop = flow!.onClose(() => events.push('closed'));
  const stopPhone = (flow as Flow).onClose(() => {});
  await clock.advance(30_000);
  expect(server.stats().flows).toBe(1);
  stop();
  stopPhone();
  await clock.advance(70_000);
  expect([phone.stats().flows, server.stats().flows]).toEqual([0, 0]);
});

it('18.2.2: answers over a new connection when the one of the request is gone', async () => {
  let respond: (() => void) | undefined;
  let flow: Flow | undefined;
  server.on('request', (incoming) => {
    flow = incoming.flow;
    respond = () => incoming.respond(200);
  });
  const target = { protocol: 'tcp', host: '10.0.0.1', port: 5060 } as const;
  const asked = phone.request(new SipRequest('MESSAGE', 'sip:a@10.0.0.1'), target);
  await clock.advance(100);
  flow!.close();
  await clock.advance(100);
  // Our own client side takes the loss of the connection for the end.
  expect((await asked).status).toBe(503);
  respond?.();
  await clock.advance(100);
  expect(phone.counters.strayResponses).toBe(1);
});

it('limits connections and refuses sockets beyond', async () => {
  const small = new SipStack({
    userAgent: 'small',
    clock,
    network: network.host('10.0.0.3'),
    listeners: [{ protocol: 'tcp', host: '10.0.0.3', port: 5060 }],
    limits: { maxConnections: 2, maxConnectionsPerAddress: 1 },
  });
  await small.start();
  const target = { protocol: 'tcp', host: '10.0.0.3', port: 5060 } as const;
  const first = phone.request(new SipRequest('OPTIONS', 'sip:a@10.0.0.3'), target);
  await clock.advance(100);
  expect((await first).status).toBe(200);
  const second = network.host('10.0.0.2').connectTcp(target);
  let closed = 0;
  second.handle({ open() {}, data() {}, close: () => closed++ });
  await clock.advance(100);
  expect([closed, small.stats().flows, small.counters.overload]).toEqual([1, 1, 1]);
  const pairs = [1, 2].map(() => network.webSocket('10.0.0.2', '10.0.0.3'));
  for (const { server: socket } of pairs) small.attachWebSocket(socket, { host: '10.0.0.2', port: 1 });
  await clock.advance(100);
  expect([small.stats().flows, pairs.map(({ client }) => client.readyState)]).toEqual([2, [1, 3]]);
  await small.close();
});

it('counts the connections of one customer: an IPv4 address, or the /64 of an IPv6 one', async () => {
  const small = new SipStack({
    userAgent: 'small',
    clock,
    network: network.host('2001:db8:1::1'),
    listeners: [{ protocol: 'tcp', host: '2001:db8:1::1', port: 5060 }],
    limits: { maxConnectionsPerAddress: 1 },
  });
  await small.start();
  const dial = async (from: string): Promise<boolean> => {
    let closed = false;
    const socket = network.host(from).connectTcp({ host: '2001:db8:1::1', port: 5060 });
    socket.handle({ open() {}, data() {}, close: () => (closed = true) });
    await clock.advance(100);
    return !closed;
  };
  const taken: boolean[] = [];
  for (const from of ['2001:db8:2::1', '2001:db8:2:0:ffff::9', '2001:db8:2:1::1', 'fe80::1', 'fe80::2']) {
    taken.push(await dial(from));
  }
  expect(taken).toEqual([true, false, true, true, true]);
  await small.close();
  await clock.advance(100);
});

it('limits how often one address opens a connection: a flood of handshakes costs no more than that', async () => {
  const small = new SipStack({
    userAgent: 'small',
    clock,
    network: network.host('10.0.0.3'),
    listeners: [{ protocol: 'tls', host: '10.0.0.3', port: 5061 }],
    tls: { cert: '', key: '' },
    limits: { newConnectionsPerAddressPerMinute: 6 },
  });
  await small.start();
  const dial = async (from: string): Promise<boolean> => {
    let closed = false;
    const to = { host: '10.0.0.3', port: 5061 };
    const socket = network.host(from).connectTls(to, { credentials: undefined, serverName: undefined });
    socket.handle({ open() {}, data() {}, close: () => (closed = true) });
    await clock.advance(100);
    const taken = !closed;
    socket.destroy();
    return taken;
  };
  const flood = async () => {
    const taken: boolean[] = [];
    for (let nth = 0; nth < 20; nth++) taken.push(await dial('10.0.0.4'));
    return taken.filter(Boolean).length;
  };
  expect(await flood()).toBe(6);
  expect(await dial('10.0.0.5')).toBe(true);
  // One in ten seconds.
  await clock.advance(30_000);
  expect(await flood()).toBe(3);
  await small.close();
  await clock.advance(100);
});

it('opens no more connections for answers than a peer may have itself, whatever ports it names', async () => {
  const small = new SipStack({
    userAgent: 'small',
    clock,
    network: network.host('10.0.0.3'),
    listeners: [{ protocol: 'tcp', host: '10.0.0.3', port: 5060 }],
    limits: { maxConnectionsPerAddress: 2, idleConnectionMs: 60_000 },
  });
  await small.start();
  const waiting: Array<() => void> = [];
  small.on('request', (incoming) => waiting.push(() => incoming.respond(200)));
  const peer = network.host('10.0.0.4');
  const listeners = await Promise.all(
    [6001, 6002, 6003, 6004].map((port) =>
      peer.listenTcp({ host: '10.0.0.4', port }, (socket) =>
        socket.handle({ open() {}, data() {}, close() {} }),
      ),
    ),
  );
  for (const { local } of listeners) {
    const socket = peer.connectTcp({ host: '10.0.0.3', port: 5060 });
    socket.handle({ open() {}, data() {}, close() {} });
    const headers = {
      Via: `SIP/2.0/TCP 10.0.0.4:${local.port};branch=z9hG4bK${local.port}`,
      From: '<sip:x@y>;tag=a',
      To: '<sip:x@y>',
      'Call-ID': `call-${local.port}`,
      CSeq: '1 MESSAGE',
      'Content-Length': '0',
    };
    await clock.advance(100);
    socket.write(serializeMessage(new SipRequest('MESSAGE', 'sip:a@10.0.0.3', { headers })));
    await clock.advance(100);
    socket.destroy();
    await clock.advance(100);
  }
  expect(waiting).toHaveLength(4);
  for (const respond of waiting) respond();
  await clock.advance(100);
  expect(small.stats().flows).toBe(2);
  await clock.advance(100_000);
  expect(small.stats()).toMatchObject({ flows: 0, serverTransactions: 0 });
  await small.close();
  await Promise.all(listeners.map((listener) => listener.close()));
});
