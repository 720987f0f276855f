import { answerChallenge, computeHa1, SipRequest, SipStack, type SubscriberEnd } from '@ringthrough/sip';
import { MemoryNetwork, RawPeer, VirtualClock } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { Registrar } from '../registration/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { MessageSummary } from './message-summary.ts';
import { RegistrationInformation } from './registration-information.ts';
import { SubscriptionService } from './subscription-service.ts';
import { UnsolicitedSummary } from './unsolicited-summary.ts';

const server = { protocol: 'udp', host: '10.0.0.1', port: 5060 } as const;
const realm = 'ringthrough';
const domain = 'home.example';

let clock: VirtualClock;
let network: MemoryNetwork;
let store: Store;
let fabric: LocalFabric;
let registrar: Registrar;
let stack: SipStack;
let service: SubscriptionService;
let unsolicited: UnsolicitedSummary | undefined;
let stacks: SipStack[];
let failures: unknown[];
/** By account. */
const messages = new Map<string, { new: number; old: number }>();
const now = (): number => 1_700_000_000_000 + clock.now();

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork({ clock });
  messages.clear();
  [stacks, failures, unsolicited] = [[], [], undefined];
  store = await openStore({ path: ':memory:' });
  for (const id of ['ann', 'bob'])
    await store.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 }).execute();
  fabric = new LocalFabric((error) => failures.push(error));
  const log = createLogger({ level: 'silent', destination: 'stderr' });
  registrar = new Registrar({
    store,
    fabric,
    log,
    clock,
    now,
    realm,
    secret: 'nonce key',
    nonceLifetimeMs: 300_000,
    limits: {
      minExpiresSeconds: 30,
      maxExpiresSeconds: 3600,
      defaultExpiresSeconds: 3600,
      maxBindingsPerDevice: 5,
    },
    pingIntervalMs: 10_000,
    edges: [{ host: '10.0.9.1' }],
  });
  stack = new SipStack({
    userAgent: 'Ringthrough',
    listeners: [server],
    clock,
    network: network.host(server.host),
    events: ['message-summary', 'reg'],
  });
  const summary = new MessageSummary({
    domain,
    counts: async (accountId) => messages.get(accountId) ?? { new: 0, old: 0 },
  });
  const contacts = (accountId: string) => registrar.contactsOf(accountId);
  service = new SubscriptionService({
    acceptor: stack,
    registrar,
    fabric,
    log,
    packages: [summary, new RegistrationInformation({ domain, now, contacts })],
    limits: { minExpiresSeconds: 60, maxExpiresSeconds: 3600, defaultExpiresSeconds: 600, maxPerDevice: 2 },
  });
  stack.on('request', (incoming) => {
    if (incoming.request.method !== 'REGISTER') return false;
    void registrar.handleRegister(incoming);
    return true;
  });
  stack.on('request', (incoming) => service.handleRequest(incoming));
  await stack.start();
  await registrar.start();
  startUnsolicited = () => {
    unsolicited = new UnsolicitedSummary({
      sender: stack,
      fabric,
      log,
      summary,
      domain,
      available: (accountId) => registrar.availableNow(accountId),
      isSubscribed: (deviceId) => service.has(deviceId, summary.name),
    });
  };
});
let startUnsolicited: () => void;

afterEach(async () => {
  service.close();
  unsolicited?.close();
  await clock.advance(40_000);
  expect(stack.stats()).toMatchObject({ dialogs: 0, serverTransactions: 0, clientTransactions: 0 });
  expect([service.size, stack.counters.listenerErrors, failures]).toEqual([0, 0, []]);
  for (const one of [stack, ...stacks]) await one.close();
  await registrar.close();
  await store.destroy();
  expect(clock.pending).toBe(0);
});

interface Told {
  state: string;
  body: string;
}

/** A telephone of an account. */
class Phone {
  readonly stack: SipStack;
  readonly user: string;
  readonly told: Told[] = [];
  readonly unsolicited: string[] = [];
  end: SubscriberEnd | undefined;
  #cseq = 0;

  constructor(made: SipStack, user: string) {
    this.stack = made;
    this.user = user;
    made.on('request', ({ request }) => {
      if (request.method !== 'NOTIFY') return false;
      this.unsolicited.push(Buffer.from(request.body).toString());
      return true;
    });
  }

  static async of(account: string, user: string): Promise<Phone> {
    const host = `10.0.1.${stacks.length + 1}`;
    const made = new SipStack({
      userAgent: 'phone',
      clock,
      network: network.host(host),
      listeners: [{ protocol: 'udp', host, port: 5060 }],
    });
    stacks.push(made);
    await made.start();
    await store
      .insertInto('devices')
      .values({
        id: `device ${user}`,
        account_id: account,
        name: user,
        system: 'test',
        kind: 'softphone',
        sip_user: user,
        ha1_md5: computeHa1('MD5', user, realm, 'pw'),
        ha1_sha256: computeHa1('SHA-256', user, realm, 'pw'),
        created_at: 1,
      })
      .execute();
    return new Phone(made, user);
  }

