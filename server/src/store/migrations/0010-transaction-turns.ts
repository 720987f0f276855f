import { type Kysely, type Migration, sql } from 'kysely';
import { isPostgres } from './ddl.ts';

/** An empty table that transactions lock on PostgreSQL, to take turns. SQLite lets one write at a time anyway. */
export const transactionTurns: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    if (isPostgres(db)) await sql`create table transaction_turns (nothing integer)`.execute(db);
  },
};
