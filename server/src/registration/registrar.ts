import {
  type Clock,
  type DigestAlgorithm,
  DigestServer,
  type Flow,
  type IncomingRequest,
  parseNameAddr,
  parseUri,
  type SipRequest,
} from '@ringthrough/sip';
import type { Fabric, FabricEvents } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/index.ts';
import {
  addressOf,
  addressText,
  BindingTable,
  type DeviceAddress,
  type LiveBinding,
} from './binding-table.ts';
import { challengesThatFit } from './challenge-size.ts';
import { DeviceDirectory, type DeviceIdentity, type DeviceWithSecret } from './device-directory.ts';
import { LivenessWatch, trueWithin } from './liveness.ts';
import { applyRegister, type RegisterLimits } from './register-contacts.ts';
import { SerialQueues } from './serial-queues.ts';
import type { GuardStats, SourceGuard } from './source-guard.ts';

type UnregisteredWhy = FabricEvents['device.unregistered']['why'];

/** How softphones are asked whether they live: they have no WebSocket whose pings they would answer. */
export interface SoftphoneLiveness {
  periodMs: number;
  patienceMs: number;
  /** Sends OPTIONS (RFC 3261 section 11); true for any response, false when none came. */
  ask: (address: DeviceAddress) => Promise<boolean>;
}

export interface RegistrarOptions {
  store: Store;
  fabric: Fabric;
  log: Logger;
  clock: Clock;
  /** Unix milliseconds. */
  now: () => number;
  /** Of the digest; the HA1s in the store were made with it. */
  realm: string;
  nonceLifetimeMs: number;
  /** Offered to devices in this order; SHA-256 and then MD5 when absent. */
  digestAlgorithms?: readonly DigestAlgorithm[];
  limits: RegisterLimits;
  /** How often a connection with bindings is asked whether it lives; it has as long to answer. */
  pingIntervalMs: number;
  /** Absent: softphones are believed until they expire. */
  softphones?: SoftphoneLiveness | undefined;
  /** Absent: everybody gets an answer. */
  guard?: SourceGuard;
  /** How many times as large as the request the challenge to a stranger on UDP may be; unlimited when absent. */
  maxUdpAnswerRatio?: number;
}

export type Authentication =
  | { ok: true; device: DeviceIdentity }
  /** The response to give: 401 or 407 with these headers, or 403. */
  | { ok: false; status: number; headers: Array<[string, string]> };