  async register(
    expires = 3600,
    contact = `sip:${this.user}@${this.stack.addresses[0]?.host}:5060`,
  ): Promise<void> {
    this.#cseq += 2;
    const request = new SipRequest('REGISTER', `sip:${domain}`, {
      headers: [
        ['From', `<sip:${this.user}@${domain}>`],
        ['To', `<sip:${this.user}@${domain}>`],
        ['Call-ID', `reg-${this.user}`],
        ['CSeq', `${this.#cseq} REGISTER`],
        ['Contact', `<${contact}>;expires=${expires}`],
      ],
    });
    const answered = this.stack.request(request, server, { credentials: this.#credentials() });
    expect((await settled(answered)).status).toBe(200);
  }

  subscribe(
    event: string,
    options: { user?: string | undefined; password?: string; accept?: string; expires?: number } = {},
  ) {
    const user = 'user' in options ? options.user : this.user;
    const uri = user === undefined ? `sip:${domain}` : `sip:${user}@${domain}`;
    return this.stack.subscribe({
      request: new SipRequest('SUBSCRIBE', uri, {
        headers: [
          ['From', `<sip:${this.user}@${domain}>`],
          ['To', `<${uri}>`],
          ['Event', event],
          ...(options.accept === undefined ? [] : [['Accept', options.accept] as const]),
        ],
      }),
      target: server,
      credentials: this.#credentials(options.password),
      ...(options.expires === undefined ? {} : { expiresSeconds: options.expires }),
      notified: ({ body }, { state, reason }) =>
        this.told.push({
          state: reason === undefined ? state : `${state} ${reason}`,
          body: Buffer.from(body).toString(),
        }),
      ended: (end) => {
        this.end = end;
      },
    });
  }

  get last(): Told {
    const last = this.told.at(-1);
    if (last === undefined) throw new Error('told nothing');
    return last;
  }

  #credentials(password = 'pw') {
    return { username: this.user, password };
  }
}

/** Lets it settle, which needs time and the database. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const over = promise.finally(() => {
    done = true;
  });
  over.catch(() => undefined);
  await until(() => done);
  return over;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn > 20_000) throw new Error('never happened');
    await clock.advance(20);
  }
}

const summaryOf = (fresh: number, old: number) =>
  `Messages-Waiting: ${fresh > 0 ? 'yes' : 'no'}\r\nMessage-Account: sip:voicemail@${domain}\r\nVoice-Message: ${fresh}/${old} (0/0)\r\n`;

describe('message-summary, RFC 3842 (R-NOTIFY)', () => {
  it('tells what is there, and what comes, of the own account alone', async () => {
    const phone = await Phone.of('ann', 'd1');
    messages.set('ann', { new: 0, old: 3 });
    phone.subscribe('message-summary');
    await until(() => phone.told.length === 1);
    expect(phone.last).toEqual({ state: 'active', body: summaryOf(0, 3) });
    messages.set('ann', { new: 1, old: 3 });
    fabric.publish('voicemail.stored', { accountId: 'ann', voicemailId: 'v' });
    await until(() => phone.told.length === 2);
    expect(phone.last.body).toBe(summaryOf(1, 3));
    // A change of which nothing is to be seen, one of another account, and one that is.
    fabric.publish('voicemail.changed', { accountId: 'ann', voicemailId: 'v' });
    fabric.publish('voicemail.stored', { accountId: 'bob', voicemailId: 'w' });
    await clock.advance(5_000);
    expect(phone.told.length).toBe(2);
    messages.set('ann', { new: 0, old: 4 });
    fabric.publish('voicemail.changed', { accountId: 'ann', voicemailId: 'v' });
    await until(() => phone.told.length === 3);
    expect(phone.last.body).toBe(summaryOf(0, 4));
  });

  it.each([
    ['the mailbox', 'voicemail'],
    ['nobody in particular', undefined],
  ])('can be subscribed to at %s', async (_title, user) => {
    const phone = await Phone.of('ann', 'd1');
    phone.subscribe('message-summary', { user, accept: 'text/plain, application/simple-message-summary' });
    await until(() => phone.told.length === 1);
    expect(phone.last.body).toBe(summaryOf(0, 0));
  });
});

describe('who may subscribe', () => {
  it.each([
    ['a wrong password', 'reg', { password: 'wrong' }, 401],
    ['another device', 'reg', { user: 'd2' }, 403],
    ['a device that nobody has', 'reg', { user: 'nobody' }, 403],
    ['the mailbox, for registrations', 'reg', { user: 'voicemail' }, 403],
    ['a package that nobody has', 'presence', {}, 489],
    ['a type that it is not', 'reg', { accept: 'application/pidf+xml' }, 406],
  ])('%s: refused', async (_title, event, options, status) => {
    const phone = await Phone.of('ann', 'd1');
    await Phone.of('bob', 'd2');
    phone.subscribe(event, options);
    await until(() => phone.end !== undefined);
    expect(phone.end).toEqual({ how: 'refused', status });
    expect([phone.told, service.size]).toEqual([[], 0]);
  });

  it('so many of one device: the oldest makes room', async () => {
    const phone = await Phone.of('ann', 'd1');
    const first = phone.subscribe('message-summary');
    await until(() => phone.told.length === 1);
    for (const event of ['message-summary;id=2', 'reg']) phone.subscribe(event);
    await until(() => first.state === 'terminated');
    expect(phone.end).toMatchObject({ how: 'terminated', reason: 'rejected' });
    await until(() => phone.told.length === 4);
    expect(service.size).toBe(2);
  });

  it('a device that is signed out is told no more', async () => {
    const phone = await Phone.of('ann', 'd1');
    phone.subscribe('message-summary');
    await until(() => phone.told.length === 1);
    fabric.publish('device.removed', { accountId: 'ann', deviceId: 'device d1' });
    await until(() => phone.end !== undefined);
    expect([phone.end, service.size]).toMatchObject([{ how: 'terminated', reason: 'rejected' }, 0]);
  });

  it('a fetch leaves nothing; the end of the service says to come again', async () => {
    const phone = await Phone.of('ann', 'd1');
    phone.subscribe('message-summary', { expires: 0 });
    await until(() => phone.end !== undefined);
    expect([phone.last.body, service.size]).toEqual([summaryOf(0, 0), 0]);
    phone.end = undefined;
    phone.subscribe('message-summary');
    await until(() => service.size === 1);
    service.close();
    await until(() => phone.end !== undefined);
    expect(phone.end).toMatchObject({ how: 'terminated', reason: 'probation' });
  });
});

describe('where NOTIFYs go', () => {
  /** A SUBSCRIBE that names another place, from there, challenge included. */
  async function subscribeFrom(host: string): Promise<RawPeer> {
    const peer = await RawPeer.bind(network, { host, port: 5060 }, server);
    for (let n = 1; n <= 2; n++) {
      const request = peer.request('SUBSCRIBE', {
        Via: `SIP/2.0/UDP ${host}:5060;branch=z9hG4bK${n}`,
        CSeq: `${n} SUBSCRIBE`,
        Event: 'message-summary',
        'Record-Route': '<sip:10.0.9.2;lr>',
        Contact: '<sip:d1@10.0.9.2>',
      });
      request.uri = `sip:${domain}`;
      if (n === 2) {
        const { headers } = peer.lastResponse(401);
        const credentials = { username: 'd1', password: 'pw', method: 'SUBSCRIBE', uri: request.uri };
        const answer = answerChallenge({ headers, ...credentials });
        request.headers.add(answer?.name ?? '', answer?.value ?? '');
      }
      peer.send(request);
      const seen = peer.received.length;
      await until(() => peer.received.length > seen);
    }
    await clock.advance(100);
    return peer;
  }

