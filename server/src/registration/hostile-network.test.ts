import { answerChallenge, computeHa1, SipStack, serializeMessage } from '@ringthrough/sip';
import { MemoryNetwork, RawPeer, VirtualClock } from '@ringthrough/sip/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { openStore, type Store } from '../store/index.ts';
import { Registrar, SourceGuard } from './index.ts';

const realm = 'ringthrough';
const serverAddress = { host: '10.0.0.1', port: 5060 };

let clock: VirtualClock;
let network: MemoryNetwork;
let store: Store;
let registrar: Registrar;
let stack: SipStack;
let peer: RawPeer;
let requests = 0;

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  store = await openStore({ path: ':memory:' });
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  const ha1 = {
    ha1_md5: computeHa1('MD5', 'done', realm, 'secret'),
    ha1_sha256: computeHa1('SHA-256', 'done', realm, 'secret'),
  };
  const device = { id: 'one', account_id: 'ann', name: 'One', system: 'test', sip_user: 'done' };
  await store
    .insertInto('devices')
    .values({ ...device, ...ha1, kind: 'softphone', created_at: 1 })
    .execute();
  const now = () => 1_700_000_000_000 + clock.now();
  registrar = new Registrar({
    store,
    fabric: new LocalFabric(() => undefined),
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
    guard: new SourceGuard({
      limits: {
        requestsPerSecond: 1000,
        burst: 1000,
        failures: 5,
        failureWindowMs: 60_000,
        banMs: 60_000,
        scanners: ['friendly-scanner'],
      },
      now,
      networkOf: (address) => address,
    }),
    maxUdpAnswerRatio: 1,
  });
  await registrar.start();
  stack = new SipStack({
    userAgent: 'Ringthrough/0.1.0',
    listeners: [{ protocol: 'udp', ...serverAddress }],
    clock,
    network: network.host(serverAddress.host),
    screen: (request, flow) => registrar.admits(request, flow),
  });
  stack.on('request', (incoming) => void registrar.handleRegister(incoming));
  await stack.start();
  peer = await RawPeer.bind(network, { host: '10.0.0.2', port: 5060 }, serverAddress);
});

afterEach(async () => {
  await peer.close();
  await stack.close();
  await registrar.close();
  await store.destroy();
});

/** Long enough for a challenge. */
const allow =
  'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, REFER, MESSAGE, SUBSCRIBE, PRACK, PUBLISH';

/** Sends a REGISTER; what came back, and how large both were. */
async function send(headers: Record<string, string> = {}) {
  requests += 1;
  const branch = `SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK${requests};rport`;
  const more = { Via: branch, CSeq: `${requests} REGISTER`, ...headers };
  const request = peer.request('REGISTER', more);
  const before = peer.received.length;
  peer.send(request);
  for (let step = 0; step < 20; step += 1) await clock.advance(10);
  const answer = peer.received[before];
  const bytes = serializeMessage(request).length;
  return { request, answer, sent: bytes, got: answer ? serializeMessage(answer).length : 0 };
}

/** With the answer to a challenge that was given here. */
async function guess(username: string, password = 'wrong') {
  const { answer } = await send({ Allow: allow });
  if (answer === undefined) return undefined;
  const question = { headers: answer.headers, method: 'REGISTER', uri: 'sip:service@10.0.0.1' };
  const credentials = answerChallenge({ ...question, username, password });
  const headers = { Allow: allow, To: '<sip:done@localhost>' };
  return (await send({ ...headers, [credentials?.name ?? '']: credentials?.value ?? '' })).answer;
}

describe('no amplification', () => {
  it('gives one challenge where there is no room for two, and none where there is no room for one', async () => {
    const challenges = async (headers: Record<string, string>) =>
      (await send(headers)).answer?.headers
        .getAll('WWW-Authenticate')
        .map((one) => /\w+=(SHA-256|MD5)/.exec(one)?.[1]);
    expect(await challenges({ Allow: allow, 'User-Agent': 'x'.repeat(150) })).toEqual(['SHA-256', 'MD5']);
    expect(await challenges({ Allow: allow })).toEqual(['MD5']);
    expect(await challenges({})).toBeUndefined();
    expect(registrar.guardStats().tooShort).toBe(1);
  });

  it('holds for every request: the answer is never larger', async () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcdefgh'), minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.boolean(), async (name, agent, rport) => {
        const via = `SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKp${requests}${rport ? ';rport' : ''}`;
        const { sent, got } = await send({ Via: via, To: `<sip:${name}@a>`, 'User-Agent': agent });
        expect(got).toBeLessThanOrEqual(sent);
      }),
      { numRuns: 60 },
    );
  });

  it('does not say what we are', async () => {
    const { answer } = await send({ Allow: allow });
    expect(answer?.headers.has('Server')).toBe(false);
  });
});

describe('guessing', () => {
  it('is answered the same for a wrong password and an unknown user', async () => {
    const shape = (answer: Awaited<ReturnType<typeof guess>>) =>
      [...(answer?.headers.entries() ?? [])].map(
        ([name, value]) => `${name}: ${value.replace(/nonce="[^"]*"|tag=\w+|branch=\w+|^\d+/g, '')}`,
      );
    const wrong = await guess('done');
    expect(shape(wrong)).toEqual(shape(await guess('dnobody')));
    expect(wrong).toMatchObject({ status: 401 });
  });

  it('is banned, for known and unknown users alike, and the right password does not help', async () => {
    for (let n = 0; n < 5; n += 1) {
      expect(await guess(n % 2 ? 'done' : `dnobody${n}`)).toMatchObject({ status: 401 });
    }
    expect(await guess('done', 'secret')).toBeUndefined();
    expect(registrar.guardStats()).toMatchObject({ banned: 1, bans: 1 });
    await clock.advance(60_000);
    expect(await guess('done', 'secret')).toMatchObject({ status: 200 });
  });

  it('under a forged address bans nobody: the challenge was given to somebody else', async () => {
    const thief = await RawPeer.bind(network, { host: '10.0.0.3', port: 5060 }, serverAddress);
    thief.send(thief.request('REGISTER', { Allow: allow }));
    await clock.advance(100);
    const { headers } = thief.lastResponse(401);
    const question = { headers, method: 'REGISTER', uri: 'sip:service@10.0.0.1', username: 'done' };
    const credentials = answerChallenge({ ...question, password: 'wrong' });
    for (let n = 0; n < 20; n += 1) {
      const { answer } = await send({ Allow: allow, Authorization: credentials?.value ?? '' });
      expect(answer).toMatchObject({ status: 401 });
    }
    expect(registrar.guardStats().bans).toBe(0);
    await thief.close();
  });
});

it('lets a scanner believe that nobody is here', async () => {
  const { answer } = await send({ Allow: allow, 'User-Agent': 'friendly-scanner' });
  expect(answer).toBeUndefined();
  expect(stack.stats().serverTransactions).toBe(0);
});
