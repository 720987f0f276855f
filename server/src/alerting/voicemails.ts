import type { Store } from '../store/index.ts';
import type { MessageNote } from './message-files.ts';

/** A voice message in a person's list. Times in unix milliseconds. */
export interface Voicemail {
  id: string;
  /** The called number, E.164. */
  number: string;
  /** E.164; undefined when withheld. */
  calling: string | undefined;
  storedAt: number;
  durationMs: number;
  heardAt: number | undefined;
}

/** The voicemails table. What resolves is durable. */
export class Voicemails {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * False when it was there already, or when its account is gone.
   * @param also goes into the same transaction, if the message is new
   */
  async add(
    note: MessageNote,
    message: { durationMs: number; storedAt: number; file: string },
    also: (transaction: Store) => Promise<void>,
  ): Promise<boolean> {
    return this.#store.transaction().execute(async (transaction) => {
      const account = await transaction
        .selectFrom('accounts')
        .select('id')
        .where('id', '=', note.accountId)
        .executeTakeFirst();
      if (account === undefined) return false;
      const { numInsertedOrUpdatedRows } = await transaction
        .insertInto('voicemails')
        .values({
          id: note.id,
          account_id: note.accountId,
          number: note.number,
          calling: note.calling,
          call_id: note.callId,
          stored_at: message.storedAt,
          duration_ms: Math.round(message.durationMs),
          file: message.file,
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .executeTakeFirst();
      const isNew = numInsertedOrUpdatedRows === 1n;
      if (isNew) await also(transaction);
      return isNew;
    });
  }

  async has(id: string): Promise<boolean> {
    const row = await this.#store
      .selectFrom('voicemails')
      .select('id')
      .where('id', '=', id)
      .executeTakeFirst();
    return row !== undefined;
  }

  async count(accountId: string): Promise<number> {
    const { count } = await this.#store
      .selectFrom('voicemails')
      .select((select) => select.fn.countAll<number>().as('count'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** How many have not been heard, and how many have. */
  async counts(accountId: string): Promise<{ new: number; old: number }> {
    const row = await this.#store
      .selectFrom('voicemails')
      .select((select) => [
        select.fn.countAll<number>().as('all'),
        select.fn.count<number>('heard_at').as('heard'),
      ])
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow();
    const [all, old] = [Number(row.all), Number(row.heard)];
    return { new: all - old, old };
  }

  /** Newest first. */
  async list(accountId: string): Promise<Voicemail[]> {
    const rows = await this.#store
      .selectFrom('voicemails')
      .selectAll()
      .where('account_id', '=', accountId)
      .orderBy('stored_at', 'desc')
      .orderBy('id')
      .execute();
    return rows.map((row) => ({
      id: row.id,
      number: row.number,
      calling: row.calling ?? undefined,
      storedAt: row.stored_at,
      durationMs: row.duration_ms,
      heardAt: row.heard_at ?? undefined,
    }));
  }

  /** True when the account has this message. */
  async isOf(accountId: string, id: string): Promise<boolean> {
    const row = await this.#store
      .selectFrom('voicemails')
      .select('id')
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** @param heardAt null makes it new again. False when the account has no such message. */
  async setHeard(accountId: string, id: string, heardAt: number | null): Promise<boolean> {
    const { numUpdatedRows } = await this.#store
      .updateTable('voicemails')
      .set({ heard_at: heardAt })
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Messages of closed accounts whose audio is still to be deleted; `forget` when it is. */
  async discarded(): Promise<string[]> {
    const rows = await this.#store.selectFrom('discarded_voicemails').select('id').execute();
    return rows.map(({ id }) => id);
  }

  async forget(id: string): Promise<void> {
    await this.#store.deleteFrom('discarded_voicemails').where('id', '=', id).execute();
  }

  async delete(accountId: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#store
      .deleteFrom('voicemails')
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .executeTakeFirst();
    return numDeletedRows === 1n;
  }
}
