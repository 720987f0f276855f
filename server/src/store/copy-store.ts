import { sql } from 'kysely';
import type { Database } from './database.ts';
import { dialectOf, type Store } from './store.ts';

/** The database that was to be filled has data of its own. */
export class NotEmptyError extends Error {
  constructor() {
    super('the PostgreSQL database has accounts already: it must be empty');
    this.name = 'NotEmptyError';
  }
}

type Table = keyof Database;
type Row = Record<string, unknown>;

/** Fewer than 65,535 values in a statement, whatever the table. */
const rowsAtOnce = 500;
/** Kept by the database itself, not by us. */
const notCopied = /^(kysely_|sqlite_|account_primaries$|transaction_turns$)/;

/**
 * Copies every row of an SQLite store into a PostgreSQL store that has none, in one transaction: all of it or nothing.
 * Nobody else uses either meanwhile.
 * @returns rows by table
 * @throws NotEmptyError
 */
export async function copyStore(from: Store, to: Store): Promise<Record<string, number>> {
  if (dialectOf(from) !== 'sqlite' || dialectOf(to) !== 'postgres')
    throw new Error('from SQLite to PostgreSQL only');
  const tables = await parentsFirst(to, await tableNames(from));
  return to.transaction().execute(async (trx) => {
    const known = await trx.selectFrom('accounts').select('id').limit(1).execute();
    if (known.length > 0) throw new NotEmptyError();
    const counts: Record<string, number> = {};
    for (const table of tables) counts[table] = await copyTable(from, trx, table);
    return counts;
  });
}

async function tableNames(store: Store): Promise<Table[]> {
  const tables = await store.introspection.getTables();
  return tables.map(({ name }) => name).filter((name) => !notCopied.test(name)) as Table[];
}

async function copyTable(from: Store, to: Store, table: Table): Promise<number> {
  let count = 0;
  let batch: Row[] = [];
  const write = async () => {
    if (batch.length === 0) return;
    await to
      .insertInto(table)
      .values(batch as never)
      .execute();
    count += batch.length;
    batch = [];
  };
  for await (const row of from.selectFrom(table).selectAll().stream()) {
    batch.push(row as Row);
    if (batch.length >= rowsAtOnce) await write();
  }
  await write();
  return count;
}

/** In an order in which no row refers to one that is not there yet. */
async function parentsFirst(store: Store, tables: readonly Table[]): Promise<Table[]> {
  const { rows } = await sql<{ child: Table; parent: Table }>`
    select conrelid::regclass::text as child, confrelid::regclass::text as parent
    from pg_constraint where contype = 'f' and conrelid <> confrelid`.execute(store);
  const ordered: Table[] = [];
  const add = (table: Table): void => {
    if (ordered.includes(table)) return;
    for (const { child, parent } of rows) if (child === table) add(parent);
    ordered.push(table);
  };
  for (const table of tables) add(table);
  return ordered;
}
