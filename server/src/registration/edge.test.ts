import { answerChallenge, computeHa1, SipRequest, type SipResponse, SipStack } from '@ringthrough/sip';
import { MemoryNetwork, RawPeer, VirtualClock } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { openStore, type Store } from '../store/index.ts';
import { askSoftphone, Registrar, SourceGuard } from './index.ts';

const realm = 'ringthrough';
const server = { host: '10.0.0.1', port: 5060 };
const instance = '<urn:uuid:00000000-0000-1000-8000-000A95A0E128>';

let clock: VirtualClock;
let network: MemoryNetwork;
let store: Store;
let fabric: LocalFabric;
let registrar: Registrar;
let stack: SipStack;
/** Two edge proxies, and a proxy that is none of ours. */
let edge: RawPeer;
let other: RawPeer;
let stranger: RawPeer;
let events: string[];
let sequence = 0;
/** What the edge proxies answer to OPTIONS; undefined: nothing. */
let alive: number | undefined;

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
      maxBindingsPerDevice: 5,
    },
    pingIntervalMs: 10_000,
    softphones: {
      periodMs: 15_000,
      patienceMs: 10_000,
      ask: (address) => askSoftphone(stack, 'home')(address),
    },
    guard: new SourceGuard({
      limits: {
        requestsPerSecond: 1,
        burst: 5,
        failures: 3,
        failureWindowMs: 60_000,
        banMs: 60_000,
        scanners: [],
      },
      now,
      networkOf: (address) => address,
    }),
    edges: [{ host: '10.0.9.1' }, { host: '10.0.9.2', port: 5060 }],
    serviceRoute: ['sip:10.0.9.1;lr'],
    flowTimerSeconds: 25,
  });
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  store = await openStore({ path: ':memory:' });
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  for (const name of ['one', 'two']) {
    await store
      .insertInto('devices')
      .values({
        id: name,
        account_id: 'ann',
        name,
        system: 'test',
        kind: 'softphone',
        sip_user: `d${name}`,
        ha1_md5: computeHa1('MD5', `d${name}`, realm, 'pw'),
        ha1_sha256: computeHa1('SHA-256', `d${name}`, realm, 'pw'),
        created_at: 1,
      })
      .execute();
  }
  [events, alive] = [[], 200];
  fabric = new LocalFabric((error) => events.push(String(error)));
  fabric.subscribe('device.registered', ({ deviceId }) => events.push(`registered ${deviceId}`));
  fabric.subscribe('device.unregistered', ({ deviceId, why }) => events.push(`${why} ${deviceId}`));
  registrar = createRegistrar();
  await registrar.start();
  stack = new SipStack({
    userAgent: 'Ringthrough',
    clock,
    network: network.host(server.host),
    listeners: [
      { protocol: 'udp', ...server },
      { protocol: 'tcp', ...server },
    ],
    supportedIn: { REGISTER: ['path', 'outbound'] },
    screen: (request, flow) => registrar.admits(request, flow),
  });
  stack.on('request', (incoming) => {
    if (incoming.request.method !== 'REGISTER') return false;
    void registrar.handleRegister(incoming);
    return true;
  });
  await stack.start();
  edge = await RawPeer.bind(network, { host: '10.0.9.1', port: 5060 }, server);
  other = await RawPeer.bind(network, { host: '10.0.9.2', port: 5060 }, server);
  stranger = await RawPeer.bind(network, { host: '10.0.8.8', port: 5060 }, server);
});

afterEach(async () => {
  await registrar.close();
  await clock.advance(100_000);
  expect(stack.stats()).toMatchObject({ serverTransactions: 0, clientTransactions: 0, timers: 0 });
  await stack.close();
  await store.destroy();
  expect(clock.pending).toBe(0);
});

interface Registering {
  user?: string;
  via?: RawPeer;
  /** Values of Path; default: the proxy itself. */
  path?: string[];
  contact?: string;
  headers?: Record<string, string>;
  password?: string;
}

