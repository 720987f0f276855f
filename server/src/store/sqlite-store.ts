import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type CompiledQuery, Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import type { OpenedStore, StoreBackend } from './backend.ts';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { NodeSqlite } from './node-sqlite.ts';
import { splitDialect } from './split-driver.ts';
import { StoreWriter } from './writer/store-writer.ts';

export interface SqliteOptions {
  /** Database file (its folder is made when missing), or `:memory:`, which has one connection and no thread. */
  path: string;
  /** How long to wait for another process that holds the file. */
  busyTimeoutMs?: number;
  /** Writes that may wait for the disk; further ones fail. */
  maxWaitingWrites?: number;
}

/** @throws the SQLite error when the file cannot be opened or a migration fails */
export async function openSqlite(options: SqliteOptions): Promise<OpenedStore> {
  const { path, busyTimeoutMs = 5000, maxWaitingWrites = 100_000 } = options;
  if (path === ':memory:') return openMemory(busyTimeoutMs);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await (await migrated(new NodeSqlite(path, { busyTimeoutMs }))).destroy();
  const writer = new StoreWriter({ path, busyTimeoutMs, maxWaiting: maxWaitingWrites });
  const transactions = new NodeSqlite(path, { busyTimeoutMs });
  // Moving the journal into the database takes a while: that is the writer's, too.
  transactions.exec('PRAGMA wal_autocheckpoint = 0');
  const reader = new NodeSqlite(path, { busyTimeoutMs, readOnly: true });
  const backend: StoreBackend = {
    dialect: 'sqlite',
    writeTogether: async (queries) => {
      await writer.write(queries);
    },
    readRows: async ({ sql, parameters }) => reader.rows(sql, parameters),
  };
  const dialect = splitDialect({ reader, transactions, writer });
  return { store: new Kysely<Database>({ dialect }), backend };
}

async function openMemory(busyTimeoutMs: number): Promise<OpenedStore> {
  const sqlite = new NodeSqlite(':memory:', { busyTimeoutMs });
  const store = await migrated(sqlite);
  const backend: StoreBackend = {
    dialect: 'sqlite',
    writeTogether: (queries) => writeInTransaction(store, queries),
    readRows: async ({ sql, parameters }) => sqlite.rows(sql, parameters),
  };
  return { store, backend };
}

function writeInTransaction(store: Kysely<Database>, queries: readonly CompiledQuery[]): Promise<void> {
  return store.transaction().execute(async (trx) => {
    for (const query of queries) await trx.executeQuery(query);
  });
}

/** A process that is killed while it migrates leaves the old schema, not half of the new one. */
class WholeMigrations extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** SQLite's DDL belongs to its transaction, though Kysely takes no advantage of it. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

async function migrated(sqlite: NodeSqlite): Promise<Kysely<Database>> {
  const store = new Kysely<Database>({ dialect: new WholeMigrations({ database: sqlite }) });
  try {
    await migrate(store);
    return store;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}
