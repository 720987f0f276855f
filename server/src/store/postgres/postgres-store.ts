import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresDialect,
  PostgresDriver,
} from 'kysely';
import pg from 'pg';
import type { OpenedStore, StoreBackend } from '../backend.ts';
import type { Database } from '../database.ts';
import { migrate } from '../migrate.ts';
import {
  type ConnectionOptionsOfPostgres,
  connectionSettings,
  describePlace,
} from './connection-settings.ts';
import { GuardedPool } from './guarded-pool.ts';
import { Ownership } from './ownership.ts';
import { toStoreError } from './postgres-errors.ts';
import { RetryingStore, retried } from './retrying-store.ts';

export interface PostgresOptions extends Partial<Omit<ConnectionOptionsOfPostgres, 'url'>> {
  /** `postgres://user:password@host:port/database`; a Unix socket by `?host=/run/postgresql`. */
  url: string;
  /** Connections, besides the one that keeps the database for this server. */
  poolSize?: number | undefined;
  /** Who may wait for a connection; further ones fail. */
  maxWaitingWrites?: number | undefined;
  /** Told of connections that broke in the background. */
  onTrouble?: (error: unknown) => void;
}

/** For a server that was killed to be gone from PostgreSQL's view, too. */
const ownershipPatienceMs = 3000;

/**
 * How transactions begin. Serializable: whatever they do, it is as if one came after the other; those that cannot be put
 * in an order fail and are run again. Every one has a share in the turn; who failed often takes the turn alone, so that
 * nobody is at it in vain for ever. LOCK comes before the snapshot that the first query takes:
 * https://www.postgresql.org/docs/current/sql-lock.html
 */
const beginBesideOthers =
  'begin isolation level serializable; lock table transaction_turns in row share mode';
const beginAlone = 'begin isolation level serializable; lock table transaction_turns in exclusive mode';

/**
 * @throws `StoreUnavailableError` when the database cannot be reached, `DataInUseError`, or the server's error
 */
export async function openPostgres(options: PostgresOptions): Promise<OpenedStore> {
  const onTrouble = options.onTrouble ?? (() => undefined);
  const { connectTimeoutMs = 5000, queryTimeoutMs = 30_000, poolSize: size = 10 } = options;
  const settings = connectionSettings({ ...options, connectTimeoutMs, queryTimeoutMs });
  const place = describePlace(options.url);
  const ownership = await Ownership.take({ settings, place, patienceMs: ownershipPatienceMs, onTrouble });
  try {
    await migratePostgres({ ...options, connectTimeoutMs, queryTimeoutMs: 0 });
  } catch (error) {
    await ownership.close();
    throw error;
  }
  const maxWaiting = options.maxWaitingWrites ?? 100_000;
  const pool = new GuardedPool({ settings, size, maxWaiting, check: () => ownership.check(), onTrouble });
  const close = async () => {
    await pool.end();
    await ownership.close();
  };
  const alone = new Kysely<Database>({ dialect: new TransactionDialect(pool, beginAlone, close) });
  const dialect = new TransactionDialect(pool, beginBesideOthers, close);
  const store = new RetryingStore({ dialect }, { alone, close });
  return { store, backend: backendOf(pool) };
}

/** On a connection of its own, for as long as it takes. */
async function migratePostgres(options: ConnectionOptionsOfPostgres): Promise<void> {
  // Without the pipeline: the migrator waits for each of its statements.
  const pool = new pg.Pool({ ...connectionSettings(options), max: 1 });
  pool.on('error', () => undefined);
  const store = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
  try {
    await migrate(store);
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await store.destroy();
  }
}

class TransactionDialect extends PostgresDialect {
  readonly #driver: Driver;

  constructor(pool: GuardedPool, begin: string, close: () => Promise<void>) {
    super({ pool });
    this.#driver = new TransactionDriver(pool, begin, close);
  }

  override createDriver(): Driver {
    return this.#driver;
  }
}

class TransactionDriver extends PostgresDriver {
  readonly #begin: CompiledQuery;
  readonly #close: () => Promise<void>;

  constructor(pool: GuardedPool, begin: string, close: () => Promise<void>) {
    super({ pool });
    this.#begin = CompiledQuery.raw(begin);
    this.#close = close;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(this.#begin);
  }

  override async destroy(): Promise<void> {
    // What was executed before is on its way here through Kysely's promises.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#close();
  }
}

function backendOf(pool: GuardedPool): StoreBackend {
  return {
    dialect: 'postgres',
    writeTogether: (queries) => retried(() => writeTogether(pool, queries)),
    readRows: async ({ sql, parameters }) => {
      const client = await pool.connect();
      try {
        return await client.rows(sql, parameters);
      } finally {
        client.release();
      }
    },
  };
}

/** One way there and back, whatever their number. */
async function writeTogether(pool: GuardedPool, queries: readonly CompiledQuery[]): Promise<void> {
  const client = await pool.connect();
  try {
    const begin = queries.length > 1 ? ['begin'] : [];
    const end = queries.length > 1 ? ['commit'] : [];
    const results = await Promise.allSettled([
      ...begin.map((sql) => client.query(sql, [])),
      ...queries.map(({ sql, parameters }) => client.query(sql, parameters)),
      ...end.map((sql) => client.query(sql, [])),
    ]);
    // The first to fail is the cause; those behind it failed because of it.
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  } finally {
    client.release();
  }
}
