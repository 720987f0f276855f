import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Compilable, type CompiledQuery, Kysely, Migrator, SqliteDialect } from 'kysely';
import type { Database } from './database.ts';
import { migrations } from './migrations/index.ts';
import { NodeSqlite } from './node-sqlite.ts';
import { splitDialect } from './split-driver.ts';
import { StoreWriter } from './writer/store-writer.ts';

/**
 * The database. A write (insert, update, delete) outside of a transaction is made by a thread of its own: its promise
 * resolves when it is durable, many share one commit, and nothing else waits for the disk meanwhile. Reads are
 * answered at once, from what is durable. `writeTogether` writes several statements or none.
 *
 * A transaction, for writes that depend on reads, holds all other writes back and blocks the thread while it commits:
 * not for what happens with every call. Inside `store.transaction().execute(async (trx) => …)` use `trx` only; a write
 * on the store itself would wait for that transaction for ever.
 */
export type Store = Kysely<Database>;

export interface StoreOptions {
  /** Database file (its folder is made when missing), or `:memory:`, which has one connection and no thread. */
  path: string;
  /** How long to wait for another process that holds the file. */
  busyTimeoutMs?: number;
  /** Writes that may wait for the disk; further ones fail. */
  maxWaitingWrites?: number;
}

const writers = new WeakMap<Store, StoreWriter>();
/** The connection of each store that answers reads. */
const readers = new WeakMap<Store, NodeSqlite>();

/**
 * Opens the database and brings it to the newest schema. Close with `destroy()`, which writes what still waits.
 * @throws the SQLite error when the file cannot be opened or a migration fails
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { path, busyTimeoutMs = 5000, maxWaitingWrites = 100_000 } = options;
  if (path === ':memory:') return migrated(new NodeSqlite(path, { busyTimeoutMs }));
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await (await migrated(new NodeSqlite(path, { busyTimeoutMs }))).destroy();
  const writer = new StoreWriter({ path, busyTimeoutMs, maxWaiting: maxWaitingWrites });
  const transactions = new NodeSqlite(path, { busyTimeoutMs });
  // Moving the journal into the database takes a while: that is the writer's, too.
  transactions.exec('PRAGMA wal_autocheckpoint = 0');
  const reader = new NodeSqlite(path, { busyTimeoutMs, readOnly: true });
  const store: Store = new Kysely({ dialect: splitDialect({ reader, transactions, writer }) });
  writers.set(store, writer);
  readers.set(store, reader);
  return store;
}

/**
 * Writes several statements together or not at all, by the writer thread: cheaper than a transaction, and it blocks
 * nothing. Not inside of a transaction.
 * @param queries Kysely's, not executed
 * @throws as rejection, the SQLite error, or `StoreWriteError` when too many writes wait
 */
export async function writeTogether(store: Store, queries: readonly Compilable[]): Promise<void> {
  if (queries.length === 0) return;
  const compiled = queries.map((query) => query.compile());
  const writer = writers.get(store);
  if (writer) {
    await writer.write(compiled);
    return;
  }
  await store.transaction().execute(async (trx) => {
    for (const query of compiled) await trx.executeQuery(query);
  });
}

/**
 * Rows as arrays in the order of the columns, at once: for reading very many of them. Not inside of a transaction.
 * @throws the SQLite error
 */
export function readRows(store: Store, { sql, parameters }: CompiledQuery): unknown[][] {
  return readers.get(store)?.rows(sql, parameters) ?? [];
}

async function migrated(sqlite: NodeSqlite): Promise<Store> {
  const store: Store = new Kysely({ dialect: new SqliteDialect({ database: sqlite }) });
  try {
    const migrator = new Migrator({ db: store, provider: { getMigrations: async () => migrations } });
    const { error } = await migrator.migrateToLatest();
    if (error) throw error;
    readers.set(store, sqlite);
    return store;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}
