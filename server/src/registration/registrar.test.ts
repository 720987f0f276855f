import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  answerChallenge,
  computeHa1,
  type Flow,
  SipRequest,
  SipResponse,
  SipStack,
  StreamFramer,
  type StreamSocket,
  serializeMessage,
} from '@ringthrough/sip';
import { MemoryNetwork, RawPeer, VirtualClock } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { openStore, type Store } from '../store/index.ts';
import { askSoftphone, Registrar } from './index.ts';

const realm = 'ringthrough';
const serverAddress = { protocol: 'udp', host: '10.0.0.1', port: 5060 } as const;
const password = 'correct horse';

let clock: VirtualClock;
let network: MemoryNetwork;
let store: Store;
let fabric: LocalFabric;
let registrar: Registrar;
let stack: SipStack;
let phone: SipStack;
let events: string[];
let cseq = 0;

const now = () => 1_700_000_000_000 + clock.now();

function createRegistrar(): Registrar {
  return new Registrar({
    store,
    fabric,
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    clock,
    now,
    realm,
    secret: 'nonce key',
    nonceLifetimeMs: 300_000,
    limits: {
      minExpiresSeconds: 30,
      maxExpiresSeconds: 3600,
      defaultExpiresSeconds: 300,
      maxBindingsPerDevice: 3,
    },
    pingIntervalMs: 10_000,
    softphones: {
      periodMs: 15_000,
      patienceMs: 10_000,
      ask: (address) => askSoftphone(stack, 'localhost')(address),
    },
  });
}

async function newStack(host: string): Promise<SipStack> {
  const created = new SipStack({
    userAgent: 'test',
    listeners: [
      { protocol: 'udp', host, port: 5060 },
      { protocol: 'tcp', host, port: 5060 },
    ],
    clock,
    network: network.host(host),
  });
  await created.start();
  return created;
}

async function seed(): Promise<void> {
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  for (const name of ['one', 'two']) {
    await store
      .insertInto('devices')
      .values({
        id: name,
        account_id: 'ann',
        name: `Phone ${name}`,
        system: 'test',
        kind: 'softphone',
        sip_user: `d${name}`,
        ha1_md5: computeHa1('MD5', `d${name}`, realm, password),
        ha1_sha256: computeHa1('SHA-256', `d${name}`, realm, password),
        created_at: 1,
      })
      .execute();
  }
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  store = await openStore({ path: ':memory:' });
  await seed();
  events = [];
  fabric = new LocalFabric((error) => events.push(String(error)));
  fabric.subscribe('device.registered', ({ deviceId }) => events.push(`registered ${deviceId}`));
  fabric.subscribe('device.unregistered', ({ deviceId, why }) => events.push(`${why} ${deviceId}`));
  registrar = createRegistrar();
  await registrar.start();
  stack = await newStack('10.0.0.1');
  stack.on('request', (incoming) => {
    if (incoming.request.method !== 'REGISTER') return false;
    void registrar.handleRegister(incoming);
    return true;
  });
  phone = await newStack('10.0.0.2');
});

afterEach(async () => {
  await settle(phone.close());
  await settle(stack.close());
  await registrar.close();
  await store.destroy();
  expect(clock.pending).toBe(0);
});

async function settle<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const settled = promise.finally(() => {
    done = true;
  });
  settled.catch(() => undefined);
  for (let step = 0; step < 2000 && !done; step += 1) await clock.advance(10);
  return settled;
}

interface RegisterOptions {
  user?: string;
  as?: string;
  password?: string;
  contact?: string;
  headers?: Array<[string, string]>;
  flow?: Flow;
  protocol?: 'udp' | 'tcp';
}

function register(options: RegisterOptions = {}): Promise<SipResponse> {
  const user = options.user ?? 'done';
  cseq += 2;
  const request = new SipRequest('REGISTER', 'sip:localhost', {
    headers: [
      ['From', `<sip:${options.as ?? user}@localhost>`],
      ['To', `<sip:${options.as ?? user}@localhost>`],
      ['Call-ID', 'one-registration'],
      ['CSeq', `${cseq} REGISTER`],
      ['Contact', options.contact ?? `<sip:${user}@10.0.0.2:5060>`],
      ...(options.headers ?? []),
    ],
  });
  const target = options.flow
    ? { flow: options.flow }
    : { ...serverAddress, protocol: options.protocol ?? 'udp' };
  const credentials = { username: user, password: options.password ?? password };
  return settle(phone.request(request, target, { credentials }));
}

