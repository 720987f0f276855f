import type { Generated } from 'kysely';

export interface SmsOutboxTable {
  id: string;
  carrier_id: string;
  recipient: string;
  /** Emptied once the message is accepted or given up: it may hold a code. */
  body: string;
  created_at: number;
  next_attempt_at: number;
  attempts: number;
  sent_at: number | null;
  failed_at: number | null;
  /** What the parts of a long message have in common, 0 to 255. */
  reference: Generated<number>;
  /** Then it is given up. */
  expires_at: number | null;
  /** Why it was given up, or what the last try ended with; no number and no text of anybody. */
  error: Generated<string | null>;
  delivery: Generated<SmsDelivery | null>;
  delivery_at: Generated<number | null>;
  delivery_error: Generated<string | null>;
}

/** How a message fares on its way to the handset (SMPP 3.4 section 5.2.28). */
export type SmsDelivery =
  | 'enroute'
  | 'accepted'
  | 'delivered'
  | 'expired'
  | 'deleted'
  | 'undeliverable'
  | 'rejected'
  | 'unknown';

/** The parts of messages that the carrier has taken. */
export interface SmsPartsTable {
  sms_id: string;
  /** From 1. */
  part: number;
  parts: number;
  carrier_id: string;
  /** What the carrier calls it. */
  provider_id: string | null;
  sent_at: number;
  delivery: SmsDelivery | null;
  delivery_at: number | null;
  delivery_error: string | null;
}

/** Receipts whose part has not been answered for yet. */
export interface SmsReceiptsTable {
  carrier_id: string;
  provider_id: string;
  /** Of the message, where the receipt tells. */
  recipient: string | null;
  delivery: SmsDelivery;
  error: string | null;
  received_at: number;
}

export interface SmsInboxTable {
  id: string;
  carrier_id: string;
  /** Of one message of the carrier, however often it sends it. */
  dedup_key: string;
  content_hash: string;
  /** Of SMPP: the connection that it came over. */
  link: string | null;
  sender: string;
  recipient: string;
  /** Emptied once everybody has it. */
  body: string;
  received_at: number;
  next_attempt_at: number;
  attempts: number;
  delivered_at: number | null;
}

/** Parts of long messages, acknowledged and waiting for the others. */
export interface SmsInboxPartsTable {
  carrier_id: string;
  sender: string;
  recipient: string;
  reference: number;
  parts: number;
  /** From 1. */
  part: number;
  /** SMPP data_coding. */
  coding: number;
  /** Hex: a character may lie across two parts. */
  payload: string;
  received_at: number;
  /** 1: the message is in the inbox; the part stays to recognise repetitions. */
  joined: 0 | 1;
}
