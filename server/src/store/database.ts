import type { Generated } from 'kysely';
import type {
  SmsInboxPartsTable,
  SmsInboxTable,
  SmsOutboxTable,
  SmsPartsTable,
  SmsReceiptsTable,
} from './sms-tables.ts';

/** The tables. Times are unix milliseconds, ids random text, flags 0 or 1; `null` is "not (yet)". */
export interface Database {
  accounts: AccountsTable;
  numbers: NumbersTable;
  devices: DevicesTable;
  set_up_links: SetUpLinksTable;
  sessions: SessionsTable;
  validations: ValidationsTable;
  validation_events: ValidationEventsTable;
  bindings: BindingsTable;
  calls: CallsTable;
  voicemails: VoicemailsTable;
  discarded_voicemails: DiscardedVoicemailsTable;
  sms_outbox: SmsOutboxTable;
  sms_parts: SmsPartsTable;
  sms_receipts: SmsReceiptsTable;
  sms_inbox: SmsInboxTable;
  sms_inbox_parts: SmsInboxPartsTable;
  notices: NoticesTable;
  forwarding_records: ForwardingRecordsTable;
  forwarding_jobs: ForwardingJobsTable;
  catalogue_carriers: CatalogueCarriersTable;
}

export interface AccountsTable {
  id: string;
  /** PHC string, argon2id. */
  password_hash: string;
  created_at: number;
  /** Its last number went to another account then. */
  numberless_since: number | null;
}

/** What happens to a call that nobody takes: voicemail, missed-call alert, or both. */
export type AnswerMode = 'both' | 'voicemail' | 'mca';

export interface NumbersTable {
  e164: string;
  account_id: string;
  is_primary: number;
  carrier_id: string | null;
  answer_mode: AnswerMode;
  validated_at: number;
}

/** An address from which a softphone fetches its configuration, once. */
export interface SetUpLinksTable {
  device_id: string;
  /** SHA-256 of the token, hex. */
  token_hash: string;
  expires_at: number;
}

export type DeviceKind = 'web' | 'softphone';

export interface DevicesTable {
  id: string;
  account_id: string;
  name: string;
  system: string;
  kind: DeviceKind;
  sip_user: string;
  ha1_md5: string;
  ha1_sha256: string;
  created_at: number;
  last_seen_at: number | null;
}

/** Of a browser that is logged in: one row for all the tokens it ever has. Hashes are SHA-256, hex. */
export interface SessionsTable {
  /** Of the part that all its tokens have in common. */
  id_hash: string;
  device_id: string;
  refresh_hash: string;
  /** The one before, and when it was exchanged. */
  previous_refresh_hash: string | null;
  rotated_at: number | null;
  access_hash: string;
  access_expires_at: number;
  previous_access_hash: string | null;
  previous_access_expires_at: number | null;
  /** 1: the client has shown that it has the present tokens. */
  seen: number;
  created_at: number;
  last_used_at: number;
  expires_at: number;
}

export type ValidationPurpose = 'sign-up' | 'link' | 'login' | 'reset' | 'close';
/** `pending`: waits for the answer. `proved`: it came. `used`: the proof was spent. */
export type ValidationStatus = 'pending' | 'proved' | 'used' | 'failed';

export interface ValidationsTable {
  /** SHA-256 of the id, hex. */
  id_hash: string;
  number: string;
  /** ISO 3166, or the country code of what is no country. */
  country: string;
  /** Through whom it is proved. */
  carrier_id: string;
  purpose: ValidationPurpose;
  /** Who asked, when logged in. */
  account_id: string | null;
  /** Of the client that asked. */
  address: string;
  mechanism: string;
  channel: 'sms' | 'call' | 'incoming';
  /** Keyed hash, hex. */
  answer_hash: string | null;
  /** The number of ours where the person's call or SMS has to arrive. */
  arrives_at: string | null;
  attempts_left: number;
  wrong_answers: Generated<number>;
  status: ValidationStatus;
  detail: string | null;
  created_at: number;
  expires_at: number;
  proof_hash: string | null;
  proof_expires_at: number | null;
}

/** Calls and SMS that proved something, or tried to. */
export interface ValidationEventsTable {
  event_id: string;
  seen_at: number;
}

export interface BindingsTable {
  device_id: string;
  contact_uri: string;
  /** RFC 5626: instance and reg-id; empty of what is no flow of that kind. */
  flow_key: Generated<string>;
  call_id: string;
  cseq: number;
  transport: string;
  local: string;
  remote: string;
  /** RFC 3327. */
  path: string | null;
  user_agent: string | null;
  registered_at: number;
  expires_at: number;
  /** 1: the device does not answer; it cannot be reached until it does. */
  silent: Generated<0 | 1>;
}

export type CallOutcome =
  | 'answered'
  | 'missed'
  | 'voicemail'
  | 'declined'
  | 'cancelled'
  | 'failed'
  | 'unknown-number';

export interface CallsTable {
  id: string;
  account_id: string | null;
  called: string | null;
  calling: string | null;
  reason: string | null;
  carrier_id: string | null;
  trunk_call_id: string;
  arrived_at: number;
  ringing_at: number | null;
  answered_at: number | null;
  ended_at: number | null;
  outcome: CallOutcome | null;
  cause: string | null;
  answered_device_id: string | null;
  trunk_codec: string | null;
  client_codec: string | null;
  /** JSON text. */
  quality: string | null;
}

export interface VoicemailsTable {
  id: string;
  account_id: string;
  number: string;
  calling: string | null;
  call_id: string;
  stored_at: number;
  duration_ms: number;
  /** Relative to the data directory. */
  file: string;
  heard_at: number | null;
}

/** Voice messages of accounts that were closed: their files are still to be deleted. */
export interface DiscardedVoicemailsTable {
  id: string;
}

export interface NoticesTable {
  id: string;
  account_id: string;
  code: string;
  /** JSON text. */
  data: string;
  created_at: number;
  seen_at: number | null;
}

export interface ForwardingRecordsTable {
  number: string;
  account_id: string;
  /** `validated_at` of the number it is of. */
  linked_at: number;
  carrier_id: string;
  /** As last known; while a job of it waits, it is changing. */
  state: 'unknown' | 'active' | 'inactive' | 'failed';
  /** Who says so. */
  source: 'carrier' | 'person' | 'check' | 'call' | null;
  /** What went wrong last: a stable code. */
  error: string | null;
  changed_at: number | null;
  no_reply_seconds: number | null;
  check_state: 'running' | 'verified' | 'failed' | null;
  check_seen:
    | 'came-back'
    | 'rang'
    | 'carrier-voicemail'
    | 'rejected'
    | 'busy'
    | 'wrong-number'
    | 'nothing'
    | null;
  check_cause: string | null;
  check_at: number | null;
  verified_at: number | null;
}

/** A command to a carrier that has not been carried out yet. */
export interface ForwardingJobsTable {
  number: string;
  carrier_id: string;
  /** The carrier knows by it that a command came before. */
  id: string;
  account_id: string;
  action: 'activate' | 'deactivate' | 'refresh';
  c_number: string;
  no_reply_seconds: number | null;
  created_at: number;
  next_attempt_at: number;
  attempts: number;
  /** 1: the carrier has it and takes time. */
  accepted: number;
}

/** What operators have entered over the API. */
export interface CatalogueCarriersTable {
  id: string;
  /** JSON, as the configuration has it. */
  definition: string;
  created_at: number;
  changed_at: number;
}
