import {
  type Clock,
  type Flow,
  type IncomingRequest,
  parseCSeq,
  parseNameAddr,
  parseUri,
  type SipRequest,
} from '@ringthrough/sip';
import type { Fabric, FabricEvents } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/index.ts';
import { addressText } from './address-text.ts';
import { type Authentication, Authenticator, type AuthenticatorOptions } from './authenticator.ts';
import { bindingChanges, reachabilityNews } from './binding-changes.ts';
import { BindingStore } from './binding-store.ts';
import {
  BindingTable,
  type LiveBinding,
  type RegisteredDevice,
  type WantedBinding,
} from './binding-table.ts';
import { ConnectionWatch } from './connection-watch.ts';
import { addressesOf, addressOf, type DeviceAddress, type RegisteredContact } from './device-address.ts';
import { DeviceDirectory } from './device-directory.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { EdgeProxies, type EdgeProxy } from './edge-proxies.ts';
import { LivenessWatch } from './liveness.ts';
import { type RegisterWay, registerWay } from './path.ts';
import { applyRegister, type RegisterLimits } from './register-contacts.ts';
import { registerResponse } from './register-response.ts';
import { SerialQueues } from './serial-queues.ts';
import type { GuardStats } from './source-guard.ts';
import { TimingWheel } from './timing-wheel.ts';

type AcceptedWay = Extract<RegisterWay, { ok: true }>;
type UnregisteredWhy = FabricEvents['device.unregistered']['why'];

/** How softphones are asked whether they live: they have no WebSocket whose pings they would answer. */
export interface SoftphoneLiveness {
  periodMs: number;
  patienceMs: number;
  /** Sends OPTIONS (RFC 3261 section 11); true for any response, false when none came. */
  ask: (address: DeviceAddress) => Promise<boolean>;
}

export interface RegistrarOptions
  extends Omit<AuthenticatorOptions, 'directory' | 'knows' | 'isEdge' | 'secret'> {
  store: Store;
  fabric: Fabric;
  log: Logger;
  clock: Clock;
  limits: RegisterLimits;
  /** How often a connection with bindings is asked whether it lives; it has as long to answer. */
  pingIntervalMs: number;
  /** Devices whose secrets are kept in memory at most; 50,000 (some 30 MB) when absent. */
  cachedDevices?: number;
  /** Absent: softphones are believed until they expire. */
  softphones?: SoftphoneLiveness | undefined;
  /** Proxies that devices register through; their Path is believed (RFC 3327). */
  edges?: readonly EdgeProxy[];
  /** Devices that do not say that they know Path are refused behind an edge proxy; they are not when absent. */
  requirePathSupport?: boolean;
  /** RFC 3608: what the requests of devices are to pass; nothing when absent. */
  serviceRoute?: readonly string[];
  /** RFC 5626: told to devices that keep flows; they are not told when absent or 0. */
  flowTimerSeconds?: number;
}

/** Bindings that expire within the same second end together. */
const expirySlotMs = 1000;
/** When the store could not do it. */
const dropAgainMs = 5000;
/** See `RegistrarOptions.cachedDevices`. */
const defaultCachedDevices = 50_000;

