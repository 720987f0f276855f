import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';
import { type DeviceKind, newId, type Store } from '../store/index.ts';
import { requireAccount } from './account-exists.ts';
import { newSipCredentials, type SipCredentials } from './sip-credentials.ts';

export interface NewDevice {
  name: string;
  system: string;
  kind: DeviceKind;
}

export interface Device {
  id: string;
  name: string;
  system: string;
  kind: DeviceKind;
  /** Has a live registration. */
  registered: boolean;
  /** Unix milliseconds; undefined before the first request or registration. */
  lastSeenAt: number | undefined;
  /** The login of a browser; softphones have none. */
  session: DeviceSession | undefined;
}

/** Unix milliseconds. */
export interface DeviceSession {
  createdAt: number;
  lastUsedAt: number;
  /** Unless it is used before. */
  expiresAt: number;
}

export interface CreatedDevice {
  device: Device;
  sip: SipCredentials;
  /** Device that made room for it; `announceRemoval` after the commit. */
  evicted: string | undefined;
}

export interface DevicesOptions {
  store: Store;
  fabric: Fabric;
  maxPerAccount: number;
  now: () => number;
}

/** The devices of accounts: browsers and softphones, each with SIP credentials of its own. */
export class Devices {
  readonly #store: Store;
  readonly #fabric: Fabric;
  readonly #maxPerAccount: number;
  readonly #now: () => number;

  constructor(options: DevicesOptions) {
    this.#store = options.store;
    this.#fabric = options.fabric;
    this.#maxPerAccount = options.maxPerAccount;
    this.#now = options.now;
  }

  /** Adds a device for somebody who is logged in. @throws Problem `too-many-devices`, `not-logged-in` */
  async add(accountId: string, device: NewDevice): Promise<CreatedDevice> {
    const created = await this.#store.transaction().execute(async (trx) => {
      await requireAccount(trx, accountId);
      return this.create(accountId, device, trx);
    });
    this.announceRemoval(accountId, created.evicted);
    return created;
  }

  /**
   * Adds a device inside a transaction of the caller. When the account is full, the browser that was not seen for longest
   * and is not registered makes room: browsers that lost their storage never log out.
   * @throws Problem `too-many-devices`
   */
  async create(accountId: string, device: NewDevice, store: Store): Promise<CreatedDevice> {
    const evicted = await this.#makeRoom(accountId, store);
    const { shown, stored } = newSipCredentials();
    const id = newId();
    const now = this.#now();
    const seen = device.kind === 'web' ? now : null;
    await store
      .insertInto('devices')
      .values({ id, account_id: accountId, ...device, ...stored, created_at: now, last_seen_at: seen })
      .execute();
    return {
      device: { id, ...device, registered: false, lastSeenAt: seen ?? undefined, session: undefined },
      sip: shown,
      evicted,
    };
  }

  async list(accountId: string): Promise<Device[]> {
    const now = this.#now();
    const rows = await this.#store
      .selectFrom('devices')
      .leftJoin('sessions', (join) =>
        join.onRef('sessions.device_id', '=', 'devices.id').on('sessions.expires_at', '>', now),
      )
      .select(['id', 'name', 'system', 'kind', 'last_seen_at'])
      .select(['sessions.created_at as began_at', 'last_used_at', 'expires_at'])
      .select((device) =>
        device
          .exists(
            device
              .selectFrom('bindings')
              .select('bindings.device_id')
              .whereRef('bindings.device_id', '=', 'devices.id')
              .where('bindings.expires_at', '>', now)
              .where('bindings.silent', '=', 0),
          )
          .as('registered'),
      )
      .where('account_id', '=', accountId)
      .orderBy('devices.created_at')
      .orderBy('id')
      .execute();
    return rows.map(({ last_seen_at, registered, began_at, last_used_at, expires_at, ...row }) => ({
      ...row,
      registered: Boolean(registered),
      lastSeenAt: last_seen_at ?? undefined,
      session:
        began_at === null || last_used_at === null || expires_at === null
          ? undefined
          : { createdAt: began_at, lastUsedAt: last_used_at, expiresAt: expires_at },
    }));
  }

  /**
   * Signs a device out: its sessions and registrations end. The second time it is unknown.
   * @throws Problem `no-such-device`
   */
  async remove(accountId: string, deviceId: string): Promise<void> {
    const result = await this.#store
      .deleteFrom('devices')
      .where('id', '=', deviceId)
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (result.numDeletedRows === 0n) throw new Problem('no-such-device');
    this.announceRemoval(accountId, deviceId);
  }

  /**
   * All devices of an account, but one if it is named, inside the caller's transaction; `announceRemoval` after the commit.
   * @returns their ids
   */
  async removeOthers(trx: Store, accountId: string, keep?: string): Promise<string[]> {
    const rows = await trx
      .deleteFrom('devices')
      .where('account_id', '=', accountId)
      .$if(keep !== undefined, (query) => query.where('id', '<>', keep ?? ''))
      .returning('id')
      .execute();
    return rows.map(({ id }) => id);
  }

  /** @returns how many were signed out */
  async signOutOthers(accountId: string, keep: string): Promise<number> {
    const removed = await this.removeOthers(this.#store, accountId, keep);
    for (const id of removed) this.announceRemoval(accountId, id);
    return removed.length;
  }

  /** Browsers whose session has expired, or that never come back for another reason: nobody can use them again. */
  async sweep(): Promise<void> {
    const now = this.#now();
    const gone = await this.#store
      .deleteFrom('devices')
      .where('kind', '=', 'web')
      .where((device) =>
        device.not(
          device.exists(
            device
              .selectFrom('sessions')
              .select('sessions.device_id')
              .whereRef('sessions.device_id', '=', 'devices.id')
              .where('sessions.expires_at', '>', now),
          ),
        ),
      )
      .returning(['id', 'account_id'])
      .execute();
    for (const { id, account_id } of gone) this.announceRemoval(account_id, id);
  }

  announceRemoval(accountId: string, deviceId: string | undefined): void {
    if (deviceId !== undefined) this.#fabric.publish('device.removed', { accountId, deviceId });
  }

  async #makeRoom(accountId: string, store: Store): Promise<string | undefined> {
    const { count } = await store
      .selectFrom('devices')
      .select((device) => device.fn.countAll<number>().as('count'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    if (count < this.#maxPerAccount) return undefined;
    const idle = await store
      .selectFrom('devices')
      .leftJoin('bindings', 'bindings.device_id', 'devices.id')
      .select('devices.id')
      .where('devices.account_id', '=', accountId)
      .where('kind', '=', 'web')
      .where('bindings.device_id', 'is', null)
      .orderBy('last_seen_at')
      .executeTakeFirst();
    if (!idle) throw new Problem('too-many-devices', 'Sign a device out first.');
    await store.deleteFrom('devices').where('id', '=', idle.id).execute();
    return idle.id;
  }
}
