import type { Kysely, Migration } from 'kysely';
import { executeDdl } from './ddl.ts';

/** One statement each, so that a constraint can be read where it is made. */
const statements = [
  `create table accounts (
    id text primary key,
    password_hash text not null,
    created_at integer not null
  )`,
  `create table numbers (
    e164 text primary key check (e164 like '+%'),
    account_id text not null references accounts (id) on delete cascade,
    is_primary integer not null check (is_primary in (0, 1)),
    carrier_id text,
    answer_mode text not null check (answer_mode in ('both', 'voicemail', 'mca')),
    validated_at integer not null
  )`,
  'create unique index numbers_one_primary on numbers (account_id) where is_primary = 1',
  'create index numbers_account on numbers (account_id)',
  `create table devices (
    id text primary key,
    account_id text not null references accounts (id) on delete cascade,
    name text not null,
    system text not null,
    kind text not null check (kind in ('web', 'softphone')),
    sip_user text not null unique,
    ha1_md5 text not null,
    ha1_sha256 text not null,
    created_at integer not null,
    last_seen_at integer
  )`,
  'create index devices_account on devices (account_id)',
  `create table sessions (
    token_hash text primary key,
    account_id text not null references accounts (id) on delete cascade,
    device_id text not null references devices (id) on delete cascade,
    created_at integer not null,
    last_used_at integer not null,
    expires_at integer not null
  )`,
  'create index sessions_device on sessions (device_id)',
  'create index sessions_account on sessions (account_id)',
  `create table validations (
    id text primary key,
    number text not null,
    purpose text not null check (purpose in ('sign-up', 'link', 'login')),
    account_id text references accounts (id) on delete cascade,
    mechanism text not null,
    code_hash text not null,
    attempts_left integer not null check (attempts_left >= 0),
    created_at integer not null,
    expires_at integer not null,
    status text not null check (status in ('pending', 'proved', 'used', 'failed')),
    address text not null,
    proof_hash text unique,
    proof_expires_at integer
  )`,
  'create index validations_number on validations (number, created_at)',
  'create index validations_address on validations (address, created_at)',
  'create index validations_account on validations (account_id, created_at)',
  `create table bindings (
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
    primary key (device_id, contact_uri)
  )`,
  'create index bindings_expires on bindings (expires_at)',
  `create table calls (
    id text primary key,
    account_id text references accounts (id) on delete cascade,
    called text,
    calling text,
    reason text,
    carrier_id text,
    trunk_call_id text not null,
    arrived_at integer not null,
    ringing_at integer,
    answered_at integer,
    ended_at integer,
    outcome text check (outcome in
      ('answered', 'missed', 'voicemail', 'declined', 'cancelled', 'failed', 'unknown-number')),
    cause text,
    answered_device_id text references devices (id) on delete set null,
    trunk_codec text,
    client_codec text,
    quality text
  )`,
  'create index calls_account on calls (account_id, arrived_at)',
  'create index calls_open on calls (arrived_at) where ended_at is null',
  `create table voicemails (
    id text primary key,
    account_id text not null references accounts (id) on delete cascade,
    number text not null,
    calling text,
    call_id text not null,
    stored_at integer not null,
    duration_ms integer not null,
    file text not null,
    heard_at integer
  )`,
  'create index voicemails_account on voicemails (account_id, stored_at)',
  `create table sms_outbox (
    id text primary key,
    carrier_id text not null,
    recipient text not null,
    body text not null,
    created_at integer not null,
    next_attempt_at integer not null,
    attempts integer not null,
    sent_at integer,
    failed_at integer
  )`,
  'create index sms_outbox_due on sms_outbox (next_attempt_at) where sent_at is null and failed_at is null',
  `create table notices (
    id text primary key,
    account_id text not null references accounts (id) on delete cascade,
    code text not null,
    data text not null,
    created_at integer not null,
    seen_at integer
  )`,
  'create index notices_account on notices (account_id, created_at)',
];

export const initial: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await executeDdl(db, statement);
  },
};
