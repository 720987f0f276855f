import type { Store } from '../store/index.ts';
import { DeviceCache } from './device-cache.ts';
import type { DeviceWithSecret } from './device-identity.ts';

/** The devices, by SIP user. Those that were asked for lately are answered from memory. */
export class DeviceDirectory {
  readonly #store: Store;
  readonly #cache: DeviceCache;

  /** @param cachedDevices whose secrets are kept in memory at most */
  constructor(store: Store, cachedDevices: number) {
    this.#store = store;
    this.#cache = new DeviceCache(cachedDevices);
  }

  /** Undefined when there is none of this name; a promise when the store has to be asked. */
  bySipUser(sipUser: string): DeviceWithSecret | Promise<DeviceWithSecret | undefined> {
    return this.#cache.get(sipUser) ?? this.read(sipUser);
  }

  /** The device is gone: its secret counts no more. */
  forget(deviceId: string): void {
    this.#cache.forget(deviceId);
  }

  /** Past what is in memory. */
  async read(sipUser: string): Promise<DeviceWithSecret | undefined> {
    const { removals } = this.#cache;
    const row = await this.#store
      .selectFrom('devices')
      .select(['id', 'account_id', 'name', 'sip_user', 'ha1_md5', 'ha1_sha256'])
      .where('sip_user', '=', sipUser)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const device = {
      deviceId: row.id,
      accountId: row.account_id,
      deviceName: row.name,
      sipUser: row.sip_user,
      ha1: { md5: row.ha1_md5, sha256: row.ha1_sha256 },
    };
    // A device that was removed while it was on its way here must not come back.
    if (removals === this.#cache.removals) this.#cache.add(device);
    return device;
  }
}