const contacts = async () => (await registrar.available('ann')).map((address) => address.contactUri);
const storedBindings = () => store.selectFrom('bindings').selectAll().execute();

describe('registering (RFC 3261 section 10.3)', () => {
  test('a device becomes available, stored, seen and known; the answer lists its binding', async () => {
    const response = await register();
    expect(response.status).toBe(200);
    expect(response.headers.get('Contact')).toBe('<sip:done@10.0.0.2:5060>;expires=300');
    expect(await registrar.available('ann')).toEqual([
      {
        deviceId: 'one',
        deviceName: 'Phone one',
        sipUser: 'done',
        contactUri: 'sip:done@10.0.0.2:5060',
        transport: 'udp',
        target: {
          protocol: 'udp',
          bound: true,
          host: '10.0.0.2',
          port: 5060,
          local: { host: '10.0.0.1', port: 5060 },
        },
      },
    ]);
    expect(registrar.registeredDevices('ann')).toEqual(new Set(['one']));
    expect(await storedBindings()).toHaveLength(1);
    const device = await store
      .selectFrom('devices')
      .select('last_seen_at')
      .where('id', '=', 'one')
      .executeTakeFirst();
    expect(device?.last_seen_at).toBeGreaterThan(1_700_000_000_000);
    expect(events).toEqual(['registered one']);
  });

  test('a refresh is no news', async () => {
    await register();
    await register();
    expect(events).toEqual(['registered one']);
  });

  test('a challenge is answered from the address it was sent to: nobody registers the address of another', async () => {
    const asked = new SipRequest('REGISTER', 'sip:localhost', {
      headers: { From: '<sip:done@localhost>', To: '<sip:done@localhost>' },
    });
    const challenge = await settle(phone.request(asked, serverAddress));
    const victim = await newStack('10.0.0.9');
    const answer = answerChallenge({
      headers: challenge.headers,
      method: 'REGISTER',
      uri: 'sip:localhost',
      username: 'done',
      password,
    });
    // As if the phone had forged the source of its datagram.
    const forged = new SipRequest('REGISTER', 'sip:localhost', {
      headers: [
        ['From', '<sip:done@localhost>'],
        ['To', '<sip:done@localhost>'],
        ['Contact', '<sip:done@10.0.0.9>'],
        [answer?.name ?? '', answer?.value ?? ''],
      ],
    });
    const response = await settle(victim.request(forged, serverAddress));
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toContain('stale=true');
    expect(await contacts()).toEqual([]);
    await settle(victim.close());
  });

  test('strangers leave nothing behind, however many come', async () => {
    const requests = Array.from({ length: 20 }, (_, n) => {
      const headers = {
        From: `<sip:d${n}@localhost>`,
        To: `<sip:d${n}@localhost>`,
        'Call-ID': `stranger-${n}`,
      };
      const request = new SipRequest('REGISTER', 'sip:localhost', { headers });
      return settle(phone.request(request, serverAddress));
    });
    for (const response of await Promise.all(requests)) expect(response.status).toBe(401);
    expect(stack.stats()).toMatchObject({ serverTransactions: 0, timers: 0 });
  });

  test('over UDP an answer is not kept; a request that comes again gets it once more, and changes nothing', async () => {
    const peer = await RawPeer.bind(network, { host: '10.0.0.7', port: 5060 }, serverAddress);
    const answers = () => peer.received.filter((message) => message.kind === 'response');
    const lines = (sequence: number, more: string[] = []) =>
      [
        'REGISTER sip:localhost SIP/2.0',
        `Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKagain${sequence}`,
        'From: <sip:done@localhost>;tag=f',
        'To: <sip:done@localhost>',
        'Call-ID: again',
        `CSeq: ${sequence} REGISTER`,
        'Contact: <sip:done@10.0.0.7>',
        ...more,
        'Content-Length: 0',
        '\r\n',
      ].join('\r\n');
    peer.send(lines(1));
    await clock.advance(50);
    const identity = { method: 'REGISTER', uri: 'sip:localhost', username: 'done', password };
    const headers = answers()[0]?.headers;
    if (headers === undefined) throw new Error('not challenged');
    const credentials = answerChallenge({ headers, ...identity });
    const request = lines(2, [`${credentials?.name}: ${credentials?.value}`]);
    peer.send(request);
    await clock.advance(50);
    expect(stack.stats()).toMatchObject({ serverTransactions: 0, timers: 0 });
    const before = await storedBindings();
    await clock.advance(2_000);
    peer.send(request);
    await clock.advance(50);
    expect(answers().map(({ status }) => status)).toEqual([401, 200, 200]);
    expect(answers()[2]?.headers.get('Contact')).toBe('<sip:done@10.0.0.7>;expires=298');
    expect(answers()[2]?.headers.get('To')).toBe(answers()[1]?.headers.get('To'));
    expect(await storedBindings()).toEqual(before);
    // The same credentials for anything else are a replay.
    peer.send(request.replace('CSeq: 2', 'CSeq: 3').replace('again2', 'again3'));
    peer.send(request.replace('Call-ID: again', 'Call-ID: other').replace('again2', 'again4'));
    await clock.advance(50);
    expect(
      answers()
        .slice(3)
        .map(({ status }) => status),
    ).toEqual([401, 401]);
    expect(await storedBindings()).toEqual(before);
    await peer.close();
  });

  test('logging out', async () => {
    await register();
    expect((await register({ headers: [['Expires', '0']] })).headers.has('Contact')).toBe(false);
    expect(await contacts()).toEqual([]);
    expect(await storedBindings()).toEqual([]);
    expect(events).toEqual(['registered one', 'logout one']);
  });

  test('too brief an interval: 423 with Min-Expires', async () => {
    const response = await register({ headers: [['Expires', '5']] });
    expect([response.status, response.headers.get('Min-Expires')]).toEqual([423, '30']);
  });

  test('two devices of one account are both available', async () => {
    await register();
    await register({ user: 'dtwo' });
    expect(registrar.registeredDevices('ann')).toEqual(new Set(['one', 'two']));
  });

  test('Path of whom nobody trusts is refused (RFC 3327 section 6)', async () => {
    const response = await register({ headers: [['Path', '<sip:edge.example;lr>']] });
    expect([response.status, response.reason]).toEqual([403, 'Path Not Trusted']);
    expect(await contacts()).toEqual([]);
  });
});

