import { createHash, randomBytes } from 'node:crypto';
import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';

export interface SetUpLinksOptions {
  store: Store;
  lifetimeMs: number;
  now?: () => number;
}

/** What a softphone needs to register, without its password: HA1 for MD5 (RFC 8760), hex. */
export interface SoftphoneIdentity {
  name: string;
  user: string;
  ha1Md5: string;
}

const hashed = (token: string): string => createHash('sha256').update(token).digest('hex');

/** One-time, short-lived addresses from which a softphone fetches its own configuration. */
export class SetUpLinks {
  readonly #options: SetUpLinksOptions;
  readonly #now: () => number;

  constructor(options: SetUpLinksOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Makes one; the one before of the same softphone is void.
   * @returns 256 random bits, of which the database keeps the hash; unix milliseconds
   * @throws Problem `no-such-device`
   */
  async create(accountId: string, deviceId: string): Promise<{ token: string; expiresAt: number }> {
    const { store, lifetimeMs } = this.#options;
    const token = randomBytes(32).toString('base64url');
    const link = { token_hash: hashed(token), expires_at: this.#now() + lifetimeMs };
    // Together: the softphone may be signed out in between.
    await store.transaction().execute(async (trx) => {
      const device = await trx
        .selectFrom('devices')
        .select('id')
        .where('id', '=', deviceId)
        .where('account_id', '=', accountId)
        .where('kind', '=', 'softphone')
        .executeTakeFirst();
      if (!device) throw new Problem('no-such-device');
      await trx
        .insertInto('set_up_links')
        .values({ device_id: deviceId, ...link })
        .onConflict((conflict) => conflict.column('device_id').doUpdateSet(link))
        .execute();
    });
    return { token, expiresAt: link.expires_at };
  }

  /** Uses one up. @returns undefined when it is unknown, used or too old */
  async take(token: string): Promise<SoftphoneIdentity | undefined> {
    const { store } = this.#options;
    const link = await store
      .deleteFrom('set_up_links')
      .where('token_hash', '=', hashed(token))
      .returning(['device_id', 'expires_at'])
      .executeTakeFirst();
    if (!link || link.expires_at <= this.#now()) return undefined;
    const device = await store
      .selectFrom('devices')
      .select(['name', 'sip_user', 'ha1_md5'])
      .where('id', '=', link.device_id)
      .executeTakeFirst();
    return device && { name: device.name, user: device.sip_user, ha1Md5: device.ha1_md5 };
  }
}
