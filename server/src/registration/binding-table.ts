import type { Flow, Target } from '@ringthrough/sip';
import type { DeviceIdentity, KnownBinding } from './device-directory.ts';

/** A binding in use. Connections are reached over the flow they registered on (RFC 5626 section 3.3). */
export interface LiveBinding extends KnownBinding {
  /** Connections only. */
  flow: Flow | undefined;
}

/** A device with at least one binding. */
export interface RegisteredDevice extends DeviceIdentity {
  bindings: LiveBinding[];
}

/** Where and how to send an INVITE for a device. */
export interface DeviceAddress {
  deviceId: string;
  deviceName: string;
  sipUser: string;
  contactUri: string;
  target: Target;
  transport: 'udp' | 'tcp' | 'tls' | 'ws';
}

/** All registered devices, in memory: by account, by device, by UDP address and by flow. */
export class BindingTable {
  readonly #byDevice = new Map<string, RegisteredDevice>();
  readonly #byAccount = new Map<string, Set<string>>();
  /** The devices behind each UDP address and each flow. */
  readonly #bySource = new Map<string, Set<string>>();
  readonly #byBinding = new WeakMap<LiveBinding, string>();

  get(deviceId: string): RegisteredDevice | undefined {
    return this.#byDevice.get(deviceId);
  }

  devices(): Iterable<RegisteredDevice> {
    return this.#byDevice.values();
  }

  ofAccount(accountId: string): RegisteredDevice[] {
    const ids = this.#byAccount.get(accountId) ?? [];
    return [...ids].map((id) => this.#byDevice.get(id)).filter((device) => device !== undefined);
  }

  /** True when a live binding of some device came over this flow or from this UDP address. */
  knows(flow: Flow): boolean {
    return this.#bySource.has(sourceKey(flow.protocol, addressText(flow.remote), flow));
  }

  /** The devices with a binding over this flow. */
  behind(flow: Flow): string[] {
    return [...(this.#bySource.get(sourceKey(flow.protocol, addressText(flow.remote), flow)) ?? [])];
  }

  /** The device that has this very binding now. */
  ownerOf(binding: LiveBinding): RegisteredDevice | undefined {
    const owner = this.#byBinding.get(binding);
    const device = owner === undefined ? undefined : this.#byDevice.get(owner);
    return device?.bindings.includes(binding) ? device : undefined;
  }

  set(device: DeviceIdentity, bindings: readonly LiveBinding[]): void {
    for (const binding of this.#byDevice.get(device.deviceId)?.bindings ?? []) {
      const key = sourceKey(binding.transport, binding.remote, binding.flow);
      const ids = this.#bySource.get(key);
      ids?.delete(device.deviceId);
      if (ids?.size === 0) this.#bySource.delete(key);
    }
    for (const binding of bindings) {
      this.#byBinding.set(binding, device.deviceId);
      const key = sourceKey(binding.transport, binding.remote, binding.flow);
      this.#bySource.set(key, (this.#bySource.get(key) ?? new Set()).add(device.deviceId));
    }
    const ofAccount = this.#byAccount.get(device.accountId) ?? new Set<string>();
    if (bindings.length > 0) {
      this.#byDevice.set(device.deviceId, { ...device, bindings: [...bindings] });
      this.#byAccount.set(device.accountId, ofAccount.add(device.deviceId));
      return;
    }
    this.#byDevice.delete(device.deviceId);
    ofAccount.delete(device.deviceId);
    if (ofAccount.size === 0) this.#byAccount.delete(device.accountId);
  }
}

function sourceKey(transport: string, remote: string, flow: Flow | undefined): string {
  return transport === 'udp' ? `udp ${remote}` : (flow?.id ?? '');
}

/** `host:port`, IPv6 in brackets. */
export function addressText(at: { host: string; port: number }): string {
  return at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}

/** The reverse of `addressText`. */
export function parseAddress(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(text.slice(colon + 1)) };
}

/** Undefined when the connection of the binding is gone. */
export function addressOf(device: DeviceIdentity, binding: LiveBinding): DeviceAddress | undefined {
  const { deviceId, deviceName, sipUser } = device;
  const common = { deviceId, deviceName, sipUser, contactUri: binding.contactUri };
  if (binding.transport === 'udp') {
    const target: Target = {
      protocol: 'udp',
      ...parseAddress(binding.remote),
      local: parseAddress(binding.local),
      bound: true,
    };
    return { ...common, transport: 'udp', target };
  }
  if (binding.flow === undefined || binding.flow.closed) return undefined;
  return { ...common, transport: binding.flow.protocol, target: { flow: binding.flow } };
}