describe('who it is', () => {
  test('a wrong password, an unknown user and no credentials get the same answer', async () => {
    const wrong = await register({ password: 'wrong' });
    const unknown = await register({ user: 'dnobody' });
    for (const response of [wrong, unknown]) {
      expect(response.status).toBe(401);
      const shape = response.headers
        .getAll('WWW-Authenticate')
        .map((value) => value.replace(/nonce="[^"]*"/, ''));
      expect(shape).toEqual([
        'Digest realm="ringthrough", , algorithm=SHA-256, qop="auth"',
        'Digest realm="ringthrough", , algorithm=MD5, qop="auth"',
      ]);
    }
    expect(await contacts()).toEqual([]);
  });

  test('a device registers itself and nobody else', async () => {
    expect((await register({ as: 'dtwo' })).status).toBe(403);
    expect(await contacts()).toEqual([]);
  });
});

test('when the disk does not keep up, a device is asked to come again; nothing is promised', async () => {
  await store.destroy();
  const folder = mkdtempSync(join(tmpdir(), 'ringthrough-registrar-'));
  store = await openStore({ path: join(folder, 'test.db'), maxWaitingWrites: 1 });
  await seed();
  await registrar.close();
  registrar = createRegistrar();
  await registrar.start();
  const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const transaction = store.transaction().execute(() => {
    begun.resolve();
    return held.promise;
  });
  await begun.promise;
  const account = { id: 'bob', password_hash: 'x', created_at: 1 };
  const waiting = store.insertInto('accounts').values(account).execute();
  await new Promise((resolve) => setImmediate(resolve));
  const response = await register();
  expect([response.status, response.headers.get('Retry-After')]).toEqual([503, '5']);
  expect(await contacts()).toEqual([]);
  held.resolve();
  await Promise.all([transaction, waiting]);
  await registrar.close();
  rmSync(folder, { recursive: true });
});

describe('going away (R-REG-LOST)', () => {
  test('a registration runs out', async () => {
    await register({ headers: [['Expires', '60']] });
    await clock.advance(59_000);
    expect(await contacts()).toHaveLength(1);
    await clock.advance(2_000);
    expect(await contacts()).toEqual([]);
    expect(await storedBindings()).toEqual([]);
    expect(events).toEqual(['registered one', 'expired one']);
  });

  test('a closed connection takes its binding with it, at once', async () => {
    await register({ protocol: 'tcp' });
    const [address] = await registrar.available('ann');
    if (address === undefined || !('flow' in address.target)) throw new Error('registered over no flow');
    expect(registrar.knows(address.target.flow)).toBe(true);
    await settle(phone.close());
    await clock.advance(100);
    expect(await contacts()).toEqual([]);
    expect(await storedBindings()).toEqual([]);
    expect(events).toEqual(['registered one', 'connection-lost one']);
    expect(registrar.knows(address.target.flow)).toBe(false);
  });

  test('a half-open WebSocket is found by silence', async () => {
    const { client, server } = network.webSocket('10.0.0.2', '10.0.0.1');
    stack.attachWebSocket(server, { host: '10.0.0.2', port: 40_001 });
    const flow = phone.attachWebSocket(client, { host: '10.0.0.1', port: 8080 });
    await register({ flow, contact: '<sip:x@abc.invalid;transport=ws>' });
    expect(await contacts()).toEqual(['sip:x@abc.invalid;transport=ws']);
    await clock.advance(60_000);
    expect(await contacts()).toHaveLength(1);
    network.cut('10.0.0.2');
    await clock.advance(26_000);
    expect(await contacts()).toEqual([]);
    expect(events).toEqual(['registered one', 'connection-lost one']);
    network.mend('10.0.0.2');
    flow.close();
    await clock.advance(1_000);
  });

  test('a page that is frozen is not available, though its browser keeps the WebSocket open', async () => {
    const { client, server } = network.webSocket('10.0.0.2', '10.0.0.1');
    stack.attachWebSocket(server, { host: '10.0.0.2', port: 40_001 });
    let frozen = false;
    let heard = 0;
    const page = new Proxy(client, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'on') return typeof value === 'function' ? value.bind(target) : value;
        return (event: string, listener: (...payload: unknown[]) => void) =>
          target.on(event, (...payload: unknown[]) => {
            if (event === 'message') heard += 1;
            if (event !== 'message' || !frozen) listener(...payload);
          });
      },
    });
    const flow = phone.attachWebSocket(page, { host: '10.0.0.1', port: 8080 });
    await register({ flow, contact: '<sip:x@abc.invalid;transport=ws>' });
    await clock.advance(60_000);
    expect(await contacts()).toHaveLength(1);
    frozen = true;
    heard = 0;
    await clock.advance(25_000);
    expect(await contacts()).toEqual([]);
    expect(events).toEqual(['registered one', 'connection-lost one']);
    expect(heard).toBeGreaterThan(0);
    expect(flow.closed).toBe(true);
  });

  test('a softphone on UDP that fell silent is not available, and is again when it answers', async () => {
    await register();
    await clock.advance(120_000);
    expect(await contacts()).toHaveLength(1);
    network.cut('10.0.0.2');
    await clock.advance(26_000);
    expect(await contacts()).toEqual([]);
    expect(events).toEqual(['registered one', 'connection-lost one']);
    expect(await storedBindings()).toMatchObject([{ silent: 1 }]);
    await registrar.close();
    registrar = createRegistrar();
    await registrar.start();
    expect(await contacts()).toEqual([]);
    network.mend('10.0.0.2');
    await clock.advance(50_000);
    expect(await contacts()).toHaveLength(1);
    expect(await storedBindings()).toMatchObject([{ silent: 0 }]);
    expect(events).toEqual(['registered one', 'connection-lost one', 'registered one']);
  });

  test('a silent softphone that registers again is believed at once; one that does not runs out quietly', async () => {
    await register({ headers: [['Expires', '120']] });
    network.cut('10.0.0.2');
    await clock.advance(26_000);
    network.mend('10.0.0.2');
    await register({ headers: [['Expires', '60']] });
    expect(await contacts()).toHaveLength(1);
    network.cut('10.0.0.2');
    await clock.advance(70_000);
    expect(events).toEqual([
      'registered one',
      'connection-lost one',
      'registered one',
      'connection-lost one',
    ]);
    expect(await storedBindings()).toEqual([]);
    network.mend('10.0.0.2');
  });

  test('any response is a sign of life, also an error', async () => {
    phone.on('request', (incoming) => incoming.respond(503));
    await register();
    await clock.advance(60_000);
    expect(await contacts()).toHaveLength(1);
  });

  test('a half-open TCP connection is found', async () => {
    await register({ protocol: 'tcp' });
    await clock.advance(100_000);
    expect(await contacts()).toHaveLength(1);
    network.cut('10.0.0.2');
    await clock.advance(26_000);
    expect(await contacts()).toEqual([]);
    expect(events).toEqual(['registered one', 'connection-lost one']);
    network.mend('10.0.0.2');
    await clock.advance(1_000);
  });

  test('a TCP softphone that answers OPTIONS and no CRLF keeps its connection', async () => {
    const quiet = new QuietTcpPhone();
    await clock.advance(1_000);
    expect(await contacts()).toHaveLength(1);
    await clock.advance(100_000);
    expect(await contacts()).toHaveLength(1);
    expect(quiet.optionsAnswered).toBeGreaterThan(3);
    quiet.close();
    await clock.advance(100);
    expect([await contacts(), stack.stats().flows]).toEqual([[], 0]);
  });

  test('a device that is removed ends at once', async () => {
    await register();
    fabric.publish('device.removed', { accountId: 'ann', deviceId: 'one' });
    await clock.advance(10);
    expect(await contacts()).toEqual([]);
    expect(events).toEqual(['registered one', 'removed one']);
  });

  test('the connection of a device that is removed is closed, and its password forgotten', async () => {
    await register({ protocol: 'tcp' });
    expect(stack.stats().flows).toBe(1);
    await store.deleteFrom('devices').where('id', '=', 'one').execute();
    fabric.publish('device.removed', { accountId: 'ann', deviceId: 'one' });
    await clock.advance(100);
    expect(stack.stats().flows).toBe(0);
    expect(events).toEqual(['registered one', 'removed one']);
    expect((await register()).status).toBe(401);
  });

  test('a device that is removed is not reached any more, also when the store cannot be told', async () => {
    await register();
    await store.destroy();
    fabric.publish('device.removed', { accountId: 'ann', deviceId: 'one' });
    await clock.advance(100);
    expect(await contacts()).toEqual([]);
    expect(events).toEqual(['registered one', 'removed one']);
  });

  test('after a restart UDP bindings are there, those of connections are not', async () => {
    await register();
    await register({ user: 'dtwo', protocol: 'tcp' });
    expect(registrar.registeredDevices('ann').size).toBe(2);
    await registrar.close();
    registrar = createRegistrar();
    await registrar.start();
    expect([...registrar.registeredDevices('ann')]).toEqual(['one']);
    expect(await storedBindings()).toHaveLength(1);
    await clock.advance(301_000);
    expect(await contacts()).toEqual([]);
  });
});

