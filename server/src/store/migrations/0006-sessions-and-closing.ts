import { type Kysely, type Migration, sql } from 'kysely';
import { isPostgres } from './ddl.ts';

/**
 * Sessions with rotating tokens, one per browser; who was logged in logs in again. And the rule that an account does not
 * give its last number away by itself: only closing the account, or somebody else's proof of the number, takes it; then
 * `numberless_since` says since when.
 */
const tables = [
  'drop table sessions',
  `create table sessions (
    id_hash text primary key,
    device_id text not null unique references devices (id) on delete cascade,
    refresh_hash text not null,
    previous_refresh_hash text,
    rotated_at bigint,
    access_hash text not null,
    access_expires_at bigint not null,
    previous_access_hash text,
    previous_access_expires_at bigint,
    seen integer not null check (seen in (0, 1)),
    created_at bigint not null,
    last_used_at bigint not null,
    expires_at bigint not null,
    check ((previous_refresh_hash is null) = (rotated_at is null)),
    check ((previous_access_hash is null) = (previous_access_expires_at is null))
  )`,
  'create index sessions_expires on sessions (expires_at)',
  'alter table accounts add column numberless_since bigint',
  // Voice messages whose rows are gone and whose files are still to go.
  'create table discarded_voicemails (id text primary key)',
];

/** A number that is the last one of an account which is there and was not told that it loses it. */
const isLast = `not exists (select 1 from numbers n where n.account_id = old.account_id and n.e164 <> old.e164)
    and exists (select 1 from accounts a where a.id = old.account_id and a.numberless_since is null)`;

const hasNumberAgain =
  'update accounts set numberless_since = null where id = new.account_id and numberless_since is not null';

const triggersOfSqlite = [
  `create trigger numbers_last_stays before delete on numbers when ${isLast} begin
    select raise(abort, 'the last number of an account stays');
  end`,
  `create trigger numbers_come_back after insert on numbers begin
    ${hasNumberAgain};
  end`,
];

const triggersOfPostgres = [
  `create function numbers_last_stays() returns trigger language plpgsql as $$ begin
    if ${isLast} then
      raise exception 'the last number of an account stays' using errcode = 'integrity_constraint_violation';
    end if;
    return old;
  end $$`,
  `create trigger numbers_last_stays before delete on numbers
    for each row execute function numbers_last_stays()`,
  `create function numbers_come_back() returns trigger language plpgsql as $$ begin
    ${hasNumberAgain};
    return new;
  end $$`,
  `create trigger numbers_come_back after insert on numbers
    for each row execute function numbers_come_back()`,
];

export const sessionsAndClosing: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const statements = [...tables, ...(isPostgres(db) ? triggersOfPostgres : triggersOfSqlite)];
    for (const statement of statements) await sql.raw(statement).execute(db);
    await sql`update accounts set numberless_since = ${Date.now()}
      where not exists (select 1 from numbers where numbers.account_id = accounts.id)`.execute(db);
  },
};