  it.each([
    ['of a device: where it spoke from', '10.0.3.1', ['401 SUBSCRIBE', '200 SUBSCRIBE', 'NOTIFY'], []],
    [
      'of one behind an edge proxy: along its route',
      '10.0.9.1',
      ['401 SUBSCRIBE', '200 SUBSCRIBE'],
      ['NOTIFY'],
    ],
  ])('%s', async (_title, host, here, there) => {
    await Phone.of('ann', 'd1');
    const elsewhere = await RawPeer.bind(network, { host: '10.0.9.2', port: 5060 }, server);
    const peer = await subscribeFrom(host);
    expect([peer.news(), elsewhere.news()]).toEqual([here, there]);
    const told = there.length > 0 ? elsewhere : peer;
    expect(told.lastRequest('NOTIFY').headers.get('Route')).toBe('<sip:10.0.9.2;lr>');
    told.respond(told.lastRequest('NOTIFY'), 481);
    await until(() => service.size === 0);
    await peer.close();
    await elsewhere.close();
  });
});

describe('reg, RFC 3680', () => {
  const parts = (body: string, pattern: RegExp) => [...body.matchAll(pattern)].map(([, one]) => one);
  const versions = (phone: Phone) =>
    phone.told.map(({ body }) => /version="(\d+)" state="(\w+)"/.exec(body)?.slice(1).join(' '));

  it('tells the contacts of all devices of the account, then what changes', async () => {
    const [phone, desk, other] = [
      await Phone.of('ann', 'd1'),
      await Phone.of('ann', 'd2'),
      await Phone.of('bob', 'd3'),
    ];
    await other.register();
    phone.subscribe('reg');
    await until(() => phone.told.length === 1);
    expect(phone.last.body).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full">\n {2}<registration aor="sip:d1@home.example" id="[\w-]{16}" state="init"\/>\n<\/reginfo>\n$/,
    );
    await clock.advance(10_000);
    await desk.register(600, 'sip:d2@10.0.1.2:5060;x=a&b');
    await until(() => phone.told.length === 2);
    expect(phone.last.body).toContain('aor="sip:d2@home.example"');
    expect(phone.last.body).toContain('<uri>sip:d2@10.0.1.2:5060;x=a&amp;b</uri>');
    expect(phone.last.body).toMatch(
      /<contact id="[\w-]{16}" state="active" event="registered" expires="(599|600)" callid="reg-d2" cseq="\d+">/,
    );
    expect(parts(phone.last.body, /<registration aor="([^"]+)"/g)).toEqual(['sip:d2@home.example']);
    await clock.advance(10_000);
    await desk.register(0, 'sip:d2@10.0.1.2:5060;x=a&b');
    await until(() => phone.told.length === 3);
    expect(phone.last.body).toMatch(/id="[\w-]{16}" state="terminated">\n {4}<contact/);
    expect(phone.last.body).toContain('state="terminated" event="unregistered" callid="reg-d2"');
    expect(versions(phone)).toEqual(['0 full', '1 partial', '2 partial']);
  });

  it('a refresh of the subscription tells all, with the next version', async () => {
    const phone = await Phone.of('ann', 'd1');
    await phone.register();
    phone.subscribe('reg', { expires: 100 });
    await until(() => phone.told.length === 3);
    expect(versions(phone)).toEqual(['0 full', '1 full', '2 full']);
    expect(parts(phone.last.body, /<contact id="[^"]+" state="(\w+)"/g)).toEqual(['active']);
  });

  it('says why a contact has ended, and tells several changes together', async () => {
    const [phone, desk] = [await Phone.of('ann', 'd1'), await Phone.of('ann', 'd2')];
    await desk.register(60);
    phone.subscribe('reg');
    await until(() => phone.told.length === 1);
    await phone.register(60);
    await until(() => phone.told.length === 2);
    await until(() => phone.told.length === 3);
    expect(parts(phone.last.body, /event="(\w+)"/g)).toEqual(['expired', 'expired']);
    await clock.advance(10_000);
    await desk.register(3600);
    await until(() => phone.told.length === 4);
    await registrar.removeDevice('device d2');
    await until(() => phone.told.length === 5);
    expect(parts(phone.last.body, /event="(\w+)"/g)).toEqual(['rejected']);
    expect(versions(phone).at(-1)).toBe('4 partial');
  });
});

