import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Six mechanisms, five purposes. What was under way is gone: it would have lived for minutes. Ids are kept as hashes:
 * who reads the database can finish nobody's proof.
 */
const statements = [
  'drop table validations',
  `create table validations (
    id_hash text primary key,
    number text not null check (number like '+%'),
    country text not null,
    carrier_id text not null,
    purpose text not null check (purpose in ('sign-up', 'link', 'login', 'reset', 'close')),
    account_id text references accounts (id) on delete cascade,
    address text not null,
    mechanism text not null,
    channel text not null check (channel in ('sms', 'call', 'incoming')),
    answer_hash text,
    arrives_at text,
    attempts_left integer not null check (attempts_left >= 0),
    wrong_answers integer not null default 0 check (wrong_answers >= 0),
    status text not null check (status in ('pending', 'proved', 'used', 'failed')),
    detail text,
    created_at bigint not null,
    expires_at bigint not null,
    proof_hash text unique,
    proof_expires_at bigint,
    check (answer_hash is not null or arrives_at is not null),
    check (purpose not in ('link', 'close') or account_id is not null)
  )`,
  'create index validations_number on validations (number, created_at)',
  'create index validations_address on validations (address, created_at)',
  'create index validations_account on validations (account_id, created_at)',
  'create index validations_country on validations (country, created_at)',
  'create index validations_created on validations (created_at)',
  // What a call or an SMS was taken for, so that it is taken for nothing else.
  `create table validation_events (
    event_id text primary key,
    seen_at bigint not null
  )`,
  'create index validation_events_seen on validation_events (seen_at)',
];

export const validationMechanisms: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
