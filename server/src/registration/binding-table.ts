import type { Flow } from '@ringthrough/sip';
import { addressText } from './address-text.ts';
import type { KnownBinding } from './binding-store.ts';
import type { DeviceIdentity } from './device-identity.ts';
import { ownText, SharedTexts } from './own-text.ts';

/** A binding as it is to be. Connections are reached over the flow they registered on (RFC 5626 section 3.3). */
export interface WantedBinding extends KnownBinding {
  /** Connections only. */
  flow: Flow | undefined;
}

/** A binding in use. It stays the same object for as long as its contact stays bound. */
export interface LiveBinding extends WantedBinding {
  readonly device: RegisteredDevice;
  /** Of the liveness watch. */
  askSlot: number;
}

/** A device with at least one binding. */
export class RegisteredDevice implements DeviceIdentity {
  readonly deviceId: string;
  readonly accountId: string;
  readonly deviceName: string;
  readonly sipUser: string;
  /** Of the expiry wheel. */
  expirySlot = 0;
  /** Nearly always one: then there is no array. */
  #bindings: LiveBinding | readonly LiveBinding[] = none;

  constructor({ deviceId, accountId, deviceName, sipUser }: DeviceIdentity) {
    this.deviceId = deviceId;
    this.accountId = accountId;
    this.deviceName = deviceName;
    this.sipUser = sipUser;
  }

  /** The oldest first. */
  get bindings(): readonly LiveBinding[] {
    return Array.isArray(this.#bindings) ? this.#bindings : [this.#bindings as LiveBinding];
  }

  set bindings(bindings: readonly LiveBinding[]) {
    const [first] = bindings;
    this.#bindings = bindings.length === 1 && first !== undefined ? first : bindings;
  }
}

const none: readonly LiveBinding[] = [];

/** What `BindingTable.set` has done. */
export interface TableChange {
  device: RegisteredDevice;
  /** Bound anew or once more. */
  bound: LiveBinding[];
  /** Bound no more. */
  gone: LiveBinding[];
}

/**
 * All registered devices, in memory: by account, by device, by UDP address and by flow. There may be a million, so an
 * entry is an object with fields and nothing else; texts are kept once where many devices have the same.
 */
export class BindingTable {
  readonly #byDevice = new Map<string, RegisteredDevice>();
  /** Most accounts have one device. */
  readonly #byAccount = new Map<string, RegisteredDevice | RegisteredDevice[]>();
  /** UDP addresses with a binding. */
  readonly #addresses = new Set<string>();
  /** How many more bindings they have, for those with several. */
  readonly #moreAtAddress = new Map<string, number>();
  /** The bindings over each connection, by its id. */
  readonly #byFlow = new Map<string, Set<LiveBinding>>();
  readonly #shared = new SharedTexts();

  get size(): number {
    return this.#byDevice.size;
  }

  get(deviceId: string): RegisteredDevice | undefined {
    return this.#byDevice.get(deviceId);
  }