describe('messages that wait, told without being asked', () => {
  it('on a message, and to who registers while there is one; not to who subscribes, nor who refuses', async () => {
    startUnsolicited();
    const [quiet, asking, deaf] = [
      await Phone.of('ann', 'd1'),
      await Phone.of('ann', 'd2'),
      await Phone.of('ann', 'd3'),
    ];
    let asked = 0;
    quiet.stack.on('request', (incoming) => incoming.respond(200));
    deaf.stack.on('request', (incoming) => {
      asked++;
      incoming.respond(489);
    });
    for (const phone of [quiet, asking, deaf]) await phone.register();
    asking.subscribe('message-summary');
    await until(() => asking.told.length === 1);
    await clock.advance(1_000);
    expect([quiet.unsolicited, asking.unsolicited, asked]).toEqual([[], [], 0]);
    messages.set('ann', { new: 1, old: 0 });
    fabric.publish('voicemail.stored', { accountId: 'ann', voicemailId: 'v' });
    await until(() => quiet.unsolicited.length === 1 && asked === 1 && asking.told.length === 2);
    expect(quiet.unsolicited).toEqual([summaryOf(1, 0)]);
    fabric.publish('voicemail.changed', { accountId: 'ann', voicemailId: 'v' });
    await until(() => quiet.unsolicited.length === 2);
    await clock.advance(1_000);
    expect([asked, asking.unsolicited]).toEqual([1, []]);
    const late = await Phone.of('ann', 'd4');
    late.stack.on('request', (incoming) => incoming.respond(200));
    await late.register();
    await until(() => late.unsolicited.length === 1);
    // Who registers anew is asked anew.
    await deaf.register(0);
    await deaf.register();
    await until(() => asked === 2);
    expect(quiet.unsolicited.length).toBe(2);
  });
});
