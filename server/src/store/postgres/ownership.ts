import pg, { type ClientConfig } from 'pg';
import { DataInUseError } from '../data-lock.ts';
import { StoreUnavailableError } from '../errors.ts';
import { toStoreError } from './postgres-errors.ts';

export interface OwnershipOptions {
  settings: ClientConfig;
  /** For the message when somebody else has it. */
  place: string;
  /** A server that was just killed may still have it, as far as PostgreSQL knows. */
  patienceMs: number;
  /** Lost, not to be had again, had again. */
  onTrouble: (error: unknown) => void;
}

/** "Ringthrough", as two numbers of 32 bits: no other program's advisory lock. */
const lockSql = 'select pg_try_advisory_lock(1383362162, 1953002855) as got';
const tryEveryMs = 100;
const tryAgainMs = 500;

/**
 * The database is this process's alone, as the data folder is with SQLite: an advisory lock on a connection of its own.
 * When that connection is lost the lock is free for others, so nothing is asked of the database until it is had again.
 */
export class Ownership {
  readonly #options: OwnershipOptions;
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  /** @throws DataInUseError, StoreUnavailableError, or the server's error (password, no such database) */
  static async take(options: OwnershipOptions): Promise<Ownership> {
    const ownership = new Ownership(options);
    const until = performance.now() + options.patienceMs;
    while (!(await ownership.#try())) {
      if (performance.now() > until) throw new DataInUseError(`the database ${options.place}`);
      await new Promise((resolve) => setTimeout(resolve, tryEveryMs));
    }
    return ownership;
  }

  /** @throws StoreUnavailableError while the database is not ours */
  check(): void {
    if (this.#client) return;
    throw new StoreUnavailableError(
      `the connection that keeps ${this.#options.place} for this server is gone`,
    );
  }

  /** Gives the database back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  /** @returns false when another server has it */
  async #try(): Promise<boolean> {
    const client = new pg.Client(this.#options.settings);
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ got: boolean }>(lockSql);
      if (rows[0]?.got !== true) {
        await client.end();
        return false;
      }
    } catch (error) {
      client.end().catch(() => undefined);
      throw toStoreError(error);
    }
    client.on('end', () => this.#lost(client));
    this.#client = client;
    return true;
  }

  #lost(client: pg.Client): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    const { place, onTrouble } = this.#options;
    onTrouble(new StoreUnavailableError(`the connection that keeps ${place} for this server was lost`));
    this.#again(0);
  }

  #again(afterMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#try().then(
        (got) => {
          if (got && this.#closed) void this.close();
          if (got) return;
          this.#options.onTrouble(new DataInUseError(`the database ${this.#options.place}`));
          this.#again(tryAgainMs);
        },
        () => this.#again(tryAgainMs),
      );
    }, afterMs);
  }
}
