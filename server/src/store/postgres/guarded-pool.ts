import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg, { type ClientConfig, type PoolClient, type QueryResult } from 'pg';
import type { StoreUnavailableError } from '../errors.ts';
import { StoreWriteError } from '../writer/store-writer.ts';
import { endsConnection, toStoreError } from './postgres-errors.ts';

export interface GuardedPoolOptions {
  settings: ClientConfig;
  /** Connections at most. */
  size: number;
  /** Who may wait for one; further ones are refused. */
  maxWaiting: number;
  /** Throws when the database may not be used now. */
  check: () => void;
  /** A connection broke while nobody used it. */
  onTrouble: (error: unknown) => void;
}

const idleTimeoutMs = 60_000;

/** What Kysely takes a connection for. */
export interface GuardedClient extends PostgresPoolClient {
  rows(sql: string, parameters: readonly unknown[]): Promise<unknown[][]>;
}

/** The connections to PostgreSQL: a lost one is an error of whoever used it, never the end of the process. */
export class GuardedPool implements PostgresPool {
  readonly #options: GuardedPoolOptions;
  readonly #pool: pg.Pool;
  readonly #clients = new WeakMap<PoolClient, GuardedClient>();
  /** Asked for, and not yet given back. */
  #outstanding = 0;
  #whenIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: GuardedPoolOptions) {
    this.#options = options;
    const { settings, size } = options;
    // The settings are the client's alone: pg's pool would let those who wait for a turn give up as well.
    class Client extends pg.Client {
      constructor() {
        super(settings);
        // Without a listener an error of the connection, while somebody has it, would end the process.
        this.on('error', () => undefined);
      }
    }
    this.#pool = new pg.Pool({ Client, max: size, idleTimeoutMillis: idleTimeoutMs });
    this.#pool.on('error', (error) => options.onTrouble(toStoreError(clean(error))));
  }

  /**
   * @throws as rejection, `StoreUnavailableError` when the database cannot be reached; `StoreWriteError`
   *   (`overload`, `closed`)
   */
  async connect(): Promise<GuardedClient> {
    if (this.#closing) throw writeError('closed', 'the store is closed');
    if (this.#pool.waitingCount >= this.#options.maxWaiting) {
      throw writeError('overload', 'too much waits for the database');
    }
    this.#options.check();
    this.#outstanding += 1;
    try {
      return this.#guarded(await this.#pool.connect());
    } catch (error) {
      this.#released();
      throw toStoreError(error);
    }
  }

  /** Waits for whoever has a connection or waits for one, then closes all. Idempotent. */
  end(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.#pool.end();
  }

  #released(): void {
    this.#outstanding -= 1;
    if (this.#outstanding === 0) this.#whenIdle?.();
  }

  /** The same one each time: Kysely remembers connections. */
  #guarded(client: PoolClient): GuardedClient {
    const known = this.#clients.get(client);
    if (known) return known;
    // Of no use to the next one, though pg may not know yet.
    let dead = false;
    const run = async (query: pg.QueryConfig | pg.QueryArrayConfig): Promise<QueryResult> => {
      try {
        return await client.query(query as pg.QueryConfig);
      } catch (error) {
        dead ||= endsConnection(error);
        throw toStoreError(error);
      }
    };
    const guarded = {
      query: async (text: string, values: readonly unknown[]) => {
        const result = await run({ text, values: values.map(toPostgres) });
        // The server's answer to the COMMIT of a transaction in which a statement had failed.
        if (text === 'commit' && result.command === 'ROLLBACK') {
          throw new Error('a statement had failed: nothing of the transaction was committed');
        }
        return result;
      },
      rows: async (text: string, values: readonly unknown[]) => {
        const { rows } = await run({ text, values: values.map(toPostgres), rowMode: 'array' });
        return rows as unknown[][];
      },
      release: () => {
        client.release(dead);
        this.#released();
      },
    } as unknown as GuardedClient;
    this.#clients.set(client, guarded);
    return guarded;
  }
}

/** PostgreSQL's text holds no NUL; SQLite's does, and it comes from clients. */
function toPostgres(value: unknown): unknown {
  if (value === undefined) return null;
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
}

/** pg hangs the connection with all of its settings on such errors. */
function clean(error: Error): Error {
  Reflect.deleteProperty(error, 'client');
  return error;
}

function writeError(code: 'closed' | 'overload', message: string): StoreUnavailableError | StoreWriteError {
  return new StoreWriteError(code, { message, errcode: undefined });
}
