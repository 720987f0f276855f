import type { Selectable } from 'kysely';
import { type Database, newId, type Store } from '../store/index.ts';
import type { ForwardingAction } from './types.ts';

/** A command to a carrier that is still to be carried out. */
export type ForwardingJob = Selectable<Database['forwarding_jobs']>;

export interface NewJob {
  number: string;
  accountId: string;
  carrierId: string;
  cNumber: string;
  action: ForwardingAction;
  noReplySeconds: number | null;
}

/** The queue of commands in SQL. Of a number there is one command per carrier: what is wished last counts. */
export class ForwardingJobs {
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Inside the transaction that makes it necessary. */
  async put(store: Store, job: NewJob): Promise<void> {
    const fresh = {
      id: newId(),
      account_id: job.accountId,
      action: job.action,
      c_number: job.cNumber,
      no_reply_seconds: job.noReplySeconds,
      created_at: this.#now(),
      next_attempt_at: this.#now(),
      attempts: 0,
      accepted: 0,
    };
    await store
      .insertInto('forwarding_jobs')
      .values({ number: job.number, carrier_id: job.carrierId, ...fresh })
      .onConflict((conflict) => conflict.columns(['number', 'carrier_id']).doUpdateSet(fresh))
      .execute();
  }

  /** Those whose time has come, oldest first. */
  async due(store: Store, now: number, limit: number): Promise<ForwardingJob[]> {
    return store
      .selectFrom('forwarding_jobs')
      .selectAll()
      .where('next_attempt_at', '<=', now)
      .orderBy('next_attempt_at')
      .orderBy('id')
      .limit(limit)
      .execute();
  }

  /** When something is due after `now`; undefined: never. */
  async nextAfter(store: Store, now: number): Promise<number | undefined> {
    const row = await store
      .selectFrom('forwarding_jobs')
      .select('next_attempt_at')
      .where('next_attempt_at', '>', now)
      .orderBy('next_attempt_at')
      .limit(1)
      .executeTakeFirst();
    return row?.next_attempt_at;
  }

  async find(store: Store, id: string): Promise<ForwardingJob | undefined> {
    return store.selectFrom('forwarding_jobs').selectAll().where('id', '=', id).executeTakeFirst();
  }

  /** Whether any command for the number is still to be carried out there. */
  async isWaiting(store: Store, number: string, carrierId: string): Promise<boolean> {
    const row = await store
      .selectFrom('forwarding_jobs')
      .select('id')
      .where('number', '=', number)
      .where('carrier_id', '=', carrierId)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** @returns false when another command has taken its place */
  async postpone(
    store: Store,
    job: ForwardingJob,
    change: { nextAttemptAt: number; attempts: number; accepted: boolean },
  ): Promise<boolean> {
    const { numUpdatedRows } = await store
      .updateTable('forwarding_jobs')
      .set({
        next_attempt_at: change.nextAttemptAt,
        attempts: change.attempts,
        accepted: change.accepted ? 1 : 0,
      })
      .where('id', '=', job.id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** @returns false when another command has taken its place */
  async finish(store: Store, job: ForwardingJob): Promise<boolean> {
    const { numDeletedRows } = await store
      .deleteFrom('forwarding_jobs')
      .where('id', '=', job.id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  async drop(store: Store, number: string, carrierId: string): Promise<void> {
    await store
      .deleteFrom('forwarding_jobs')
      .where('number', '=', number)
      .where('carrier_id', '=', carrierId)
      .execute();
  }
}
