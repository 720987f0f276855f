import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { computeHa1, SipRequest, SipStack, type SipStackOptions } from '@ringthrough/sip';
import { MemoryNetwork, VirtualClock } from '@ringthrough/sip/testing';
import { Alerting } from '../../alerting/index.ts';
import { LocalFabric } from '../../fabric/index.ts';
import { createLogger } from '../../log.ts';
import { FakeMedia, fakeSdp } from '../../media/testing/index.ts';
import { Registrar } from '../../registration/index.ts';
import { type AnswerMode, openStore, type Store } from '../../store/index.ts';
import { CallService } from '../call-service.ts';
import type { CallInterceptor } from '../interceptor.ts';
import type { TrunkLimits } from '../trunk-load.ts';
import { server, TestCaller, TestDevice } from './test-peers.ts';

export type { TestCaller, TestDevice } from './test-peers.ts';

export const numbers = {
  person: '+14155550101',
  caller: '+14155550199',
  c: '+14155559000',
  nobody: '+14155550111',
};
const realm = 'ringthrough';

/** A server with an account, its trunk and its devices, on a network in memory and a clock that the test moves. */
export class CallWorld {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork({ clock: this.clock });
  readonly media = new FakeMedia(this.clock);
  readonly sms: Array<{ to: string; text: string }> = [];
  readonly events: string[] = [];
  /** Who was told that the carrier answers itself. */
  readonly carrierAnswered: string[] = [];
  readonly logLines: string[] = [];
  /** Asked about each call first. */
  readonly interceptors: CallInterceptor[] = [];
  readonly #stacks: SipStack[] = [];
  store!: Store;
  fabric!: LocalFabric;
  registrar!: Registrar;
  alerting!: Alerting;
  calls!: CallService;
  stack!: SipStack;
  trunk!: SipStack;
  dataDir = '';
  #devices = 0;
  #trunkLimits: TrunkLimits = {};
  #ringTimeoutSeconds: number | undefined;
  #maxDurationMs = 3_600_000;

  static async create(
    options: {
      answerMode?: AnswerMode;
      maxConcurrent?: number;
      trunkLimits?: TrunkLimits;
      ringTimeoutSeconds?: number;
      maxDurationMs?: number;
    } = {},
  ): Promise<CallWorld> {
    const world = new CallWorld();
    world.dataDir = await mkdtemp(join(tmpdir(), 'ringthrough-calls-'));
    world.store = await openStore({ path: ':memory:' });
    await world.#seed(options.answerMode ?? 'both');
    world.#trunkLimits = options.trunkLimits ?? {};
    world.#ringTimeoutSeconds = options.ringTimeoutSeconds;
    world.#maxDurationMs = options.maxDurationMs ?? world.#maxDurationMs;
    world.#build(options.maxConcurrent ?? 20);
    await world.stack.start();
    await world.registrar.start();
    await world.alerting.start();
    await world.calls.start();
    world.trunk = await world.newStack('10.0.1.1', 5070);
    return world;
  }

  now = (): number => 1_700_000_000_000 + this.clock.now();

  /** A further SIP user agent on the network. */
  async newStack(host: string, port = 5060, more: Partial<SipStackOptions> = {}): Promise<SipStack> {
    const stack = new SipStack({
      userAgent: 'test',
      listeners: [{ protocol: 'udp', host, port }],
      ...more,
      clock: this.clock,
      network: this.network.host(host),
    });
    this.#stacks.push(stack);
    await stack.start();
    return stack;
  }

  async device(
    options: { register?: boolean; webSocket?: boolean; stack?: Partial<SipStackOptions> } = {},
  ): Promise<TestDevice> {
    this.#devices += 1;
    const id = `device${this.#devices}`;
    const sipUser = `d${this.#devices}`;
    const password = `secret of ${id}`;
    const ha1 = {
      ha1_md5: computeHa1('MD5', sipUser, realm, password),
      ha1_sha256: computeHa1('SHA-256', sipUser, realm, password),
    };
    const row = {
      id,
      account_id: 'ann',
      name: id,
      system: 'test',
      kind: 'softphone' as const,
      sip_user: sipUser,
      created_at: 1,
    };
    await this.store
      .insertInto('devices')
      .values({ ...row, ...ha1 })
      .execute();
    const host = `10.0.2.${this.#devices}`;
    const device = new TestDevice(await this.newStack(host, 5060, options.stack), {
      id,
      sipUser,
      password,
      host,
    });
    if (options.webSocket) this.connect(device);
    if (options.register !== false) await this.wait(device.register());
    return device;
  }

  /** Opens a (new) WebSocket from a device to the server; it registers over it from now on. */
  connect(device: TestDevice): void {
    const { client, server: ours } = this.network.webSocket(device.host, server.host);
    this.stack.attachWebSocket(ours, { host: device.host, port: 40_000 });
    device.flow = device.stack.attachWebSocket(client, { host: server.host, port: 8080 });
  }

