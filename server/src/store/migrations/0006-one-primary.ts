import { type Kysely, type Migration, sql } from 'kysely';
import { isPostgres } from './ddl.ts';

/**
 * An account that has numbers has exactly one primary, which is one of them: kept by the database, and looked at when a
 * transaction commits, so that within one the primary may move. Every number needs a primary of its account to refer to.
 *
 * On PostgreSQL that is another row of the same table. SQLite counts wrongly when a row becomes the one that it refers to
 * itself (3.53, deferred self-reference), so there the primaries are a table of their own, which triggers keep.
 */
const rule = {
  postgres: {
    column: `primary_of text generated always as (case when is_primary = 1 then account_id end) stored unique,`,
    refersTo: 'ruled_numbers (primary_of)',
  },
  sqlite: { column: '', refersTo: 'account_primaries (account_id)' },
};

const primariesOfSqlite = [
  'create table account_primaries (account_id text primary key, e164 text not null)',
  'insert into account_primaries select account_id, e164 from numbers where is_primary = 1',
];

const triggersOfSqlite = [
  `create trigger numbers_primary_made after insert on numbers when new.is_primary = 1 begin
    insert into account_primaries (account_id, e164) values (new.account_id, new.e164);
  end`,
  `create trigger numbers_primary_gone after delete on numbers when old.is_primary = 1 begin
    delete from account_primaries where account_id = old.account_id;
  end`,
  // Of one update the first trigger is the one that was made last; they are never both at work on one row.
  `create trigger numbers_primary_set after update on numbers when old.is_primary = 0 and new.is_primary = 1 begin
    insert into account_primaries (account_id, e164) values (new.account_id, new.e164);
  end`,
  `create trigger numbers_primary_unset after update on numbers when old.is_primary = 1 and new.is_primary = 0 begin
    delete from account_primaries where account_id = old.account_id;
  end`,
  `create trigger numbers_stay before update of e164, account_id on numbers
    when old.e164 <> new.e164 or old.account_id <> new.account_id begin
    select raise(abort, 'a number is deleted and inserted, never moved');
  end`,
];

/** Who has numbers and no primary gets the oldest one. */
const promoteOldest = `update numbers set is_primary = 1
  where e164 = (select n.e164 from numbers n where n.account_id = numbers.account_id
      order by n.validated_at, n.e164 limit 1)
    and not exists (select 1 from numbers p where p.account_id = numbers.account_id and p.is_primary = 1)`;

function rebuild({ column, refersTo }: (typeof rule)['sqlite']): string[] {
  return [
    `create table ruled_numbers (
      e164 text primary key check (e164 like '+%'),
      account_id text not null references accounts (id) on delete cascade,
      is_primary integer not null check (is_primary in (0, 1)),
      carrier_id text,
      answer_mode text not null check (answer_mode in ('both', 'voicemail', 'mca')),
      validated_at bigint not null,
      ${column}
      constraint numbers_have_primary foreign key (account_id) references ${refersTo}
        deferrable initially deferred
    )`,
    `insert into ruled_numbers (e164, account_id, is_primary, carrier_id, answer_mode, validated_at)
      select e164, account_id, is_primary, carrier_id, answer_mode, validated_at from numbers
      order by is_primary desc`,
    'drop table numbers',
    'alter table ruled_numbers rename to numbers',
    'create unique index numbers_one_primary on numbers (account_id) where is_primary = 1',
    'create index numbers_account on numbers (account_id)',
  ];
}

export const onePrimary: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const statements = isPostgres(db)
      ? [promoteOldest, ...rebuild(rule.postgres)]
      : [promoteOldest, ...primariesOfSqlite, ...rebuild(rule.sqlite), ...triggersOfSqlite];
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