/** A REGISTER as a proxy forwards it, challenge included. */
async function register(options: Registering = {}): Promise<SipResponse> {
  const { user = 'done', via = edge, contact = `<sip:${user}@192.168.1.7:5060>`, password = 'pw' } = options;
  const { path = [`<sip:${via.address.host};lr;ob>`] } = options;
  const at = `${via.address.host}:${via.address.port}`;
  let credentials: [string, string] | undefined;
  for (;;) {
    sequence += 1;
    const request = via.request('REGISTER', {
      From: `<sip:${user}@home>;tag=x`,
      To: `<sip:${user}@home>`,
      Via: `SIP/2.0/UDP ${at};branch=z9hG4bKp${sequence}`,
      'Call-ID': `call-${user}-${contact.length}`,
      CSeq: `${sequence} REGISTER`,
      Contact: contact,
      Expires: '300',
      'User-Agent': 'telephone with a rather long name, so that its challenge fits',
      ...options.headers,
    });
    request.headers.add('Via', 'SIP/2.0/UDP 192.168.1.7:5060;branch=z9hG4bKdevice');
    for (const hop of path) request.headers.add('Path', hop);
    if (credentials) request.headers.set(...credentials);
    const before = via.received.length;
    via.send(request);
    if (
      !(await clock.until(() => via.received.slice(before).some(({ kind }) => kind === 'response'), 20_000))
    )
      throw new Error('no answer');
    const response = via.received.slice(before).find(({ kind }) => kind === 'response') as SipResponse;
    if (response.status !== 401 || credentials) return response;
    const answer = answerChallenge({
      headers: response.headers,
      method: 'REGISTER',
      uri: request.uri,
      username: user,
      password,
    });
    if (!answer) throw new Error('no challenge that can be answered');
    credentials = [answer.name, answer.value];
  }
}

