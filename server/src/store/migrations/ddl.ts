import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** True when the migration runs on PostgreSQL. */
export function isPostgres(db: Kysely<unknown>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/**
 * Executes a statement of the migrations that were written for SQLite alone: its integers hold 64 bits, which PostgreSQL
 * calls bigint, and WITHOUT ROWID is nothing there.
 */
export async function executeDdl(db: Kysely<unknown>, statement: string): Promise<void> {
  const text = isPostgres(db)
    ? statement.replace(/\binteger\b/g, 'bigint').replace(/\bwithout rowid\b/g, '')
    : statement;
  await sql.raw(text).execute(db);
}
