import type { Clock, Flow } from '@ringthrough/sip';
import type { Fabric, FabricEvents } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/index.ts';
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
import type { DeviceIdentity } from './device-identity.ts';
import { LivenessWatch } from './liveness.ts';
import { SerialQueues } from './serial-queues.ts';
import { storedDevices } from './stored-bindings.ts';
import { TimingWheel } from './timing-wheel.ts';

type UnregisteredWhy = FabricEvents['device.unregistered']['why'];

/** How softphones are asked whether they live: they have no WebSocket whose pings they would answer. */
export interface SoftphoneLiveness {
  periodMs: number;
  patienceMs: number;
  /** Questions per second at most: with more softphones each is asked less often. Unlimited when absent. */
  maxPerSecond?: number;
  /** Sends OPTIONS (RFC 3261 section 11); true for any response, false when none came. */
  ask: (address: DeviceAddress) => Promise<boolean>;
}

export interface LocationServiceOptions {
  store: Store;
  fabric: Fabric;
  log: Logger;
  clock: Clock;
  /** Unix milliseconds. */
  now: () => number;
  /** How often a connection with bindings is asked whether it lives; it has as long to answer. */
  pingIntervalMs: number;
  /** Absent: softphones are believed until they expire. */
  softphones?: SoftphoneLiveness | undefined;
}

/** Bindings that expire within the same second end together. */
const expirySlotMs = 1000;
/** When the store could not do it. */
const dropAgainMs = 5000;

/**
 * The location service of RFC 3261 section 10: where each device is bound, for as long as that is true. A binding lives
 * as long as its connection, at most until it expires. One over UDP is believed as long as its device answers; it is
 * asked on, and believed again when it does.
 */
export class LocationService {
  readonly #options: LocationServiceOptions;
  readonly #bindings: BindingStore;
  readonly #table = new BindingTable();
  readonly #queues = new SerialQueues();
  readonly #connections: ConnectionWatch;
  readonly #liveness: LivenessWatch<LiveBinding> | undefined;
  readonly #expiry: TimingWheel<'expirySlot', RegisteredDevice>;
  #closed = false;

  constructor(options: LocationServiceOptions) {
    this.#options = options;
    this.#bindings = new BindingStore(options.store);
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
  }

  /** Takes the UDP bindings that a restart has left; those of connections are gone. */
  async start(): Promise<void> {
    const { store, now } = this.#options;
    await this.#bindings.forgetDead(now());
    for await (const devices of storedDevices(store)) {
      for (const device of devices) this.#scheduleExpiry(this.#table.restore(device));
    }
    this.#liveness?.watchAll(this.#table.bindings());
    this.#connections.start();
  }

  /** What the device has bound, also what does not answer. */
  bindingsOf(deviceId: string): readonly LiveBinding[] {
    return this.#table.get(deviceId)?.bindings ?? [];
  }

  /**
   * Every live address of every device of the account; empty means not available (R-QUERY). Of several flows to one
   * device (RFC 5626) one address, which has the others.
   */
  available(accountId: string): DeviceAddress[] {
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

  /** True when a device is registered over this flow or from this UDP address. */
  knows(flow: Flow): boolean {
    return this.#table.knows(flow);
  }

  /** What is done for one device is done in turn. Resolves or rejects as the task does. */
  inTurn<T>(deviceId: string, task: () => Promise<T>): Promise<T> {
    return this.#queues.run(deviceId, task);
  }

  /** The device has registered: these are its bindings from now on. Only in its turn; durable when it resolves. */
  register(identity: DeviceIdentity, wanted: WantedBinding[]): Promise<void> {
    return this.#change(identity, wanted, 'logout');
  }

  /** Signed out: its bindings end and its connections are closed. */
  async remove(deviceId: string): Promise<void> {
    await this.inTurn(deviceId, async () => {
      const device = this.#table.get(deviceId);
      if (device === undefined) return;
      const { bindings } = device;
      try {
        await this.#change(device, [], 'removed');
      } catch (error) {
        // Whoever is signed out is not reached any more, also when the store cannot be told.
        this.#options.log.error({ err: error }, 'cannot note that a device was removed');
        this.#apply(device, [], 'removed');
      }
      for (const { flow } of bindings) flow?.close();
    });
  }

  /** Stops timers and watching; bindings stay stored for the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#expiry.close();
    this.#connections.close();
    this.#liveness?.close();
    await this.#queues.idle();
  }

  /** Stores, then uses, then tells. Runs in the device's queue. */
  async #change(identity: DeviceIdentity, wanted: WantedBinding[], why: UnregisteredWhy): Promise<void> {
    const { deviceId } = identity;
    const now = this.#options.now();
    const changes = bindingChanges(this.bindingsOf(deviceId), wanted, { registers: why === 'logout', now });
    await this.#bindings.save(deviceId, changes);
    // The connection may have closed while we wrote; its own end comes too late then.
    const alive = wanted.filter((binding) => !binding.flow?.closed);
    this.#apply(identity, alive, why);
    if (alive.length < wanted.length) {
      const dead = wanted.filter((binding) => !alive.includes(binding));
      await this.#bindings.save(deviceId, { bound: [], gone: dead, seenAt: undefined });
    }
  }

  #apply(identity: DeviceIdentity, alive: readonly WantedBinding[], why: UnregisteredWhy): void {
    const { deviceId, accountId } = identity;
    const { fabric } = this.#options;
    const before = this.bindingsOf(deviceId);
    const { lost, found } = reachabilityNews(before, alive);
    const { device, bound, gone } = this.#table.set(identity, alive);
    for (const binding of gone) this.#liveness?.forget(binding);
    for (const binding of bound) this.#watch(binding);
    this.#scheduleExpiry(device);
    if (lost) fabric.publish('device.unregistered', { accountId, deviceId, why });
    if (found) fabric.publish('device.registered', { accountId, deviceId });
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
    else this.#expiry.schedule(device, firstExpiry(device));
  }

  #expire(deviceId: string): void {
    const now = this.#options.now();
    const expired = (binding: LiveBinding) => binding.expiresAt <= now;
    const why = this.bindingsOf(deviceId).some(expired) ? 'expired' : 'connection-lost';
    // Those of a closed connection are here only when the store could not be told at once.
    this.#drop(deviceId, why, (binding) => expired(binding) || binding.flow?.closed === true);
  }
}

function firstExpiry({ bindings }: RegisteredDevice): number {
  return bindings.reduce((first, { expiresAt }) => Math.min(first, expiresAt), Number.POSITIVE_INFINITY);
}
