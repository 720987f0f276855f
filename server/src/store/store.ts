import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import type { Database } from './database.ts';
import { migrations } from './migrations/index.ts';
import { NodeSqlite } from './node-sqlite.ts';

/**
 * The database. One connection: inside `store.transaction().execute(async (trx) => …)` use `trx` only, a query on
 * the store itself would wait for that transaction for ever.
 */
export type Store = Kysely<Database>;

export interface StoreOptions {
  /** Database file (its folder is made when missing), or `:memory:`. */
  path: string;
  /** How long to wait for another process that holds the file. */
  busyTimeoutMs?: number;
}

/**
 * Opens the database and brings it to the newest schema. Close with `destroy()`.
 * @throws the SQLite error when the file cannot be opened or a migration fails
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  if (options.path !== ':memory:') mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
  const sqlite = new NodeSqlite(options.path, options.busyTimeoutMs ?? 5000);
  const store: Store = new Kysely({ dialect: new SqliteDialect({ database: sqlite }) });
  try {
    await migrateToLatest(store);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return store;
}

async function migrateToLatest(store: Store): Promise<void> {
  const migrator = new Migrator({ db: store, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error;
}