  /** The carrier forwards a call. */
  dial(
    options: { headers?: Array<[string, string]>; sdp?: string; from?: SipStack; uri?: string } = {},
  ): TestCaller {
    const diversion: [string, string] = ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`];
    const uri = options.uri ?? `sip:${numbers.c}@10.0.0.1`;
    const headers = options.headers ?? [diversion];
    const from: Array<[string, string]> = [['From', `<sip:${numbers.caller}@c>`]];
    const request = new SipRequest('INVITE', uri, {
      headers: [
        ...(headers.some(([name]) => name === 'From') ? [] : from),
        ['To', `<sip:${numbers.c}@10.0.0.1>`],
        ...headers,
      ],
      body: options.sdp ?? fakeSdp('trunk'),
    });
    return new TestCaller((options.from ?? this.trunk).invite({ request, target: server }));
  }

  /** The same, for a call that is refused. */
  async dialAndFail(options: Parameters<CallWorld['dial']>[0] = {}): Promise<TestCaller> {
    const caller = this.dial(options);
    await this.until('the call is refused', () => caller.final !== undefined);
    return caller;
  }

  /** Moves time on until it holds; fails the test if it does not within `limitMs` of the clock. */
  async until(what: string, condition: () => boolean, limitMs = 40_000): Promise<void> {
    const limit = this.clock.now() + limitMs;
    while (!condition()) {
      if (this.clock.now() > limit) throw new Error(`never happened: ${what}`);
      await this.pass(20);
    }
  }

  /** Moves time on; the clock stands still while the disk works. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 20) {
      await this.clock.advance(Math.min(20, left));
      while (process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name))) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
  }

  /** Lets a promise settle that needs the clock, and the disk, to move. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = promise.finally(() => {
      settled = true;
    });
    done.catch(() => undefined);
    await this.until('a promise settles', () => settled);
    return done;
  }

  async rows() {
    return this.store.selectFrom('calls').selectAll().orderBy('arrived_at').execute();
  }

  /** Everybody is done: nothing may be left of the calls. */
  async settled(): Promise<void> {
    await this.until(
      'calls are over',
      () => this.calls.active().length === 0 && this.media.open.length === 0,
    );
    await this.until(
      'transactions are over',
      () => {
        const { dialogs, serverTransactions, clientTransactions, timers } = this.stack.stats();
        return dialogs + serverTransactions + clientTransactions + timers === 0;
      },
      120_000,
    );
  }

  async close(): Promise<void> {
    await this.wait(this.calls.close());
    for (const stack of [this.stack, ...this.#stacks]) await this.wait(stack.close());
    await this.registrar.close();
    await this.store.destroy();
    await rm(this.dataDir, { recursive: true });
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers are left`);
  }

  async #seed(answerMode: AnswerMode): Promise<void> {
    await this.store
      .insertInto('accounts')
      .values({ id: 'ann', password_hash: 'x', created_at: 1 })
      .execute();
    await this.store
      .insertInto('numbers')
      .values({
        e164: numbers.person,
        account_id: 'ann',
        is_primary: 1,
        carrier_id: 'lab-gsm',
        answer_mode: answerMode,
        validated_at: 1,
      })
      .execute();
  }

  #build(maxConcurrent: number): void {
    const { clock, now, store, media } = this;
    const log = createLogger(
      { level: 'debug', destination: 'stderr' },
      { write: (line) => void this.logLines.push(line) },
    );
    this.fabric = new LocalFabric((error) => this.logLines.push(String(error)));
    const { fabric } = this;
    for (const type of [
      'call.changed',
      'voicemail.stored',
      'device.registered',
      'device.unregistered',
    ] as const) {
      fabric.subscribe(type, () => this.events.push(type));
    }
    this.registrar = new Registrar({
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
        defaultExpiresSeconds: 300,
        maxBindingsPerDevice: 5,
      },
      pingIntervalMs: 10_000,
      edges: [{ host: '10.0.9.1' }, { host: '10.0.9.2' }],
    });
    this.alerting = new Alerting({
      store,
      fabric,
      log,
      now,
      sms: { enqueue: async (_, __, to, text) => void this.sms.push({ to, text }), wake: () => undefined },
      isReachable: async (accountId) => this.registrar.availableNow(accountId).length > 0,
      dataDir: this.dataDir,
      maxMessageMs: 60_000,
      maxSilenceMs: 8_000,
      minVoiceMs: 600,
      maxMessagesPerAccount: 10,
    });
    this.stack = new SipStack({
      userAgent: 'Ringthrough',
      listeners: [server, { ...server, protocol: 'tcp' }],
      clock,
      network: this.network.host(server.host),
      screen: (request, flow) => this.calls.screen(request, flow),
      sessionTimer: { expiresSeconds: 1_800, minSeconds: 90 },
      reliableProvisional: 'required',
    });
    this.calls = new CallService({
      store,
      fabric,
      log,
      clock,
      now,
      media,
      inviter: this.stack,
      alerting: this.alerting,
      registrar: this.registrar,
      carrierAnswers: async (accountId, number) => void this.carrierAnswered.push(`${accountId} ${number}`),
      trunks: {
        byCNumber: (number) => (number === numbers.c ? {} : undefined),
        isNamed: ({ remote }) => remote.host === '10.0.1.1' && remote.port === 5070,
        trunkFor: (_request, flow) =>
          flow.remote.host === '10.0.1.1'
            ? {
                id: 'lab-gsm',
                cNumber: numbers.c,
                country: 'US',
                limits: this.#trunkLimits,
                ringTimeoutSeconds: this.#ringTimeoutSeconds,
              }
            : undefined,
      },
      interceptors: this.interceptors,
      domain: 'localhost',
      ringTimeoutMs: 30_000,
      maxDurationMs: this.#maxDurationMs,
      maxDiversions: 5,
      carrierVoicemail: { cancels: 3, spreadMs: 1000, minRingMs: 5000 },
      maxConcurrent,
      maxConcurrentPerAccount: 3,
    });
    this.stack.on('invite', (session) => this.calls.handleInvite(session));
    this.stack.on('request', (incoming) => this.calls.handleRequest(incoming));
  }
}
