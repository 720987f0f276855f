import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Records are not bound to `numbers` by a foreign key: what was switched on at a carrier has to be switched off there
 * also after the number or the account has gone. `linked_at` tells a number that was linked again from the one before.
 */
const statements = [
  `create table forwarding_records (
    number text primary key check (number like '+%'),
    account_id text not null,
    linked_at bigint not null,
    carrier_id text not null,
    state text not null check (state in ('unknown', 'active', 'inactive', 'failed')),
    source text check (source in ('carrier', 'person', 'check', 'call')),
    error text,
    changed_at bigint,
    no_reply_seconds integer check (no_reply_seconds between 1 and 999),
    check_state text check (check_state in ('running', 'verified', 'failed')),
    check_seen text check (check_seen in
      ('came-back', 'rang', 'carrier-voicemail', 'rejected', 'busy', 'wrong-number', 'nothing')),
    check_cause text,
    check_at bigint,
    verified_at bigint,
    check (state <> 'failed' or error is not null),
    check ((check_state is null) = (check_at is null))
  )`,
  'create index forwarding_records_account on forwarding_records (account_id)',
  `create table forwarding_jobs (
    number text not null,
    carrier_id text not null,
    id text not null unique,
    account_id text not null,
    action text not null check (action in ('activate', 'deactivate', 'refresh')),
    c_number text not null,
    no_reply_seconds integer,
    created_at bigint not null,
    next_attempt_at bigint not null,
    attempts integer not null check (attempts >= 0),
    accepted integer not null check (accepted in (0, 1)),
    primary key (number, carrier_id)
  )`,
  'create index forwarding_jobs_due on forwarding_jobs (next_attempt_at)',
  `create table catalogue_carriers (
    id text primary key,
    definition text not null,
    created_at bigint not null,
    changed_at bigint not null
  )`,
];

export const forwarding: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
