import type { DeviceWithSecret } from './device-identity.ts';

/**
 * The devices that were asked for lately, up to a bound. Two halves: what is asked for moves to the younger one, and
 * when that is full the older one is forgotten as a whole. That is nearly "least recently used", for less work.
 */
export class DeviceCache {
  readonly #half: number;
  #young = new Map<string, DeviceWithSecret>();
  #old = new Map<string, DeviceWithSecret>();
  #removals = 0;

  /** @param max devices that are remembered; 0 for none */
  constructor(max: number) {
    this.#half = Math.ceil(max / 2);
  }

  /** Changes with every `forget`. */
  get removals(): number {
    return this.#removals;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(sipUser: string): DeviceWithSecret | undefined {
    const young = this.#young.get(sipUser);
    if (young !== undefined) return young;
    const old = this.#old.get(sipUser);
    if (old === undefined) return undefined;
    this.#old.delete(sipUser);
    this.add(old);
    return old;
  }

  add(device: DeviceWithSecret): void {
    if (this.#half === 0) return;
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(device.sipUser, device);
  }

  /** Devices are removed seldom: it may take a search. */
  forget(deviceId: string): void {
    this.#removals += 1;
    for (const half of [this.#young, this.#old]) {
      for (const [sipUser, device] of half) if (device.deviceId === deviceId) half.delete(sipUser);
    }
  }
}
