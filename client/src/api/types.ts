/** The shapes of the server's REST API (`/api/docs`). Times are unix milliseconds. */

export interface Carrier {
  id: string;
  name: string;
  country: string;
  family: string;
  /** Its forwarding is switched by the service. */
  integrated: boolean;
}

/** Null: the carrier has no such code. */
export interface ForwardingCommands {
  activate: string;
  deactivate: string;
  status: string | null;
  /** With `{seconds}` in place of the time. */
  noReply: string | null;
  deactivateNoReply: string | null;
}

export type CheckSeen =
  | 'came-back'
  | 'rang'
  | 'carrier-voicemail'
  | 'rejected'
  | 'busy'
  | 'wrong-number'
  | 'nothing';

export interface ForwardingCheck {
  state: 'running' | 'verified' | 'failed';
  seen: CheckSeen | null;
  at: number;
  cause?: string;
}

export interface Forwarding {
  cNumber: string;
  mode: 'auto' | 'manual';
  state: 'unknown' | 'pending' | 'active' | 'inactive' | 'failed';
  /** Who says so. */
  source: 'carrier' | 'person' | 'check' | 'call' | null;
  error: string | null;
  changedAt: number | null;
  noReplySeconds: number | null;
  /** None: the carrier knows one time only. */
  noReplyChoices: number[];
  commands: ForwardingCommands;
  check: ForwardingCheck | null;
}

export type AnswerMode = 'both' | 'voicemail' | 'mca';

export interface LinkedNumber {
  number: string;
  primary: boolean;
  carrier: Carrier | null;
  answerMode: AnswerMode;
  forwarding: Forwarding | null;
  validatedAt: number;
}

export interface Account {
  id: string;
  createdAt: number;
  numbers: LinkedNumber[];
}

export interface Device {
  id: string;
  name: string;
  system: string | null;
  kind: 'web' | 'softphone';
  registered: boolean;
  lastSeenAt: number | null;
  current: boolean;
  /** The login of a browser; softphones have none. */
  session: { createdAt: number; lastUsedAt: number; expiresAt: number } | null;
}

/** How much was deleted. */
export interface ClosedAccount {
  numbers: number;
  devices: number;
  voicemails: number;
  calls: number;
}

/** What a SIP user agent needs to register; `password` is shown once, at creation. */
export interface SipCredentials {
  user: string;
  password: string;
  domain: string;
  realm: string;
  /** `host:port`, for UDP and TCP. */
  server: string;
  webSocketPath: string;
}

export interface LoginResult {
  account: Account;
  device: { id: string; name: string };
  sip: SipCredentials;
}

export interface NewDevice {
  device: { id: string; name: string };
  sip: SipCredentials;
}

/** How a call that tries a softphone stands, and how it ended. */
export type TestCallState =
  | 'calling'
  | 'ringing'
  | 'answered'
  | 'completed'
  | 'no-answer'
  | 'rejected'
  | 'failed';

export type ValidationPurpose = 'sign-up' | 'link' | 'login' | 'reset' | 'close';

export type MechanismName =
  | 'sms-code'
  | 'spoken-code'
  | 'keys'
  | 'sms-confirm'
  | 'sms-from-client'
  | 'missed-call';

/** What the person has to do. */
export type Challenge =
  | { kind: 'enter-code'; digits: number; by: 'sms' | 'call' }
  | { kind: 'press-keys'; keys: string }
  | { kind: 'confirm-sms' }
  | { kind: 'send-sms'; to: string; text: string }
  | { kind: 'place-call'; to: string };

/** How a number can be proved. Without a carrier the person is asked, and chooses one of `carriers`. */
export interface ValidationOptions {
  number: string;
  carrier: Carrier | null;
  carriers: Carrier[];
  /** Best first. */
  mechanisms: Array<{ name: MechanismName; challenge: Challenge['kind'] }>;
}

export interface ValidationRequest {
  number: string;
  region?: string;
  purpose: ValidationPurpose;
  mechanism?: MechanismName;
  carrierId?: string;
  /** Of the SMS. */
  language?: string;
}

export interface Validation {
  id: string;
  number: string;
  mechanism: MechanismName;
  challenge: Challenge;
  expiresAt: number;
}

export type ValidationDetail = 'sending' | 'calling' | 'ringing' | 'answered' | 'no-answer' | 'rejected';

export interface Standing {
  state: 'pending' | 'proved' | 'failed' | 'expired';
  detail: ValidationDetail | null;
  attemptsLeft: number;
}

export type CallOutcome =
  | 'answered'
  | 'missed'
  | 'voicemail'
  | 'declined'
  | 'cancelled'
  | 'failed'
  | 'unknown-number';

export interface LegQuality {
  packetsReceived: number;
  packetsLost: number;
  jitterMs: number;
}

export interface CallRecord {
  id: string;
  number: string | null;
  caller: string | null;
  reason: string | null;
  arrivedAt: number;
  answeredAt: number | null;
  endedAt: number | null;
  durationMs: number | null;
  outcome: CallOutcome | null;
  device: { id: string; name: string } | null;
  codecs: { carrier: string | null; client: string | null } | null;
  quality: { carrier: LegQuality | null; client: LegQuality | null } | null;
}

export interface Voicemail {
  id: string;
  number: string;
  caller: string | null;
  storedAt: number;
  durationMs: number;
  heardAt: number | null;
}

export interface Notice {
  id: string;
  code: string;
  data: Record<string, unknown> | null;
  createdAt: number;
  seenAt: number | null;
}
