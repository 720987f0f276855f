import { type Kysely, type Migration, sql } from 'kysely';

/** Registered, but the device does not answer. */
export const silentBindings: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`alter table bindings add column silent integer not null default 0`.execute(db);
  },
};
