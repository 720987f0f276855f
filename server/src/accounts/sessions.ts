import { createHash, randomBytes } from 'node:crypto';
import type { Store } from '../store/index.ts';

export interface Session {
  accountId: string;
  deviceId: string;
}

export interface SessionsOptions {
  store: Store;
  /** Since it was last used. */
  lifetimeMs: number;
  now: () => number;
}

/** A session is written to at most this often, so that reading costs no commit. */
const touchEveryMs = 60_000;

/** Opaque session tokens; the database keeps their hashes only. */
export class Sessions {
  readonly #store: Store;
  readonly #lifetimeMs: number;
  readonly #now: () => number;

  constructor(options: SessionsOptions) {
    this.#store = options.store;
    this.#lifetimeMs = options.lifetimeMs;
    this.#now = options.now;
  }

  /** @returns the token, 256 random bits */
  async create(session: Session, store: Store = this.#store): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const now = this.#now();
    await store
      .insertInto('sessions')
      .values({
        token_hash: hashToken(token),
        account_id: session.accountId,
        device_id: session.deviceId,
        created_at: now,
        last_used_at: now,
        expires_at: now + this.#lifetimeMs,
      })
      .execute();
    return token;
  }

  /** Whose token this is; marks session and device as seen. */
  async authenticate(token: string): Promise<Session | undefined> {
    const now = this.#now();
    const hash = hashToken(token);
    const row = await this.#store
      .selectFrom('sessions')
      .select(['account_id', 'device_id', 'last_used_at'])
      .where('token_hash', '=', hash)
      .where('expires_at', '>', now)
      .executeTakeFirst();
    if (!row) return undefined;
    if (now - row.last_used_at >= touchEveryMs) await this.#touch(hash, row.device_id, now);
    return { accountId: row.account_id, deviceId: row.device_id };
  }

  /** Still there? Long-lived connections ask before they say more. */
  async exists(deviceId: string): Promise<boolean> {
    const row = await this.#store
      .selectFrom('sessions')
      .select('token_hash')
      .where('device_id', '=', deviceId)
      .where('expires_at', '>', this.#now())
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Throws out what has expired; called now and then. */
  async sweep(): Promise<void> {
    await this.#store.deleteFrom('sessions').where('expires_at', '<=', this.#now()).execute();
  }

  async #touch(hash: string, deviceId: string, now: number): Promise<void> {
    await this.#store.transaction().execute(async (trx) => {
      await trx
        .updateTable('sessions')
        .set({ last_used_at: now, expires_at: now + this.#lifetimeMs })
        .where('token_hash', '=', hash)
        .execute();
      await trx.updateTable('devices').set({ last_seen_at: now }).where('id', '=', deviceId).execute();
    });
  }
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
