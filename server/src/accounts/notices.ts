import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';
import { newId, type Store } from '../store/index.ts';
import { accountExists } from './account-exists.ts';

/** What a person has to be told; the client turns `code` and `data` into words. */
export interface Notice {
  id: string;
  code: string;
  data: Record<string, string>;
  createdAt: number;
  seenAt: number | undefined;
}

/**
 * `number-lost`: another account validated one of this account's numbers (data: number). `carrier-voicemail`: the carrier
 * of a number takes its calls away while the devices ring (data: number). `forwarding-failed`: a carrier did not switch
 * the forwarding on (data: number). `forwarding-lost`: a carrier has dropped it (data: number). `password-reset`: somebody
 * proved a number of the account and set a new password (data: number). `session-revoked`: the login of a device was used
 * from two places, and the device was signed out (data: device, its name).
 */
export type NoticeCode =
  | 'number-lost'
  | 'carrier-voicemail'
  | 'forwarding-failed'
  | 'forwarding-lost'
  | 'password-reset'
  | 'session-revoked';

const shownAtOnce = 100;

export class Notices {
  readonly #store: Store;
  readonly #fabric: Fabric;
  readonly #now: () => number;

  constructor(options: { store: Store; fabric: Fabric; now: () => number }) {
    this.#store = options.store;
    this.#fabric = options.fabric;
    this.#now = options.now;
  }

  /** Inside the transaction that makes it true; `announce` after the commit. */
  async add(
    store: Store,
    accountId: string,
    notice: { code: NoticeCode; data: Record<string, string> },
  ): Promise<void> {
    await store
      .insertInto('notices')
      .values({
        id: newId(),
        account_id: accountId,
        code: notice.code,
        data: JSON.stringify(notice.data),
        created_at: this.#now(),
        seen_at: null,
      })
      .execute();
  }

  /** Adds and announces it, unless the same was added within `withinMs`, has not been seen yet, or the account is closed. */
  async tellOnce(
    accountId: string,
    notice: { code: NoticeCode; data: Record<string, string> },
    withinMs: number,
  ): Promise<void> {
    const added = await this.#store.transaction().execute(async (store) => {
      const known = await store
        .selectFrom('notices')
        .select('id')
        .where('account_id', '=', accountId)
        .where('code', '=', notice.code)
        .where('data', '=', JSON.stringify(notice.data))
        .where((row) => row.or([row('seen_at', 'is', null), row('created_at', '>', this.#now() - withinMs)]))
        .executeTakeFirst();
      if (known !== undefined || !(await accountExists(store, accountId))) return false;
      await this.add(store, accountId, notice);
      return true;
    });
    if (added) this.announce(accountId, notice.code);
  }

  announce(accountId: string, code: NoticeCode): void {
    this.#fabric.publish('account.notice', { accountId, code });
  }

  /** Newest first. */
  async list(accountId: string): Promise<Notice[]> {
    const rows = await this.#store
      .selectFrom('notices')
      .selectAll()
      .where('account_id', '=', accountId)
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .limit(shownAtOnce)
      .execute();
    return rows.map((row) => ({
      id: row.id,
      code: row.code,
      data: JSON.parse(row.data) as Record<string, string>,
      createdAt: row.created_at,
      seenAt: row.seen_at ?? undefined,
    }));
  }

  /** @throws Problem `not-found` */
  async markSeen(accountId: string, id: string): Promise<void> {
    const result = await this.#store
      .updateTable('notices')
      .set((notice) => ({ seen_at: notice.fn.coalesce('seen_at', notice.val(this.#now())) }))
      .where('id', '=', id)
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (result.numUpdatedRows === 0n) throw new Problem('not-found', 'No such notice.');
  }
}