  /** All of them, in no order. */
  bindings(): LiveBinding[] {
    const all: LiveBinding[] = [];
    for (const { bindings } of this.#byDevice.values()) for (const binding of bindings) all.push(binding);
    return all;
  }

  ofAccount(accountId: string): readonly RegisteredDevice[] {
    const devices = this.#byAccount.get(accountId) ?? [];
    return Array.isArray(devices) ? devices : [devices];
  }

  /** True when a live binding of some device came over this flow or from this UDP address. */
  knows(flow: Flow): boolean {
    return flow.protocol === 'udp'
      ? this.#addresses.has(addressText(flow.remote))
      : this.#byFlow.has(flow.id);
  }

  /** The bindings over this connection. */
  over(flow: Flow): LiveBinding[] {
    return [...(this.#byFlow.get(flow.id) ?? [])];
  }

  /** Whether the device has this very binding now. */
  has(binding: LiveBinding): boolean {
    return binding.device.bindings.includes(binding);
  }

  /** Makes these the bindings of the device. Those that are in the table already, as objects, stay as they are. */
  set(identity: DeviceIdentity, wanted: readonly WantedBinding[]): TableChange {
    const device = this.#byDevice.get(identity.deviceId) ?? this.#newDevice(identity);
    const before = device.bindings;
    const bound: LiveBinding[] = [];
    const after = wanted.map((one) => {
      if ((before as readonly WantedBinding[]).includes(one)) return one as LiveBinding;
      const binding = this.#bind(device, one);
      bound.push(binding);
      return binding;
    });
    const gone = before.filter((binding) => !after.includes(binding));
    for (const binding of gone) this.#unlink(binding);
    device.bindings = after;
    if (before.length === 0 && after.length > 0) this.#add(device);
    if (before.length > 0 && after.length === 0) this.#remove(device);
    return { device, bound, gone };
  }

  /** Takes a device that is not here yet as the store has it, with its texts as they are. */
  restore(stored: DeviceIdentity & { bindings: readonly KnownBinding[] }): RegisteredDevice {
    const device = this.#newDevice(stored);
    device.bindings = stored.bindings.map((binding) => this.#newBinding(device, binding, undefined));
    this.#add(device);
    return device;
  }

  /** Texts of identities come from the store: they are no parts of messages. */
  #newDevice({ deviceId, accountId, deviceName, sipUser }: DeviceIdentity): RegisteredDevice {
    const others = this.#byAccount.get(accountId);
    const known = Array.isArray(others) ? others[0] : others;
    return new RegisteredDevice({
      deviceId,
      accountId: known?.accountId ?? accountId,
      deviceName: this.#shared.share(deviceName),
      sipUser,
    });
  }

  /** The binding of the same contact is renewed; there is a new one otherwise. */
  #bind(device: RegisteredDevice, wanted: WantedBinding): LiveBinding {
    const known = device.bindings.find((binding) => isSameBinding(binding, wanted));
    if (known === undefined) {
      const { contactUri, callId, instance, flowKey, remote, path } = wanted;
      const texts = {
        contactUri: ownText(contactUri),
        callId: ownText(callId),
        instance: ownText(instance),
        flowKey: ownText(flowKey),
        remote: ownText(remote),
        path: ownText(path),
      };
      return this.#newBinding(device, { ...wanted, ...texts }, wanted.flow);
    }
    this.#renew(known, wanted);
    return known;
  }

  /** Texts that are not shared become the binding's own as they are. */
  #newBinding(device: RegisteredDevice, known: KnownBinding, flow: Flow | undefined): LiveBinding {
    const binding: LiveBinding = {
      contactUri: known.contactUri,
      callId: known.callId,
      cseq: known.cseq,
      instance: known.instance,
      flowKey: known.flowKey,
      transport: this.#shared.share(known.transport),
      local: this.#shared.share(known.local),
      remote: known.remote,
      path: known.path,
      userAgent: this.#shared.share(known.userAgent),
      registeredAt: known.registeredAt,
      expiresAt: known.expiresAt,
      silent: known.silent,
      flow,
      device,
      askSlot: 0,
    };
    this.#link(binding);
    return binding;
  }

  /** Texts that are the same stay the same objects. */
  #renew(known: LiveBinding, wanted: WantedBinding): void {
    if (known.callId !== wanted.callId) known.callId = ownText(wanted.callId);
    if (known.instance !== wanted.instance) known.instance = ownText(wanted.instance);
    known.cseq = wanted.cseq;
    known.userAgent = this.#shared.share(wanted.userAgent);
    known.registeredAt = wanted.registeredAt;
    known.expiresAt = wanted.expiresAt;
    known.silent = wanted.silent;
    known.local = this.#shared.share(wanted.local);
    const { transport, remote, flow, path } = wanted;
    const same = known.transport === transport && known.remote === remote && known.path === path;
    if (same && known.flow?.id === flow?.id) return;
    this.#unlink(known);
    known.path = ownText(path);
    known.transport = this.#shared.share(transport);
    known.remote = ownText(remote);
    known.flow = flow;
    this.#link(known);
  }

  #link(binding: LiveBinding): void {
    // The address of an edge proxy says nothing of who is behind it.
    if (binding.path !== undefined) return;
    if (binding.transport === 'udp') {
      const before = this.#addresses.size;
      this.#addresses.add(binding.remote);
      if (this.#addresses.size > before) return;
      this.#moreAtAddress.set(binding.remote, (this.#moreAtAddress.get(binding.remote) ?? 0) + 1);
    } else if (binding.flow !== undefined) {
      const { id } = binding.flow;
      const over = this.#byFlow.get(id);
      if (over === undefined) this.#byFlow.set(id, new Set([binding]));
      else over.add(binding);
    }
  }

  #unlink(binding: LiveBinding): void {
    if (binding.path !== undefined) return;
    if (binding.transport === 'udp') {
      const more = this.#moreAtAddress.get(binding.remote);
      if (more === undefined) this.#addresses.delete(binding.remote);
      else if (more > 1) this.#moreAtAddress.set(binding.remote, more - 1);
      else this.#moreAtAddress.delete(binding.remote);
    } else if (binding.flow !== undefined) {
      const { id } = binding.flow;
      const over = this.#byFlow.get(id);
      over?.delete(binding);
      if (over?.size === 0) this.#byFlow.delete(id);
    }
  }

  #add(device: RegisteredDevice): void {
    const { deviceId, accountId } = device;
    this.#byDevice.set(deviceId, device);
    const others = this.#byAccount.get(accountId);
    if (others === undefined) this.#byAccount.set(accountId, device);
    else if (Array.isArray(others)) others.push(device);
    else this.#byAccount.set(accountId, [others, device]);
  }

  #remove(device: RegisteredDevice): void {
    this.#byDevice.delete(device.deviceId);
    const others = this.ofAccount(device.accountId).filter((other) => other !== device);
    if (others.length === 0) this.#byAccount.delete(device.accountId);
    else this.#byAccount.set(device.accountId, others);
  }
}

/** Whether one is the other one renewed: the same contact, over the same flow of the device (RFC 5626). */
export function isSameBinding(
  one: Pick<WantedBinding, 'contactUri' | 'flowKey'>,
  other: Pick<WantedBinding, 'contactUri' | 'flowKey'>,
): boolean {
  return one.contactUri === other.contactUri && one.flowKey === other.flowKey;
}