/** Lets time pass while the edge proxies answer for the devices behind them. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 500) {
    await clock.advance(500);
    for (const proxy of [edge, other]) {
      for (const message of proxy.received.splice(0)) {
        if (message instanceof SipRequest && alive !== undefined) proxy.respond(message, alive);
      }
    }
  }
}

const flow = (regId: number, contact = 'sip:done@192.168.1.7:5060') => ({
  contact: `<${contact}>;+sip.instance="${instance}";reg-id=${regId}`,
  headers: { Supported: 'path, outbound' },
});

describe('RFC 3327: devices behind an edge proxy', () => {
  it('are registered with their Path, and reached along it', async () => {
    const path = ['<sip:10.0.9.1;lr;ob>', '<sip:token@10.7.7.7:5070;lr>'];
    const response = await register({ path, headers: { Supported: 'path' } });
    expect([response.status, response.headers.getAll('Path')]).toEqual([200, path]);
    expect(response.headers.getAll('Service-Route')).toEqual(['<sip:10.0.9.1;lr>']);
    const [address] = registrar.availableNow('ann');
    expect(address).toMatchObject({
      contactUri: 'sip:done@192.168.1.7:5060',
      transport: 'udp',
      target: { uri: 'sip:10.0.9.1;lr;ob', local: server },
      route: path,
    });
    expect(events).toEqual(['registered one']);
    // Liveness is asked along the same way.
    await clock.advance(15_100);
    const options = edge.lastRequest('OPTIONS');
    expect([options.uri, options.headers.getAll('Route')]).toEqual(['sip:done@192.168.1.7:5060', path]);
    edge.respond(options, 200);
    await clock.advance(11_000);
    expect(registrar.availableNow('ann')).toHaveLength(1);
  });

  it('are told apart although they come from one address', async () => {
    await register();
    await register({ user: 'dtwo' });
    await register({ contact: '<sip:done@192.168.1.8:5060>' });
    expect(registrar.availableNow('ann').map(({ contactUri }) => contactUri)).toEqual([
      'sip:done@192.168.1.7:5060',
      'sip:done@192.168.1.8:5060',
      'sip:dtwo@192.168.1.7:5060',
    ]);
  });

  it('a browser behind one is still a browser', async () => {
    await register({ contact: '<sip:x@abc.invalid;transport=ws>' });
    expect(registrar.availableNow('ann')[0]?.transport).toBe('ws');
  });

  it.each([
    ['the proxy says that it cannot get through', 430],
    ['the proxy has waited in vain', 408],
    ['nobody answers', undefined],
  ])('are gone when %s, and back when they answer', async (_title, status) => {
    await register();
    alive = status;
    await pass(26_000);
    expect(registrar.availableNow('ann')).toEqual([]);
    alive = 200;
    await pass(60_000);
    expect(registrar.availableNow('ann')).toHaveLength(1);
    expect(events).toEqual(['registered one', 'connection-lost one', 'registered one']);
  });

  it('are there after a restart, and are one with what they register then', async () => {
    await register();
    await register({ user: 'dtwo', ...flow(1, 'sip:dtwo@192.168.1.7') });
    await register({ user: 'dtwo', via: other, ...flow(2, 'sip:dtwo@192.168.1.7') });
    const before = registrar.availableNow('ann');
    expect(before.map(({ otherFlows = [] }) => otherFlows.length)).toEqual([0, 1]);
    await registrar.close();
    registrar = createRegistrar();
    await registrar.start();
    expect(registrar.availableNow('ann')).toEqual(before);
    await register();
    await register({ user: 'dtwo', ...flow(1, 'sip:dtwo@192.168.1.7') });
    expect(registrar.availableNow('ann')).toEqual(before);
  });

  it('go with their last contact', async () => {
    await register();
    expect((await register({ headers: { Expires: '0' } })).status).toBe(200);
    expect(registrar.availableNow('ann')).toEqual([]);
    expect(await store.selectFrom('bindings').selectAll().execute()).toEqual([]);
  });

  it('section 6: Path of anybody else is refused, and so is who leaves the way it came by', async () => {
    expect((await register({ via: stranger })).status).toBe(403);
    expect((await register({ path: ['<sip:10.0.9.1>'] })).status).toBe(400);
    expect(registrar.availableNow('ann')).toEqual([]);
    expect((await register({ via: stranger, path: [] })).status).toBe(200);
  });

  it('an edge proxy is neither a flood nor banned for what those behind it guess', async () => {
    for (let guess = 0; guess < 10; guess++)
      expect((await register({ password: `guess ${guess}` })).status).toBe(401);
    expect((await register()).status).toBe(200);
    expect(registrar.guardStats()).toMatchObject({ ban: 0, flood: 0, banned: 0 });
    for (let guess = 0; guess < 3; guess++) {
      await register({ via: stranger, path: [], password: `guess ${guess}` });
      await clock.advance(5_000);
    }
    await expect(register({ via: stranger, path: [] })).rejects.toThrow('no answer');
  });
});

it('over TCP: a binding outlives the connection that brought it, and is asked over a new one', async () => {
  const at = { protocol: 'tcp', host: '10.0.9.1', port: 5060 } as const;
  const open = async () => {
    const made = new SipStack({ userAgent: 'edge', clock, network: network.host(at.host), listeners: [at] });
    await made.start();
    return made;
  };
  let proxy = await open();
  const request = new SipRequest('REGISTER', 'sip:home', {
    headers: [
      ['From', '<sip:done@home>'],
      ['To', '<sip:done@home>'],
      ['Contact', '<sip:done@192.168.1.7;transport=tcp>'],
      ['Expires', '3600'],
      ['Path', '<sip:10.0.9.1;transport=tcp;lr>'],
    ],
  });
  const credentials = { username: 'done', password: 'pw' };
  const answered = proxy.request(request, { protocol: 'tcp', ...server }, { credentials });
  let status: number | undefined;
  void answered.then((response) => {
    status = response.status;
  });
  await clock.until(() => status !== undefined, 20_000);
  expect(status).toBe(200);
  await proxy.close();
  proxy = await open();
  await clock.advance(60_000);
  expect(registrar.availableNow('ann')).toMatchObject([
    { transport: 'tcp', target: { uri: 'sip:10.0.9.1;transport=tcp;lr' } },
  ]);
  expect(events).toEqual(['registered one']);
  await proxy.close();
  await clock.advance(30_000);
  expect(registrar.availableNow('ann')).toEqual([]);
});

describe('RFC 5626: several flows of one device', () => {
  it('are several bindings with equal contacts, of which one rings and the others come with it', async () => {
    const first = await register(flow(1));
    expect(first.headers.getAll('Require')).toEqual(['outbound']);
    expect(first.headers.has('Flow-Timer')).toBe(false);
    const second = await register({ via: other, ...flow(2) });
    expect(second.headers.getAll('Contact').map((value) => /reg-id=\d/.exec(value)?.[0])).toEqual([
      'reg-id=1',
      'reg-id=2',
    ]);
    const addresses = registrar.availableNow('ann');
    expect(addresses).toMatchObject([
      { target: { uri: 'sip:10.0.9.1;lr;ob' }, otherFlows: [{ target: { uri: 'sip:10.0.9.2;lr;ob' } }] },
    ]);
    expect(registrar.contactsOf('ann')).toHaveLength(2);
  });

  it('section 6: the newest with the same reg-id replaces the one before, whatever its contact', async () => {
    await register(flow(1));
    await register({ via: other, ...flow(1, 'sip:done@192.168.1.9:5062') });
    expect(registrar.availableNow('ann')).toMatchObject([
      { contactUri: 'sip:done@192.168.1.9:5062', target: { uri: 'sip:10.0.9.2;lr;ob' } },
    ]);
    expect(registrar.contactsOf('ann')).toHaveLength(1);
    expect(await store.selectFrom('bindings').select('contact_uri').execute()).toEqual([
      { contact_uri: 'sip:done@192.168.1.9:5062' },
    ]);
  });

  it('replace what the device registered before it knew flows', async () => {
    await register();
    await register(flow(1));
    expect(registrar.contactsOf('ann')).toHaveLength(1);
  });

  it('end one by one', async () => {
    await register(flow(1));
    await register({ via: other, ...flow(2) });
    const { contact, headers } = flow(1);
    await register({ contact, headers: { ...headers, Expires: '0' } });
    expect(registrar.availableNow('ann')).toMatchObject([{ target: { uri: 'sip:10.0.9.2;lr;ob' } }]);
  });

  it('a dead one makes room for the other', async () => {
    await register(flow(1));
    await register({ via: other, ...flow(2) });
    for (let step = 0; step < 60; step++) {
      await clock.advance(500);
      for (const message of other.received.splice(0))
        if (message instanceof SipRequest) other.respond(message, 200);
    }
    expect(registrar.availableNow('ann')).toMatchObject([{ target: { uri: 'sip:10.0.9.2;lr;ob' } }]);
    expect(registrar.availableNow('ann')[0]?.otherFlows).toBeUndefined();
  });

  it('439 through a first hop that keeps none', async () => {
    const response = await register({ ...flow(1), path: ['<sip:10.0.9.1;lr>'] });
    expect([response.status, response.reason]).toEqual([439, 'First Hop Lacks Outbound Support']);
  });

  it('directly to us: Flow-Timer says how often to be heard', async () => {
    const { contact, headers } = flow(1);
    const request = stranger.request('REGISTER', {
      To: '<sip:done@home>',
      CSeq: '900 REGISTER',
      Contact: contact,
      'User-Agent': 'telephone with a rather long name, so that its challenge fits into the answer',
      Require: 'outbound',
      ...headers,
    });
    stranger.send(request);
    await clock.until(() => stranger.received.length > 0);
    const challenge = stranger.lastResponse(401).headers;
    const answer = answerChallenge({
      headers: challenge,
      method: 'REGISTER',
      uri: request.uri,
      username: 'done',
      password: 'pw',
    });
    request.headers.set('Via', 'SIP/2.0/UDP 10.0.8.8:5060;branch=z9hG4bKsecond');
    request.headers.set('CSeq', '901 REGISTER');
    request.headers.set(answer?.name ?? '', answer?.value ?? '');
    stranger.send(request);
    await clock.until(() => stranger.received.length > 1);
    const response = stranger.lastResponse(200).headers;
    expect([response.get('Require'), response.get('Flow-Timer')]).toEqual(['outbound', '25']);
  });
});
