import type { Kysely, Migration } from 'kysely';
import { executeDdl } from './ddl.ts';

/**
 * Bindings are renewed thousands of times a second: one tree to write to instead of three. Nobody asks by the time of
 * expiry but the start of the server, which reads them all.
 */
export const compactBindings: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await executeDdl(
      db,
      `create table compact_bindings (
      device_id text not null references devices (id) on delete cascade,
      contact_uri text not null,
      call_id text not null,
      cseq integer not null,
      transport text not null,
      local text not null,
      remote text not null,
      user_agent text,
      registered_at integer not null,
      expires_at integer not null,
      silent integer not null default 0,
      primary key (device_id, contact_uri)
    ) without rowid`,
    );
    await executeDdl(
      db,
      `insert into compact_bindings
      select device_id, contact_uri, call_id, cseq, transport, local, remote, user_agent, registered_at,
        expires_at, silent
      from bindings`,
    );
    await executeDdl(db, `drop table bindings`);
    await executeDdl(db, `alter table compact_bindings rename to bindings`);
  },
};