/**
 * The SIP registrar (RFC 3261 section 10.3) and the place to ask who can be reached (R-REG, R-REG-LOST, R-QUERY).
 * A registration that was answered with 200 is stored. A binding lives as long as its connection, at most until it
 * expires. One over UDP is believed as long as its device answers; it is asked on, and believed again when it does.
 */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #authenticator: Authenticator;
  readonly #directory: DeviceDirectory;
  readonly #bindings: BindingStore;
  readonly #table = new BindingTable();
  readonly #queues = new SerialQueues();
  readonly #connections: ConnectionWatch;
  readonly #liveness: LivenessWatch<LiveBinding> | undefined;
  readonly #edges: EdgeProxies;
  readonly #unsubscribe: () => void;
  readonly #expiry: TimingWheel<'expirySlot', RegisteredDevice>;
  #closed = false;

  constructor(options: RegistrarOptions & { secret: string }) {
    this.#options = options;
    this.#edges = new EdgeProxies(options.edges ?? []);
    this.#directory = new DeviceDirectory(options.store, options.cachedDevices ?? defaultCachedDevices);
    this.#bindings = new BindingStore(options.store);
    this.#authenticator = new Authenticator({
      ...options,
      directory: this.#directory,
      knows: (flow) => this.knows(flow),
      isEdge: (flow) => this.isEdge(flow),
    });
    const { softphones, clock, now } = options;
    this.#expiry = new TimingWheel({
      clock,
      now,
      slotMs: expirySlotMs,
      field: 'expirySlot',
      due: ({ deviceId }) => this.#expire(deviceId),
    });
    this.#liveness =
      softphones &&
      new LivenessWatch({
        clock,
        ...softphones,
        ask: (binding) => this.#ask(binding),
        silent: (binding) => this.#setSilent(binding, true),
        answered: (binding) => this.#setSilent(binding, false),
      });
    this.#connections = new ConnectionWatch({
      clock,
      intervalMs: options.pingIntervalMs,
      device: softphones && { ask: (flow) => this.#askOver(flow), patienceMs: softphones.patienceMs },
      closed: (flow) => this.#flowClosed(flow),
    });
    this.#unsubscribe = options.fabric.subscribe('device.removed', ({ deviceId }) => {
      this.#directory.forget(deviceId);
      void this.removeDevice(deviceId);
    });
  }

  /** Takes the UDP bindings that a restart has left; those of connections are gone. */
  async start(): Promise<void> {
    const { now, softphones } = this.#options;
    const periodMs = softphones?.periodMs ?? 0;
    for await (const devices of this.#bindings.restore(now())) {
      for (const { bindings, ...identity } of devices) {
        const { device, bound } = this.#table.set(
          identity,
          bindings.map((binding) => ({ ...binding, flow: undefined })),
        );
        this.#scheduleExpiry(device);
        // Spread over the period: not all of them at once.
        for (const binding of bound) this.#liveness?.watch(binding, periodMs * Math.random());
      }
    }
    this.#connections.start();
  }

  /** Answers a REGISTER. Never rejects. */
  async handleRegister(incoming: IncomingRequest): Promise<void> {
    try {
      const authentication = await this.authenticate(incoming, 401);
      if (!authentication.ok) {
        const { repeated } = authentication;
        if (repeated !== undefined && this.#respondAgain(repeated, incoming)) return;
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
  authenticate(from: { request: SipRequest; flow: Flow }, challenge: 401 | 407): Promise<Authentication> {
    return this.#authenticator.authenticate(from, challenge);
  }

  /**
   * False: the request gets no answer. To be asked before a transaction exists, and not for those who are trusted by
   * their address.
   */
  admits(request: SipRequest, flow: Flow): boolean {
    return this.#authenticator.admits(request, flow);
  }

  /** What was dropped, and who is banned; `tooShort`: for the challenge to be no larger. */
  guardStats(): GuardStats & { tooShort: number } {
    return this.#authenticator.stats();
  }

  /**
   * Every live address of every device of the account; empty means not available (R-QUERY). Of several flows to one
   * device (RFC 5626) one address, which has the others.
   */
  async available(accountId: string): Promise<DeviceAddress[]> {
    return this.availableNow(accountId);
  }

  /** `available` where the caller is in the same process. */
  availableNow(accountId: string): DeviceAddress[] {
    const now = this.#options.now();
    return this.#table
      .ofAccount(accountId)
      .flatMap(({ bindings }) =>
        addressesOf(bindings.filter((binding) => binding.expiresAt > now && !binding.silent)),
      );
  }

  /** What is bound for each device of the account and can be reached now, for whoever may know (RFC 3680). */
  contactsOf(accountId: string): RegisteredContact[] {
    const now = this.#options.now();
    return this.#table.ofAccount(accountId).flatMap(({ deviceId, sipUser, bindings }) =>
      bindings
        .filter((binding) => binding.expiresAt > now && !binding.silent)
        .map(({ contactUri, callId, cseq, expiresAt }) => ({
          deviceId,
          sipUser,
          contactUri,
          callId,
          cseq,
          expiresAt,
        })),
    );
  }

  /** Ids of the account's devices that are registered now. */
  registeredDevices(accountId: string): Set<string> {
    return new Set(this.availableNow(accountId).map((address) => address.deviceId));
  }

  /** True when a device is registered over this flow or from this UDP address, or speaks through an edge proxy there. */
  knows(flow: Flow): boolean {
    return this.#table.knows(flow) || this.isEdge(flow);
  }

  /** True when an edge proxy of ours is there, with any number of devices behind it. */
  isEdge(flow: Flow): boolean {
    return this.#edges.has(flow);
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
    this.#expiry.close();
    this.#connections.close();
    this.#liveness?.close();
    await this.#queues.idle();
  }

  async #register(device: DeviceIdentity, incoming: IncomingRequest): Promise<void> {
    const { request, flow } = incoming;
    const { now, limits } = this.#options;
    const way = this.#wayOf(incoming);
    if (!way.ok) {
      incoming.respond(way.status, { reason: way.reason, headers: way.headers });
      return;
    }
    const { path, outbound } = way;
    const source = {
      transport: flow.protocol,
      local: addressText(flow.local),
      remote: addressText(flow.remote),
      path,
    };
    const current = this.#table.get(device.deviceId)?.bindings ?? [];
    const result = applyRegister(current, request, { source, outbound, limits, now: now() });
    if (!result.ok) {
      const headers: Array<[string, string]> =
        result.minExpires === undefined ? [] : [['Min-Expires', String(result.minExpires)]];
      incoming.respond(result.status, { reason: result.reason, headers });
      return;
    }
    if (result.changed) {
      const connection = flow.protocol === 'udp' || path !== undefined ? undefined : flow;
      const bindings = result.bindings.map(
        (binding): WantedBinding =>
          current.find((old) => old === binding) ?? { ...binding, flow: connection, silent: false },
      );
      await this.#change(device, bindings, 'logout');
    }
    this.#respondOk(device, incoming, way);
  }

  #wayOf({ request, flow }: IncomingRequest): RegisterWay {
    const { requirePathSupport = false } = this.#options;
    return registerWay(request, { fromEdge: this.isEdge(flow), requireSupport: requirePathSupport });
  }

  /**
   * Over UDP a transaction would keep the answer for 32 s, and hundreds of thousands of them when many devices register.
   * RFC 3261 section 8.2.7 does without, where a request that comes again can be recognised by what is kept anyway.
   */
  #respondOk({ deviceId }: DeviceIdentity, incoming: IncomingRequest, way: AcceptedWay): void {
    const { request, flow } = incoming;
    const { now, serviceRoute = [], flowTimerSeconds = 0 } = this.#options;
    const bindings = this.#table.get(deviceId)?.bindings ?? [];
    const headers = registerResponse({ bindings, request, way, now: now(), serviceRoute, flowTimerSeconds });
    const stateless = flow.protocol === 'udp' && this.#hasAnswered({ deviceId }, request);
    incoming.respond(200, { headers, stateless });
  }

  /** False: the request is no copy of one that was answered. */
  #respondAgain(device: DeviceIdentity, incoming: IncomingRequest): boolean {
    const way = this.#wayOf(incoming);
    if (!way.ok || !this.#hasAnswered(device, incoming.request)) return false;
    this.#respondOk(device, incoming, way);
    return true;
  }

  /** Whether a binding was made by this very request. Only its device knows both numbers and its password. */
  #hasAnswered({ deviceId }: Pick<DeviceIdentity, 'deviceId'>, { headers }: SipRequest): boolean {
    const bindings = this.#table.get(deviceId)?.bindings ?? [];
    const callId = headers.get('Call-ID');
    const cseq = parseCSeq(headers.get('CSeq') ?? '')?.sequence;
    return bindings.some((binding) => binding.callId === callId && binding.cseq === cseq);
  }

  /** Stores, then uses, then tells. Runs in the device's queue. */
  async #change(identity: DeviceIdentity, wanted: WantedBinding[], why: UnregisteredWhy): Promise<void> {
    const { deviceId, accountId } = identity;
    const { fabric, now } = this.#options;
    const before = this.#table.get(deviceId)?.bindings ?? [];
    const changes = bindingChanges(before, wanted, { registers: why === 'logout', now: now() });
    await this.#bindings.save(deviceId, changes);
    // The connection may have closed while we wrote; its own end comes too late then.
    const alive = wanted.filter((binding) => !binding.flow?.closed);
    const { lost, found } = reachabilityNews(before, alive);
    const { device, bound, gone } = this.#table.set(identity, alive);
    for (const binding of gone) this.#liveness?.forget(binding);
    for (const binding of bound) this.#watch(binding);
    this.#scheduleExpiry(device);
    if (lost) fabric.publish('device.unregistered', { accountId, deviceId, why });
    if (found) fabric.publish('device.registered', { accountId, deviceId });
    if (alive.length < wanted.length) {
      const dead = wanted.filter((binding) => !alive.includes(binding));
      await this.#bindings.save(deviceId, { bound: [], gone: dead, seenAt: undefined });
    }
  }

  /** For its end. A REGISTER is as good as an answer. */
  #watch(binding: LiveBinding): void {
    if (this.#closed) return;
    if (binding.flow !== undefined) this.#connections.watch(binding.flow);
    if (binding.transport === 'udp' || binding.path !== undefined) this.#liveness?.watch(binding);
    else this.#liveness?.forget(binding);
  }

  async #ask(binding: LiveBinding): Promise<boolean> {
    const address = this.#table.has(binding) ? addressOf(binding) : undefined;
    return address !== undefined && (this.#options.softphones?.ask(address) ?? true);
  }

  async #askOver(flow: Flow): Promise<boolean> {
    const [binding] = this.#table.over(flow);
    return binding === undefined || this.#ask(binding);
  }

  /** Counts at once; then it is stored, then told. */
  #setSilent(binding: LiveBinding, silent: boolean): void {
    if (!this.#table.has(binding) || binding.silent === silent) return;
    binding.silent = silent;
    const { accountId, deviceId } = binding.device;
    const { fabric, log, now } = this.#options;
    this.#queues
      .run(deviceId, async () => {
        // A REGISTER may have come in between.
        if (!this.#table.has(binding) || binding.silent !== silent) return;
        await this.#bindings.saveSilence(deviceId, { ...binding, silent }, now());
        if (!silent) fabric.publish('device.registered', { accountId, deviceId });
        else fabric.publish('device.unregistered', { accountId, deviceId, why: 'connection-lost' });
      })
      .catch((error: unknown) => log.error({ err: error }, 'cannot note that a device is silent'));
  }

  /** R-REG-LOST: what registered over this connection cannot be reached any more. */
  #flowClosed(flow: Flow): void {
    for (const { deviceId } of new Set(this.#table.over(flow).map(({ device }) => device))) {
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
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'cannot drop a binding');
        const device = this.#table.get(deviceId);
        if (device) this.#expiry.schedule(device, this.#options.now() + dropAgainMs);
      });
  }

  #scheduleExpiry(device: RegisteredDevice): void {
    if (device.bindings.length === 0) this.#expiry.cancel(device);
    else this.#expiry.schedule(device, Math.min(...device.bindings.map(({ expiresAt }) => expiresAt)));
  }

  #expire(deviceId: string): void {
    const now = this.#options.now();
    this.#drop(deviceId, 'expired', (binding) => binding.expiresAt <= now);
  }
}