/** Over TCP: registers, answers OPTIONS, and knows nothing of CRLF keep-alive, as RFC 3261 by itself has it. */
class QuietTcpPhone {
  optionsAnswered = 0;
  readonly #socket: StreamSocket;
  readonly #framer = new StreamFramer();

  constructor() {
    this.#socket = network.host('10.0.0.3').connectTcp(serverAddress);
    this.#socket.handle({
      open: () => this.#register(1),
      data: (bytes) => {
        for (const item of this.#framer.push(bytes)) if ('message' in item) this.#received(item.message);
      },
      close: () => undefined,
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #received(message: SipRequest | SipResponse): void {
    if (message.kind === 'request') {
      this.optionsAnswered += 1;
      const headers = [...message.headers.entries()].filter(([name]) =>
        ['Via', 'From', 'To', 'Call-ID', 'CSeq'].includes(name),
      );
      this.#socket.write(serializeMessage(new SipResponse(200, 'OK', { headers })));
    } else if (message.status === 401) {
      const request = { method: 'REGISTER', uri: 'sip:localhost', username: 'done', password };
      this.#register(2, answerChallenge({ headers: message.headers, ...request }));
    }
  }

  #register(sequence: number, credentials?: { name: string; value: string }): void {
    const request = new SipRequest('REGISTER', 'sip:localhost', {
      headers: [
        ['Via', `SIP/2.0/TCP 10.0.0.3;branch=z9hG4bKquiet${sequence}`],
        ['Max-Forwards', '70'],
        ['From', '<sip:done@localhost>;tag=quiet'],
        ['To', '<sip:done@localhost>'],
        ['Call-ID', 'quiet'],
        ['CSeq', `${sequence} REGISTER`],
        ['Contact', '<sip:done@10.0.0.3;transport=tcp>'],
      ],
    });
    if (credentials) request.headers.add(credentials.name, credentials.value);
    this.#socket.write(serializeMessage(request));
  }
}
