/** The shapes of the server's REST API (`/api/docs`). Times are unix milliseconds. */

export interface Carrier {
  id: string;
  name: string;
  country: string;
  family: string;
}

export interface Forwarding {
  cNumber: string;
  activate: string;
  deactivate: string;
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

export type ValidationPurpose = 'sign-up' | 'link' | 'login';

export interface Validation {
  id: string;
  number: string;
  mechanism: 'sms';
  digits: number;
  expiresAt: number;
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
