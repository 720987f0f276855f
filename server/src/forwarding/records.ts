import type { Selectable } from 'kysely';
import type { Database, Store } from '../store/index.ts';
import type { ForwardingCheck, ForwardingSource } from './types.ts';

/** What is known of the forwarding of one number. */
export type ForwardingRecord = Selectable<Database['forwarding_records']>;

/** The number as it is linked now. */
export interface LinkedNumber {
  number: string;
  accountId: string;
  linkedAt: number;
  carrierId: string | undefined;
}

/** The table of records. Inside a transaction give it that. */
export class ForwardingRecords {
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async find(store: Store, number: string): Promise<ForwardingRecord | undefined> {
    return store.selectFrom('forwarding_records').selectAll().where('number', '=', number).executeTakeFirst();
  }

  async ofAccount(store: Store, accountId: string): Promise<Map<string, ForwardingRecord>> {
    const rows = await store
      .selectFrom('forwarding_records')
      .innerJoin('numbers', (join) =>
        join
          .onRef('numbers.e164', '=', 'forwarding_records.number')
          .onRef('numbers.account_id', '=', 'forwarding_records.account_id')
          .onRef('numbers.validated_at', '=', 'forwarding_records.linked_at'),
      )
      .selectAll('forwarding_records')
      .where('forwarding_records.account_id', '=', accountId)
      .execute();
    return new Map(rows.map((row) => [row.number, row]));
  }

  /** Begins anew: whatever was known of the number before belonged to somebody else or to another carrier. */
  async begin(store: Store, linked: LinkedNumber & { carrierId: string }): Promise<void> {
    const fresh = {
      account_id: linked.accountId,
      linked_at: linked.linkedAt,
      carrier_id: linked.carrierId,
      state: 'unknown' as const,
      source: null,
      error: null,
      changed_at: null,
      no_reply_seconds: null,
      check_state: null,
      check_seen: null,
      check_cause: null,
      check_at: null,
      verified_at: null,
    };
    await store
      .insertInto('forwarding_records')
      .values({ number: linked.number, ...fresh })
      .onConflict((conflict) => conflict.column('number').doUpdateSet(fresh))
      .execute();
  }

  async remove(store: Store, number: string): Promise<void> {
    await store.deleteFrom('forwarding_records').where('number', '=', number).execute();
  }

  async setState(
    store: Store,
    number: string,
    change: {
      state: ForwardingRecord['state'];
      source?: ForwardingSource;
      error?: string;
      noReplySeconds?: number | null;
    },
  ): Promise<void> {
    await store
      .updateTable('forwarding_records')
      .set({
        state: change.state,
        error: change.error ?? null,
        changed_at: this.#now(),
        ...(change.source === undefined ? {} : { source: change.source }),
        ...(change.noReplySeconds === undefined ? {} : { no_reply_seconds: change.noReplySeconds }),
      })
      .where('number', '=', number)
      .execute();
  }

  async setCheck(store: Store, number: string, check: ForwardingCheck): Promise<void> {
    await store
      .updateTable('forwarding_records')
      .set({
        check_state: check.state,
        check_seen: check.seen,
        check_cause: check.cause ?? null,
        check_at: check.at,
        ...(check.state === 'verified' ? { verified_at: check.at } : {}),
      })
      .where('number', '=', number)
      .execute();
  }
}

/** The check of a record, as people may see it. */
export function checkOf(record: ForwardingRecord): ForwardingCheck | null {
  const { check_state: state, check_seen: seen, check_at: at, check_cause: cause } = record;
  if (state === null || at === null) return null;
  return { state, seen, at, ...(cause === null ? {} : { cause }) };
}
