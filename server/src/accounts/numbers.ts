import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';
import type { AnswerMode, Store } from '../store/index.ts';
import { requireAccount } from './account-exists.ts';
import type { Notices } from './notices.ts';

/** A validated number of an account. */
export interface AccountNumber {
  number: string;
  primary: boolean;
  carrierId: string | undefined;
  answerMode: AnswerMode;
  validatedAt: number;
}

/** A number that was proved to be somebody's, and the carrier that serves it. */
export interface ProvedNumber {
  number: string;
  carrierId: string | undefined;
}

/** Spends the proof inside the given transaction; throws when it does not hold. */
export type Claim = (store: Store) => Promise<ProvedNumber>;

export interface NumbersOptions {
  store: Store;
  fabric: Fabric;
  notices: Notices;
  maxPerAccount: number;
  now: () => number;
}

/**
 * Linking and delinking numbers. The database keeps, too: one account per number, one primary in every account that has
 * numbers, and no account that gives its last number away by itself.
 */
export class Numbers {
  readonly #options: NumbersOptions;

  constructor(options: NumbersOptions) {
    this.#options = options;
  }

  /** Primary first, then in the order of linking. */
  async list(accountId: string): Promise<AccountNumber[]> {
    const rows = await this.#options.store
      .selectFrom('numbers')
      .selectAll()
      .where('account_id', '=', accountId)
      .orderBy('is_primary', 'desc')
      .orderBy('validated_at')
      .orderBy('e164')
      .execute();
    return rows.map((row) => ({
      number: row.e164,
      primary: row.is_primary === 1,
      carrierId: row.carrier_id ?? undefined,
      answerMode: row.answer_mode,
      validatedAt: row.validated_at,
    }));
  }

  /**
   * Links a proved number as a secondary, or as the primary of an account that has no number left.
   * @throws Problem of the claim, `already-linked`, `too-many-numbers`
   */
  async link(accountId: string, claim: Claim): Promise<void> {
    const loser = await this.#options.store.transaction().execute(async (trx) => {
      await requireAccount(trx, accountId);
      const proved = await claim(trx);
      return this.attach(trx, accountId, proved);
    });
    this.#options.fabric.publish('account.changed', { accountId });
    this.announceLoss(loser);
  }

  /**
   * The core of linking, inside the caller's transaction: takes the number from the account that had it (R-RECYCLED).
   * @returns that account, to be given to `announceLoss` after the commit
   */
  async attach(trx: Store, accountId: string, proved: ProvedNumber): Promise<string | undefined> {
    const owned = await trx
      .selectFrom('numbers')
      .select('e164')
      .where('account_id', '=', accountId)
      .execute();
    if (owned.some((row) => row.e164 === proved.number)) throw new Problem('already-linked');
    if (owned.length >= this.#options.maxPerAccount) {
      throw new Problem('too-many-numbers', 'Remove a number first.');
    }
    const loser = await this.#takeAway(trx, proved.number);
    await trx
      .insertInto('numbers')
      .values({
        e164: proved.number,
        account_id: accountId,
        is_primary: owned.length === 0 ? 1 : 0,
        carrier_id: proved.carrierId ?? null,
        answer_mode: 'both',
        validated_at: this.#options.now(),
      })
      .execute();
    return loser;
  }

  announceLoss(loser: string | undefined): void {
    if (loser === undefined) return;
    this.#options.notices.announce(loser, 'number-lost');
    this.#options.fabric.publish('account.changed', { accountId: loser });
  }

  /** @throws Problem `no-such-number`, `last-number`, `primary-number` */
  async delink(accountId: string, number: string): Promise<void> {
    await this.#options.store.transaction().execute(async (trx) => {
      const row = await own(trx, accountId, number);
      if (!(await hasOthers(trx, accountId, number))) {
        throw new Problem('last-number', 'Link another number first, or close the account.');
      }
      if (row.is_primary === 1) {
        throw new Problem('primary-number', 'Make another of your numbers the primary one first.');
      }
      await trx.deleteFrom('numbers').where('e164', '=', number).execute();
    });
    this.#options.fabric.publish('account.changed', { accountId });
  }

  /** @throws Problem `no-such-number` */
  async setPrimary(accountId: string, number: string): Promise<void> {
    await this.#options.store.transaction().execute(async (trx) => {
      await own(trx, accountId, number);
      await trx.updateTable('numbers').set({ is_primary: 0 }).where('account_id', '=', accountId).execute();
      await trx.updateTable('numbers').set({ is_primary: 1 }).where('e164', '=', number).execute();
    });
    this.#options.fabric.publish('account.changed', { accountId });
  }

  /** @throws Problem `no-such-number` */
  async setAnswerMode(accountId: string, number: string, answerMode: AnswerMode): Promise<void> {
    const result = await this.#options.store
      .updateTable('numbers')
      .set({ answer_mode: answerMode })
      .where('e164', '=', number)
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (result.numUpdatedRows === 0n) throw new Problem('no-such-number');
    this.#options.fabric.publish('account.changed', { accountId });
  }

  /** The old owner keeps the account: its oldest other number, if any, becomes the primary. */
  async #takeAway(trx: Store, number: string): Promise<string | undefined> {
    const row = await trx
      .selectFrom('numbers')
      .select(['account_id', 'is_primary'])
      .where('e164', '=', number)
      .executeTakeFirst();
    if (!row) return undefined;
    const accountId = row.account_id;
    const next = await trx
      .selectFrom('numbers')
      .select('e164')
      .where('account_id', '=', accountId)
      .where('e164', '<>', number)
      .orderBy('validated_at')
      .orderBy('e164')
      .executeTakeFirst();
    if (!next) {
      await trx
        .updateTable('accounts')
        .set({ numberless_since: this.#options.now() })
        .where('id', '=', accountId)
        .execute();
    }
    await trx.deleteFrom('numbers').where('e164', '=', number).execute();
    if (next && row.is_primary === 1) {
      await trx.updateTable('numbers').set({ is_primary: 1 }).where('e164', '=', next.e164).execute();
    }
    await this.#options.notices.add(trx, accountId, { code: 'number-lost', data: { number } });
    return accountId;
  }
}

async function hasOthers(trx: Store, accountId: string, number: string): Promise<boolean> {
  const other = await trx
    .selectFrom('numbers')
    .select('e164')
    .where('account_id', '=', accountId)
    .where('e164', '<>', number)
    .executeTakeFirst();
  return other !== undefined;
}

async function own(trx: Store, accountId: string, number: string): Promise<{ is_primary: number }> {
  const row = await trx
    .selectFrom('numbers')
    .select('is_primary')
    .where('e164', '=', number)
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  if (!row) throw new Problem('no-such-number');
  return row;
}

/** Whose number it is; undefined: nobody's. */
export async function ownerOf(store: Store, number: string): Promise<string | undefined> {
  const row = await store
    .selectFrom('numbers')
    .select('account_id')
    .where('e164', '=', number)
    .executeTakeFirst();
  return row?.account_id;
}
