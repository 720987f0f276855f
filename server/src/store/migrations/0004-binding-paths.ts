import type { Kysely, Migration } from 'kysely';
import { executeDdl } from './ddl.ts';

/**
 * The way to a device behind edge proxies (RFC 3327), and several flows of one device (RFC 5626), which may have the same
 * contact: they are part of the key.
 */
export const bindingPaths: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await executeDdl(
      db,
      `create table path_bindings (
      device_id text not null references devices (id) on delete cascade,
      contact_uri text not null,
      flow_key text not null default '',
      call_id text not null,
      cseq integer not null,
      transport text not null,
      local text not null,
      remote text not null,
      path text,
      user_agent text,
      registered_at integer not null,
      expires_at integer not null,
      silent integer not null default 0,
      primary key (device_id, contact_uri, flow_key)
    ) without rowid`,
    );
    await executeDdl(
      db,
      `insert into path_bindings
      select device_id, contact_uri, '', call_id, cseq, transport, local, remote, null, user_agent, registered_at,
        expires_at, silent
      from bindings`,
    );
    await executeDdl(db, `drop table bindings`);
    await executeDdl(db, `alter table path_bindings rename to bindings`);
  },
};
