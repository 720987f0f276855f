/** The words of the call core: what it is told (inputs), what it wants done (outputs), what it leaves behind (summary). */

import type { HandOverReason } from '../alerting/index.ts';
import type { CallOutcome } from '../store/index.ts';

export type { CallOutcome, HandOverReason };

/** One live binding of one device: the thing that rings. */
export interface RingTarget {
  deviceId: string;
  contactUri: string;
  /** RFC 5626: the UA, where it registers flows. */
  instance?: string;
}

export type CallState = 'arrived' | 'ringing' | 'connecting' | 'connected' | 'alerting' | 'ended';

export type CallTimer =
  /** R-TIMEOUT: how long devices ring. */
  | 'ring'
  /** Registered devices that do not even ring: a softphone that died without a word. */
  | 'no-ring'
  /** Every ringing device was lost to its network: how long one of them has to come back. */
  | 'grace'
  /** An answer that never becomes audio. */
  | 'connect'
  /** The connected device lost its signalling: how long it has to register again. */
  | 'device-lost'
  /** The longest a call may last. */
  | 'duration';

/** Why a leg is taken away from a device; becomes the Reason header (RFC 3326) of its CANCEL or BYE. */
export type LegEndReason =
  | 'answered-elsewhere'
  | 'caller-gone'
  | 'timeout'
  | 'declined'
  | 'device-gone'
  | 'failed'
  | 'media-silent'
  | 'max-duration'
  | 'shutdown';

/** How the call ended; `docs/calls.md` maps each to what the caller's switch is told. */
export type EndCause =
  | 'caller-cancelled'
  /** The carrier has cancelled, because somebody or something else of it has answered: most likely its own voicemail. */
  | 'answered-by-carrier'
  | 'caller-hung-up'
  | 'device-hung-up'
  | 'device-lost'
  | 'carrier-lost'
  | 'no-common-codec'
  | 'no-media'
  | 'media-silent'
  | 'max-duration'
  | 'shutdown'
  /** A fault of ours: it ends this call and no other. */
  | 'broken-invariant'
  | 'alerting';

export type DeviceLoss = 'logout' | 'removed' | 'expired' | 'connection-lost';

export type CallInput =
  /** The arrival was read, the number is linked, these bindings are available. Once, first. */
  | { type: 'arrived'; devices: readonly RingTarget[] }
  | { type: 'device-registered'; device: RingTarget }
  | { type: 'device-unregistered'; deviceId: string; contactUri: string; why: DeviceLoss }
  | { type: 'leg-ringing'; legId: string }
  | { type: 'leg-answered'; legId: string }
  /** Final response ≥ 300 from the device, also the 487 that answers our CANCEL. */
  | { type: 'leg-rejected'; legId: string; status: number }
  /** The INVITE could not be sent, or its transport died. */
  | { type: 'leg-failed'; legId: string; lost: boolean }
  /** BYE from the device, or its dialog died. */
  | { type: 'leg-ended'; legId: string; lost: boolean }
  /** Both ends are negotiated: the caller can be answered. */
  | { type: 'media-ready'; legId: string }
  | { type: 'media-failed'; legId: string }
  /** CANCEL before our final response. `byCarrier`: it was not the caller, the carrier has put the call elsewhere. */
  | { type: 'caller-cancelled'; byCarrier?: boolean }
  | { type: 'caller-hung-up' }
  | { type: 'carrier-lost' }
  /**
   * The caller's offer cannot be answered; or we made the offer, and what came with the ACK is no answer to it (RFC 3261
   * section 13.2.1). `cause`: by default there is no common codec.
   */
  | { type: 'caller-media-failed'; cause?: 'no-media' | 'no-common-codec' | undefined }
  | { type: 'media-silent' }
  | { type: 'timer'; timer: CallTimer }
  | { type: 'alerting-ended'; outcome: 'voicemail' | 'missed' | 'failed'; answeredAt: number | undefined }
  | { type: 'shutdown' }
  | { type: 'broken-invariant' };

export type CallOutput =
  | { type: 'start-leg'; legId: string; device: RingTarget }
  /** Before its final response. */
  | { type: 'cancel-leg'; legId: string; reason: LegEndReason }
  /** After its 2xx. */
  | { type: 'bye-leg'; legId: string; reason: LegEndReason }
  /** Nothing more comes from this leg: free its media. */
  | { type: 'leg-over'; legId: string }
  /** 180 to the caller; at most once. */
  | { type: 'ring-caller' }
  /** Negotiate and bridge caller and this leg, then report `media-ready` or `media-failed`. */
  | { type: 'connect'; legId: string }
  /** 200 to the caller; at most once. */
  | { type: 'answer-caller'; legId: string }
  | { type: 'hand-over'; reason: HandOverReason }
  /** Refuse (not yet answered) or hang up. Not emitted when the caller is the one who went. */
  | { type: 'end-caller'; cause: EndCause }
  | { type: 'arm-timer'; timer: CallTimer; dueAt: number }
  | { type: 'cancel-timer'; timer: CallTimer }
  /** Exactly once. */
  | { type: 'record'; summary: CallSummary }
  /** Something a person can see has changed. */
  | { type: 'changed' }
  /** The last output: every leg is over, no timer is armed, the call was recorded. */
  | { type: 'finished' };

/** What the core knows for the CDR. Times in unix milliseconds. */
export interface CallSummary {
  arrivedAt: number;
  ringingAt: number | undefined;
  answeredAt: number | undefined;
  endedAt: number;
  outcome: CallOutcome;
  cause: EndCause;
  answeredDeviceId: string | undefined;
  /** Why it went to the alerting server, if it did. */
  handOver: HandOverReason | undefined;
}

/** All in milliseconds. */
export interface CallLimits {
  ringTimeoutMs: number;
  /** Without a single ringing device for so long, the call is treated as if nobody was registered. */
  noRingMs: number;
  maxDurationMs: number;
  graceMs: number;
  connectTimeoutMs: number;
  deviceLostMs: number;
  /** How many legs one call may start in all, late joiners and returning devices included. */
  maxLegs: number;
}
