import { type Kysely, type Migration, sql } from 'kysely';

const deliveries =
  "('enroute', 'accepted', 'delivered', 'expired', 'deleted', 'undeliverable', 'rejected', 'unknown')";

const statements = [
  // The number that the parts of a long message have in common: the same at every try, or a handset could not join them.
  'alter table sms_outbox add column reference integer not null default 0',
  'alter table sms_outbox add column expires_at bigint',
  'update sms_outbox set expires_at = created_at + 86400000',
  'alter table sms_outbox add column error text',
  `alter table sms_outbox add column delivery text check (delivery in ${deliveries})`,
  'alter table sms_outbox add column delivery_at bigint',
  'alter table sms_outbox add column delivery_error text',
  'create index sms_outbox_of_carrier on sms_outbox (carrier_id, next_attempt_at) where sent_at is null and failed_at is null',
  'create index sms_outbox_expires on sms_outbox (expires_at) where sent_at is null and failed_at is null',
  // What the carrier has taken of a message: never sent again.
  `create table sms_parts (
    sms_id text not null references sms_outbox (id) on delete cascade,
    part integer not null check (part > 0),
    parts integer not null check (parts >= part),
    carrier_id text not null,
    provider_id text,
    sent_at bigint not null,
    delivery text check (delivery in ${deliveries}),
    delivery_at bigint,
    delivery_error text,
    primary key (sms_id, part)
  )`,
  'create index sms_parts_provider on sms_parts (carrier_id, provider_id)',
  // Receipts that were here before the answer with the id that they are about.
  `create table sms_receipts (
    carrier_id text not null,
    provider_id text not null,
    recipient text,
    delivery text not null check (delivery in ${deliveries}),
    error text,
    received_at bigint not null,
    primary key (carrier_id, provider_id)
  )`,
  `create table sms_inbox (
    id text primary key,
    carrier_id text not null,
    dedup_key text not null,
    content_hash text not null,
    link text,
    sender text not null,
    recipient text not null,
    body text not null,
    received_at bigint not null,
    next_attempt_at bigint not null,
    attempts integer not null,
    delivered_at bigint,
    unique (carrier_id, dedup_key)
  )`,
  'create index sms_inbox_due on sms_inbox (next_attempt_at) where delivered_at is null',
  'create index sms_inbox_content on sms_inbox (carrier_id, content_hash, received_at)',
  `create table sms_inbox_parts (
    carrier_id text not null,
    sender text not null,
    recipient text not null,
    reference integer not null,
    parts integer not null,
    part integer not null check (part between 1 and parts),
    coding integer not null,
    payload text not null,
    received_at bigint not null,
    joined integer not null check (joined in (0, 1)),
    primary key (carrier_id, sender, recipient, reference, parts, part)
  )`,
  'create index sms_inbox_parts_received on sms_inbox_parts (received_at)',
];

/** SMS in parts, delivery receipts, and SMS that come in. */
export const sms: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
