import type { Compilable, CompiledQuery, Kysely } from 'kysely';
import type { StoreBackend, StoreDialect } from './backend.ts';
import type { Database } from './database.ts';
import { openPostgres, type PostgresOptions } from './postgres/postgres-store.ts';
import { openSqlite, type SqliteOptions } from './sqlite-store.ts';

/**
 * The database: SQLite in a file, or PostgreSQL. What resolves is durable.
 *
 * A transaction, for writes that depend on reads, is as if it ran alone, on both: `store.transaction().execute(async (trx)
 * => …)`. Inside use `trx` only; a write on the store itself may wait for that transaction for ever. On PostgreSQL
 * transactions run side by side, and one that met another is **run again**: its function must do nothing but ask `trx` and
 * return a value. A statement that failed has ended the transaction, on PostgreSQL.
 *
 * On SQLite a write (insert, update, delete) outside of a transaction is made by a thread of its own: many share one
 * commit, their order is kept, and nothing else waits for the disk meanwhile; reads are answered at once, from what is
 * durable. A transaction holds all other writes back and blocks the thread while it commits: not for what happens with
 * every call. On PostgreSQL each goes over a connection of the pool; writes that were not awaited may change places.
 */
export type Store = Kysely<Database>;

export type StoreOptions = SqliteOptions | PostgresOptions;

const backends = new WeakMap<Store, StoreBackend>();

/**
 * Opens the database and brings it to the newest schema. Close with `destroy()`, which writes what still waits.
 * @throws the error of the database when it cannot be opened or a migration fails; on PostgreSQL also
 *   `StoreUnavailableError` when it cannot be reached, `DataInUseError` when another server has it
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { store, backend } = 'url' in options ? await openPostgres(options) : await openSqlite(options);
  backends.set(store, backend);
  return store;
}

/** Which database it is, for the few queries that are written for one of them. */
export function dialectOf(store: Store): StoreDialect {
  return backendOf(store).dialect;
}

/**
 * Writes several statements together or not at all: cheaper than a transaction, and on SQLite it blocks nothing. Not
 * inside of a transaction.
 * @param queries Kysely's, not executed
 * @throws as rejection, the error of the database, or one that `isTemporary` when it has too much to do
 */
export async function writeTogether(store: Store, queries: readonly Compilable[]): Promise<void> {
  if (queries.length === 0) return;
  await backendOf(store).writeTogether(queries.map((query) => query.compile()));
}

/**
 * Rows as arrays in the order of the columns: for reading very many of them. Not inside of a transaction.
 * @throws as rejection, the error of the database
 */
export function readRows(store: Store, query: CompiledQuery): Promise<unknown[][]> {
  return backendOf(store).readRows(query);
}

function backendOf(store: Store): StoreBackend {
  const backend = backends.get(store);
  if (!backend) throw new Error('this is a transaction, or no store of openStore');
  return backend;
}