/**
 * The SIP registrar (RFC 3261 section 10.3) and the place to ask who can be reached (R-REG, R-REG-LOST, R-QUERY).
 * A registration that was answered with 200 is stored. A binding lives as long as its connection, at most until it
 * expires. One over UDP is believed as long as its device answers; it is asked on, and believed again when it does.
 */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #digest: DigestServer;
  readonly #directory: DeviceDirectory;
  readonly #table = new BindingTable();
  readonly #queues = new SerialQueues();
  /** Flows that are watched for their end, by id. */
  readonly #watched = new Map<string, { flow: Flow; stop: () => void }>();
  readonly #liveness: LivenessWatch<LiveBinding> | undefined;
  /** Connections with a question open. */
  readonly #asked = new Set<Flow>();
  /** Connections whose devices have answered a CRLF. */
  readonly #answering = new WeakSet<Flow>();
  readonly #unsubscribe: () => void;
  #expiryTimer: unknown;
  /** When the expiry timer is due. */
  #nextExpiry = Number.POSITIVE_INFINITY;
  #pingTimer: unknown;
  #closed = false;
  /** Challenges as large as those that are given. */
  readonly #sample: string[];
  #withoutRoom = 0;

  constructor(options: RegistrarOptions & { secret: string }) {
    this.#options = options;
    const { realm, nonceLifetimeMs, secret, now, digestAlgorithms: algorithms } = options;
    const digest = { realm, nonceLifetimeMs, secret, now };
    this.#digest = new DigestServer(algorithms === undefined ? digest : { ...digest, algorithms });
    this.#sample = this.#digest.challenge();
    this.#directory = new DeviceDirectory(options.store);
    const { softphones, clock } = options;
    this.#liveness =
      softphones &&
      new LivenessWatch({
        clock,
        ...softphones,
        ask: (binding) => this.#ask(binding),
        silent: (binding) => this.#setSilent(binding, true),
        answered: (binding) => this.#setSilent(binding, false),
      });
    this.#unsubscribe = options.fabric.subscribe('device.removed', ({ deviceId }) => {
      void this.removeDevice(deviceId);
    });
  }

  /** Takes the UDP bindings that a restart has left; those of connections are gone. */
  async start(): Promise<void> {
    const restored = await this.#directory.restore(this.#options.now());
    const periodMs = this.#options.softphones?.periodMs ?? 0;
    for (const [index, { binding: stored, ...device }] of restored.entries()) {
      const bindings = this.#table.get(device.deviceId)?.bindings ?? [];
      const binding = { ...stored, flow: undefined };
      this.#table.set(device, [...bindings, binding]);
      this.#armExpiry([binding]);
      // Spread over the period: not all of them at once.
      this.#liveness?.watch(binding, (periodMs * index) / restored.length);
    }
    this.#armPing();
  }

  /** Answers a REGISTER. Never rejects. */
  async handleRegister(incoming: IncomingRequest): Promise<void> {
    try {
      const authentication = await this.authenticate(incoming, 401);
      if (!authentication.ok) {
        // Nobody yet: RFC 3261 section 8.2.7 keeps nothing of a request that has to prove itself first.
        incoming.respond(authentication.status, { headers: authentication.headers, stateless: true });
        return;
      }
      // A device registers itself and nobody else (RFC 3261 10.3 step 4).
      const { device } = authentication;
      const user = parseUri(parseNameAddr(incoming.request.headers.get('To') ?? '')?.uri ?? '')?.user;
      if (user !== device.sipUser) {
        incoming.respond(403);
        return;
      }
      await this.#queues.run(device.deviceId, () => this.#register(device, incoming));
    } catch (error) {
      this.#options.log.error({ err: error }, 'registration failed');
      incoming.respond(500);
    }
  }

  /**
   * Who sent this request, by digest. The answer to a wrong password is the same as to an unknown user.
   * @param challenge 401 for REGISTER, 407 for calls
   */
  async authenticate(
    { request, flow }: { request: SipRequest; flow: Flow },
    challenge: 401 | 407,
  ): Promise<Authentication> {
    let device: DeviceWithSecret | undefined;
    const lookup = async (username: string) => {
      device = await this.#directory.bySipUser(username);
      return device?.ha1;
    };
    // A datagram's source is easily forged: only who received the challenge there may answer it. Otherwise a device
    // could register the address of a trunk, whose calls would be taken for its own, or of somebody to be flooded.
    const client = flow.protocol === 'udp' ? flow.remote.host : '';
    const verdict = await this.#digest.verifyAsync(request, lookup, client);
    if (verdict.result === 'ok' && device !== undefined) {
      const { ha1: _, ...identity } = device;
      return { ok: true, device: identity };
    }
    if (verdict.result === 'bad' && this.#digest.answersChallenge(request, client)) {
      this.#options.guard?.failed(flow, this.knows(flow));
    }
    const offered = this.#digest.challenge({ stale: verdict.result === 'stale', client });
    const challenges = this.#fitting(request, flow, offered) ?? offered;
    const name = challenge === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate';
    return { ok: false, status: challenge, headers: challenges.map((value) => [name, value]) };
  }

  /**
   * False: the request gets no answer. To be asked before a transaction exists, and not for those who are trusted by
   * their address.
   */
  admits(request: SipRequest, flow: Flow): boolean {
    if (this.#options.guard?.admits(request, flow, this.knows(flow)) === false) return false;
    if (request.method !== 'REGISTER' || this.#fitting(request, flow, this.#sample)) return true;
    this.#withoutRoom += 1;
    return false;
  }

  /** What was dropped, and who is banned; `tooShort`: for the challenge to be no larger. */
  guardStats(): GuardStats & { tooShort: number } {
    const none: GuardStats = { scanner: 0, flood: 0, ban: 0, bans: 0, banned: 0 };
    return { ...(this.#options.guard?.stats() ?? none), tooShort: this.#withoutRoom };
  }

  /** Undefined: no challenge can be given. */
  #fitting(request: SipRequest, flow: Flow, challenges: string[]): readonly string[] | undefined {
    const { maxUdpAnswerRatio: ratio } = this.#options;
    if (ratio === undefined || flow.protocol !== 'udp' || this.knows(flow)) return challenges;
    return challengesThatFit(request, challenges, ratio);
  }

  /** Every live address of every device of the account; empty means not available (R-QUERY). */
  async available(accountId: string): Promise<DeviceAddress[]> {
    return this.availableNow(accountId);
  }

  /** `available` where the caller is in the same process. */
  availableNow(accountId: string): DeviceAddress[] {
    const now = this.#options.now();
    return this.#table.ofAccount(accountId).flatMap((device) =>
      device.bindings
        .filter((binding) => binding.expiresAt > now && !binding.silent)
        .map((binding) => addressOf(device, binding))
        .filter((address) => address !== undefined),
    );
  }

  /** Ids of the account's devices that are registered now. */
  registeredDevices(accountId: string): Set<string> {
    return new Set(this.availableNow(accountId).map((address) => address.deviceId));
  }

  /** True when a device is registered over this flow or from this UDP address. */
  knows(flow: Flow): boolean {
    return this.#table.knows(flow);
  }

  /** Signed out: its bindings end and its connections are closed. */
  async removeDevice(deviceId: string): Promise<void> {
    await this.#queues.run(deviceId, async () => {
      const device = this.#table.get(deviceId);
      if (device === undefined) return;
      await this.#change(device, [], 'removed');
      for (const { flow } of device.bindings) flow?.close();
    });
  }

  /** Stops timers and watching; bindings stay stored for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    this.#options.clock.clearTimeout(this.#expiryTimer);
    this.#options.clock.clearTimeout(this.#pingTimer);
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
    this.#liveness?.close();
    await this.#queues.idle();
  }

  async #register(device: DeviceIdentity, incoming: IncomingRequest): Promise<void> {
    const { request, flow } = incoming;
    const { now, limits } = this.#options;
    const source = {
      transport: flow.protocol,
      local: addressText(flow.local),
      remote: addressText(flow.remote),
    };
    const current = this.#table.get(device.deviceId)?.bindings ?? [];
    const result = applyRegister(current, request, { source, limits, now: now() });
    if (!result.ok) {
      const headers: Array<[string, string]> =
        result.minExpires === undefined ? [] : [['Min-Expires', String(result.minExpires)]];
      incoming.respond(result.status, { reason: result.reason, headers });
      return;
    }
    if (result.changed) {
      const connection = flow.protocol === 'udp' ? undefined : flow;
      const known = new Map(current.map((binding) => [binding.contactUri, binding]));
      const bindings = result.bindings.map((binding): LiveBinding => {
        const old = known.get(binding.contactUri);
        return old?.registeredAt === binding.registeredAt && old.cseq === binding.cseq
          ? old
          : { ...binding, flow: connection, silent: false };
      });
      await this.#change(device, bindings, 'logout');
    }
    incoming.respond(200, { headers: this.#okHeaders(device.deviceId, request) });
  }

  /** RFC 3261 10.3 step 8, and RFC 3327 5.3: Path comes back when it is understood. */
  #okHeaders(deviceId: string, request: SipRequest): Array<[string, string]> {
    const now = this.#options.now();
    const bindings = this.#table.get(deviceId)?.bindings ?? [];
    const headers = bindings.map((binding): [string, string] => {
      const seconds = Math.max(1, Math.ceil((binding.expiresAt - now) / 1000));
      return ['Contact', `<${binding.contactUri}>;expires=${seconds}`];
    });
    headers.push(['Date', new Date(now).toUTCString()]);
    for (const path of request.headers.getAll('Path')) headers.push(['Path', path]);
    return headers;
  }

  /** Stores, then uses, then tells. Runs in the device's queue. */
  async #change(device: DeviceIdentity, bindings: LiveBinding[], why: UnregisteredWhy): Promise<void> {
    await this.#directory.save(device.deviceId, bindings, this.#options.now());
    const { deviceId, accountId } = device;
    const before = this.#table.get(deviceId)?.bindings ?? [];
    // The connection may have closed while we wrote; its own end comes too late then.
    const alive = bindings.filter((binding) => !binding.flow?.closed);
    this.#table.set(device, alive);
    this.#watch(alive);
    this.#watchLiveness(before, alive);
    this.#armExpiry(alive);
    const among = (list: readonly LiveBinding[], { contactUri, flow }: LiveBinding) =>
      list.some((other) => !other.silent && other.contactUri === contactUri && other.flow?.id === flow?.id);
    if (before.some((old) => !old.silent && !among(alive, old))) {
      this.#options.fabric.publish('device.unregistered', { accountId, deviceId, why });
    }
    if (alive.some((binding) => !binding.silent && !among(before, binding))) {
      this.#options.fabric.publish('device.registered', { accountId, deviceId });
    }
    if (alive.length < bindings.length) await this.#directory.save(deviceId, alive, this.#options.now());
  }

  #watch(bindings: readonly LiveBinding[]): void {
    for (const { flow } of bindings) {
      if (flow === undefined || this.#watched.has(flow.id)) continue;
      this.#watched.set(flow.id, { flow, stop: flow.onClose(() => this.#flowClosed(flow)) });
    }
  }

  /** A REGISTER is as good as an answer: each makes a new binding, which is watched from the start. */
  #watchLiveness(before: readonly LiveBinding[], after: readonly LiveBinding[]): void {
    if (this.#liveness === undefined || this.#closed) return;
    for (const old of before) if (!after.includes(old)) this.#liveness.forget(old);
    for (const binding of after) {
      if (binding.transport === 'udp' && !before.includes(binding)) this.#liveness.watch(binding);
    }
  }

  async #ask(binding: LiveBinding): Promise<boolean> {
    const device = this.#table.ownerOf(binding);
    const address = device && addressOf(device, binding);
    return address !== undefined && (this.#options.softphones?.ask(address) ?? true);
  }

  /** Counts at once; then it is stored, then told. */
  #setSilent(binding: LiveBinding, silent: boolean): void {
    const device = this.#table.ownerOf(binding);
    if (device === undefined || binding.silent === silent) return;
    binding.silent = silent;
    const { accountId, deviceId } = device;
    const { fabric, log, now } = this.#options;
    this.#queues
      .run(deviceId, async () => {
        if (this.#table.ownerOf(binding) === undefined) return;
        await this.#directory.saveSilence(deviceId, { ...binding, silent }, now());
        if (!silent) fabric.publish('device.registered', { accountId, deviceId });
        else fabric.publish('device.unregistered', { accountId, deviceId, why: 'connection-lost' });
      })
      .catch((error: unknown) => log.error({ err: error }, 'cannot note that a device is silent'));
  }

  /** R-REG-LOST: what registered over this connection cannot be reached any more. */
  #flowClosed(flow: Flow): void {
    this.#watched.delete(flow.id);
    if (this.#closed) return;
    for (const deviceId of this.#table.behind(flow)) {
      this.#drop(deviceId, 'connection-lost', (binding) => binding.flow?.id === flow.id);
    }
  }

  #drop(deviceId: string, why: UnregisteredWhy, gone: (binding: LiveBinding) => boolean): void {
    this.#queues
      .run(deviceId, async () => {
        const device = this.#table.get(deviceId);
        if (device?.bindings.some(gone) !== true) return;
        await this.#change(
          device,
          device.bindings.filter((binding) => !gone(binding)),
          why,
        );
      })
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'cannot drop a binding'));
  }

  /** The timer is due when the first binding expires, or earlier: then it finds nothing and is armed again. */
  #armExpiry(bindings: readonly LiveBinding[]): void {
    const { clock, now } = this.#options;
    const first = Math.min(...bindings.map((binding) => binding.expiresAt));
    if (this.#closed || first >= this.#nextExpiry) return;
    clock.clearTimeout(this.#expiryTimer);
    this.#nextExpiry = first;
    this.#expiryTimer = clock.setTimeout(() => this.#expire(), Math.max(0, first - now()) + 1);
  }

  #expire(): void {
    const now = this.#options.now();
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    const expired = (binding: LiveBinding) => binding.expiresAt <= now;
    for (const device of [...this.#table.devices()]) {
      if (device.bindings.some(expired)) this.#drop(device.deviceId, 'expired', expired);
      this.#armExpiry(device.bindings.filter((binding) => !expired(binding)));
    }
  }

  /** A half-open connection is found by silence: nobody else will tell. */
  #armPing(): void {
    const { clock, pingIntervalMs } = this.#options;
    this.#pingTimer = clock.setTimeout(() => {
      for (const { flow } of this.#watched.values()) void this.#ping(flow);
      this.#armPing();
    }, pingIntervalMs);
  }

  async #ping(flow: Flow): Promise<void> {
    if (this.#asked.has(flow)) return;
    this.#asked.add(flow);
    const alive = await this.#lives(flow).finally(() => this.#asked.delete(flow));
    if (!alive && !this.#closed) flow.close();
  }

  /** A device need not answer our CRLF: in RFC 5626 section 3.5.1 the pings are its own. OPTIONS it must answer. */
  async #lives(flow: Flow): Promise<boolean> {
    const { softphones, clock, pingIntervalMs } = this.#options;
    if (softphones === undefined && flow.protocol !== 'ws') return true;
    if (await flow.ping?.(pingIntervalMs / 2)) {
      this.#answering.add(flow);
      return true;
    }
    // A page that has answered before is frozen now; of one that never did nothing can be said without OPTIONS.
    if (softphones === undefined) return !this.#answering.has(flow);
    const bindings = this.#table.behind(flow).flatMap((id) => this.#table.get(id)?.bindings ?? []);
    const binding = bindings.find((other) => other.flow?.id === flow.id);
    if (binding === undefined) return true;
    return await trueWithin(clock, softphones.patienceMs, this.#ask(binding));
  }
}
