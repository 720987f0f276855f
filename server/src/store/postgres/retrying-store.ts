import { Kysely, type KyselyConfig, type Transaction, type TransactionBuilder } from 'kysely';
import type { Database } from '../database.ts';
import { StoreUnavailableError } from '../errors.ts';
import { retryReason } from './postgres-errors.ts';

/** Beside others so often; then alone. */
const attemptsBesideOthers = 3;
const maxAttempts = 10;
const maxPauseMs = 20;

/** A store whose transactions are run again when they met others. */
export class RetryingStore extends Kysely<Database> {
  readonly #alone: Kysely<Database>;
  readonly #close: () => Promise<void>;

  /**
   * @param alone the same database, with transactions that let no other one run beside them
   * @param close closes what is behind both; idempotent
   */
  constructor(
    config: KyselyConfig,
    { alone, close }: { alone: Kysely<Database>; close: () => Promise<void> },
  ) {
    super(config);
    this.#alone = alone;
    this.#close = close;
  }

  /** Kysely closes only what it has used. */
  override async destroy(): Promise<void> {
    await super.destroy();
    await this.#close();
  }

  override transaction(): TransactionBuilder<Database> {
    const builder = super.transaction();
    const besideOthers = builder.execute.bind(builder);
    builder.execute = <T>(callback: (trx: Transaction<Database>) => Promise<T>): Promise<T> =>
      retried((alone) => (alone ? this.#alone.transaction().execute(callback) : besideOthers(callback)));
    return builder;
  }
}

/**
 * Runs it until it meets nobody: three times beside others, then alone. A rule of the database that was broken beside
 * others is tried once more alone, because the one that was there first may not have been visible.
 * @throws StoreUnavailableError when even that is in vain, and whatever `run` throws otherwise
 */
export async function retried<T>(run: (alone: boolean) => Promise<T>): Promise<T> {
  let alone = false;
  for (let attempt = 1; ; attempt += 1) {
    alone ||= attempt > attemptsBesideOthers;
    try {
      return await run(alone);
    } catch (error) {
      const reason = retryReason(error);
      if (reason === undefined || (reason === 'constraint' && alone)) throw error;
      if (attempt >= maxAttempts) {
        throw new StoreUnavailableError('a transaction met others again and again', { cause: error });
      }
      alone = reason === 'constraint';
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * maxPauseMs));
  }
}
