/** A message on its way out. */
export interface Sms {
  /** The same at every try, so that the receiver can drop repetitions. */
  id: string;
  /** E.164. */
  to: string;
  text: string;
  /** 0 to 255; what the parts of a long message have in common, the same at every try. */
  reference: number;
  /** Unix milliseconds; later it is of no use to anybody. */
  validUntil: number;
}

/** A part that the carrier has answered for; a short message is one part of one. */
export interface TakenPart {
  /** From 1. */
  part: number;
  parts: number;
  /** What the carrier calls it in receipts. */
  providerId: string | undefined;
}

/** What is known of a message from earlier tries, and where this one notes how far it got. */
export interface SmsProgress {
  taken: readonly TakenPart[];
  /** Durable when it resolves: that part is never sent again. */
  took(part: TakenPart): Promise<void>;
}

/**
 * `rejected`: it will never be taken. `later`: try again, after `retryInMs` where the carrier said so; that was no
 * failure of the message. `why` holds no number and no text of anybody.
 */
export type SmsResult =
  | { result: 'accepted' }
  | { result: 'rejected'; why: string }
  | { result: 'later'; why: string; retryInMs?: number };

/** Since the start, for /metrics. */
export interface SmsCarrierStats {
  /** Whether messages can go out now, as far as one can know without trying. */
  up: boolean;
  /** Parts that were answered "too much at once". */
  throttled: number;
}

/** How one carrier takes SMS: one file for each kind. */
export interface SmsCarrier {
  /** False: do not hand it messages now; it calls `wake` of `start` when that changes. */
  readonly ready: boolean;
  /** Messages that it wants at once. */
  readonly parallel: number;
  /** Sends what of the message has not been taken yet. Never throws: what goes wrong is a result. */
  send(sms: Sms, progress: SmsProgress, signal: AbortSignal): Promise<SmsResult>;
  start(wake: () => void): void;
  close(): Promise<void>;
  stats(): SmsCarrierStats;
}
