/** Words and shapes the whole lab shares. Numbers are E.164 with `+`; times are unix milliseconds. */

/** What the radio side of a handset can do, apart from being in a call. Only `covered` has a network. */
export const coverages = ['covered', 'no-coverage', 'roaming-off', 'sim-out', 'off'] as const;
export type Coverage = (typeof coverages)[number];

/** GSM networks take MMI codes (3GPP TS 22.030), CDMA networks feature codes (TIA-664). */
export type NetworkFamily = 'gsm' | 'cdma';

/** How a carrier's machines towards Ringthrough are doing. */
export interface CarrierCondition {
  /** Its SMS centre: takes everything, says that it has too much, or is not there. */
  sms: 'up' | 'throttled' | 'down';
  /** Where forwarding is switched from outside. */
  provisioning: 'up' | 'down';
  /** The line of its switch: `down`, and nothing that is sent arrives, either way. */
  trunk: 'up' | 'down';
}

/** Why a switch diverts a call: RFC 5806 section 4.3 `diversion-reason` values. */
export type DivertReason = 'unconditional' | 'user-busy' | 'no-answer' | 'unavailable';

/** How a carrier's trunk tells which number was called first. */
export type RedirectionHeaders = 'diversion' | 'history-info' | 'both' | 'none';

/** One forwarding a call went through, oldest first in every list. */
export interface Diverted {
  /** The subscriber whose forwarding applied. */
  number: string;
  reason: DivertReason;
  /** Where it was forwarded to. */
  to: string;
}

/** A release cause: the ITU-T Q.850 value and what the handset's screen says. */
export interface Cause {
  q850: number;
  text: string;
}

export type HandsetRole = 'own' | 'caller';

export interface HandsetOptions {
  number: string;
  /** Who holds it, as the page shows it. */
  owner: string;
  /** `own`: a SIM of the person who tries Ringthrough; `caller`: somebody who calls them. */
  role: HandsetRole;
  /** At the first start; default `covered`. */
  coverage?: Coverage;
}

export interface CarrierOptions {
  id: string;
  name: string;
  /** ISO 3166-1 alpha-2. */
  country: string;
  /** Country calling code with `+`, to complete numbers dialled in national form. */
  prefix: string;
  /** Default: `gsm`. */
  family?: NetworkFamily;
  /** The routing number whose calls leave over this carrier's trunk to Ringthrough. */
  cNumber: string;
  /** Further numbers whose calls leave over the trunk, such as the one that takes missed calls. */
  serviceNumbers?: readonly string[];
  /** What handsets send there goes to Ringthrough. */
  smsNumber?: string;
  /** The carrier's own voicemail; absent: it has none. */
  voicemailNumber?: string;
  /** Whether its switch hands user-to-user information on over a forwarding (RFC 7433); many do not. Default: true. */
  keepsUserToUser?: boolean;
  /** UDP port of the switch; 0 takes any free one. */
  sipPort: number;
  redirection: RedirectionHeaders;
  /** Offered in this order on the trunk. */
  codecs: readonly TrunkCodec[];
  /** Ringback the switch plays when the trunk sends none. */
  ringback: Ringback;
  /** Bearer token of its XCAP server; absent: it has none, and only handsets switch forwarding. */
  xcapToken?: string;
  /** Bearer token the SMS webhook asks for. */
  smsToken: string;
  /** Its SMS centre talks SMPP with Ringthrough, which binds with these; the port is the lab's. */
  smpp?: { systemId: string; password: string };
  /** Without SMPP: where it posts SMS of people, and receipts. */
  webhook?: { inboundUrl: string; receiptUrl: string; token: string };
  handsets: readonly HandsetOptions[];
}

export type TrunkCodec = 'PCMA' | 'PCMU';

/** A cadence of one tone: frequencies in hertz, times in milliseconds. */
export interface Ringback {
  frequenciesHz: readonly number[];
  /** On, off, on, off … */
  cadenceMs: readonly number[];
}
