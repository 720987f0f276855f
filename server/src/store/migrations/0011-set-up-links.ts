import { type Kysely, type Migration, sql } from 'kysely';

/** Addresses from which a softphone fetches its configuration, once: the newest of each device. */
export const setUpLinks: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create table set_up_links (
      device_id text not null primary key references devices (id) on delete cascade,
      token_hash text not null unique,
      expires_at bigint not null
    )`.execute(db);
  },
};
