import type { Selectable } from 'kysely';
import { type Database, type Store, writeTogether } from '../store/index.ts';
import type { DeviceSession } from './devices.ts';
import type { Notices } from './notices.ts';
import { deriveToken, isSameHash, newRefreshToken, readToken, type SessionToken } from './session-token.ts';

export interface Session {
  accountId: string;
  deviceId: string;
}

/** What a client has of its session. */
export interface Tokens {
  accessToken: string;
  /** Good once, for the next tokens. */
  refreshToken: string;
  /** Of the access token; unix milliseconds. */
  expiresAt: number;
}

export interface SessionsOptions {
  store: Store;
  /** Derives tokens from the ones before. */
  key: Buffer;
  accessLifetimeMs: number;
  /** Since it was last refreshed. */
  lifetimeMs: number;
  /** How long a refresh token is good again after it was exchanged, for another tab that had it, too. */
  graceMs: number;
  notices: Notices;
  now: () => number;
}

type Row = Selectable<Database['sessions']>;

export type RefreshResult =
  | { kind: 'refreshed'; tokens: Tokens }
  /** An old token came again: whoever has the others is cut off. The device is gone, inside the transaction. */
  | { kind: 'reused'; session: Session }
  | { kind: 'unknown' };

/** A session is written to at most this often, so that reading costs no commit. */
const touchEveryMs = 60_000;

/**
 * Sessions: an access token for minutes, a refresh token that is exchanged for the next pair (RFC 6749 section 6, RFC 9700
 * section 4.14.2). The database keeps hashes only.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #store: Store;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** In the transaction that makes the device. */
  async create(deviceId: string, store: Store): Promise<{ tokens: Tokens; session: DeviceSession }> {
    const refresh = newRefreshToken();
    const access = deriveToken(this.#options.key, 'access', refresh);
    const now = this.#options.now();
    const expiresAt = now + this.#options.accessLifetimeMs;
    const session = { createdAt: now, lastUsedAt: now, expiresAt: now + this.#options.lifetimeMs };
    await store
      .insertInto('sessions')
      .values({
        id_hash: refresh.idHash,
        device_id: deviceId,
        refresh_hash: refresh.secretHash,
        access_hash: access.secretHash,
        access_expires_at: expiresAt,
        seen: 0,
        created_at: now,
        last_used_at: now,
        expires_at: session.expiresAt,
      })
      .execute();
    const tokens = { accessToken: access.text, refreshToken: refresh.text, expiresAt };
    return { tokens, session };
  }

  /** Whose access token this is; marks session and device as seen. */
  async authenticate(accessToken: string): Promise<Session | undefined> {
    const token = readToken(accessToken);
    if (!token) return undefined;
    const now = this.#options.now();
    const row = await this.#store
      .selectFrom('sessions')
      .innerJoin('devices', 'devices.id', 'sessions.device_id')
      .selectAll('sessions')
      .select('devices.account_id')
      .where('id_hash', '=', token.idHash)
      .where('expires_at', '>', now)
      .executeTakeFirst();
    if (!row) return undefined;
    const current = row.access_expires_at > now && isSameHash(token.secretHash, row.access_hash);
    const previous =
      (row.previous_access_expires_at ?? 0) > now && isSameHash(token.secretHash, row.previous_access_hash);
    if (!current && !previous) return undefined;
    const firstUse = current && row.seen === 0;
    if (firstUse || now - row.last_used_at >= touchEveryMs) await this.#touch(row, { seen: current, now });
    return { accountId: row.account_id, deviceId: row.device_id };
  }

  /**
   * Exchanges a refresh token for the next pair. The one before is taken again, and answered with the same pair, as long as
   * the client has not shown that it has that (the answer was lost), and for a grace after it was exchanged (another tab).
   * Later it is a copy in other hands, or the session is: nobody has it any more.
   */
  async refresh(refreshToken: string): Promise<RefreshResult> {
    const token = readToken(refreshToken);
    if (!token) return { kind: 'unknown' };
    return this.#store.transaction().execute(async (trx) => {
      const row = await trx
        .selectFrom('sessions')
        .selectAll()
        .where('id_hash', '=', token.idHash)
        .where('expires_at', '>', this.#options.now())
        .executeTakeFirst();
      if (!row) return { kind: 'unknown' };
      if (isSameHash(token.secretHash, row.refresh_hash)) return this.#rotate(trx, row, token);
      const again = isSameHash(token.secretHash, row.previous_refresh_hash);
      const late = this.#options.now() - (row.rotated_at ?? 0) > this.#options.graceMs;
      if (!again || (late && row.seen === 1)) return this.#revoke(trx, row);
      return this.#repeat(trx, row, token);
    });
  }

  async #rotate(trx: Store, row: Row, token: SessionToken): Promise<RefreshResult> {
    const { key, now, accessLifetimeMs, lifetimeMs } = this.#options;
    const refresh = deriveToken(key, 'refresh', token);
    const access = deriveToken(key, 'access', refresh);
    const expiresAt = now() + accessLifetimeMs;
    await trx
      .updateTable('sessions')
      .set({
        refresh_hash: refresh.secretHash,
        previous_refresh_hash: row.refresh_hash,
        rotated_at: now(),
        access_hash: access.secretHash,
        access_expires_at: expiresAt,
        previous_access_hash: row.access_hash,
        previous_access_expires_at: row.access_expires_at,
        seen: 0,
        last_used_at: now(),
        expires_at: now() + lifetimeMs,
      })
      .where('id_hash', '=', row.id_hash)
      .execute();
    return {
      kind: 'refreshed',
      tokens: { accessToken: access.text, refreshToken: refresh.text, expiresAt },
    };
  }

  async #repeat(trx: Store, row: Row, token: SessionToken): Promise<RefreshResult> {
    const { key, now, accessLifetimeMs } = this.#options;
    const refresh = deriveToken(key, 'refresh', token);
    const access = deriveToken(key, 'access', refresh);
    // Where the answer was lost long ago, what was in it has expired by now.
    const expiresAt = row.seen === 1 ? row.access_expires_at : now() + accessLifetimeMs;
    await trx
      .updateTable('sessions')
      .set({ access_expires_at: expiresAt, last_used_at: now() })
      .where('id_hash', '=', row.id_hash)
      .execute();
    return {
      kind: 'refreshed',
      tokens: { accessToken: access.text, refreshToken: refresh.text, expiresAt },
    };
  }

  async #touch(row: Row, { seen, now }: { seen: boolean; now: number }): Promise<void> {
    await writeTogether(this.#store, [
      this.#store
        .updateTable('sessions')
        .set({ last_used_at: now, ...(seen ? { seen: 1 } : {}) })
        .where('id_hash', '=', row.id_hash)
        // Tokens may have been exchanged since: these are not the present ones then.
        .where('refresh_hash', '=', row.refresh_hash),
      this.#store.updateTable('devices').set({ last_seen_at: now }).where('id', '=', row.device_id),
    ]);
  }

  /** The person hears of it where he or she still is, or logs in again. `Notices.announce` after the commit. */
  async #revoke(trx: Store, { device_id: deviceId }: Row): Promise<RefreshResult> {
    const device = await trx
      .deleteFrom('devices')
      .where('id', '=', deviceId)
      .returning(['account_id', 'name'])
      .executeTakeFirstOrThrow();
    const { account_id: accountId, name } = device;
    await this.#options.notices.add(trx, accountId, { code: 'session-revoked', data: { device: name } });
    return { kind: 'reused', session: { accountId, deviceId } };
  }
}
