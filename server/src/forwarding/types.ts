import type { ForwardingCommands } from './commands.ts';

/** `pending`: a command is on its way. `failed`: the carrier refused it, or it was given up. */
export type ForwardingState = 'unknown' | 'pending' | 'active' | 'inactive' | 'failed';

/** Who says so: the carrier's platform, the person who dialled the code, a check, a call that came forwarded. */
export type ForwardingSource = 'carrier' | 'person' | 'check' | 'call';

export type ForwardingAction = 'activate' | 'deactivate' | 'refresh';

/** What became of the test call. */
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
  /** Null while it runs. */
  seen: CheckSeen | null;
  /** Unix milliseconds: when it began, or ended. */
  at: number;
  /** Why it ended so, for people who know: such as `486`, or `no-trunk`. */
  cause?: string | undefined;
}

/** The forwarding of one number as its owner sees it. Times are unix milliseconds. */
export interface ForwardingView {
  cNumber: string;
  /** `auto`: we switch it at the carrier; `manual`: the person dials the codes. */
  mode: 'auto' | 'manual';
  state: ForwardingState;
  source: ForwardingSource | null;
  /** Stable code of what went wrong: `refused`, `not-authorised`, `unknown-subscriber`, `no-answer`, `bad-answer`. */
  error: string | null;
  changedAt: number | null;
  noReplySeconds: number | null;
  /** Times that the no-reply code takes; empty: there is no such code. */
  noReplyChoices: number[];
  commands: ForwardingCommands;
  check: ForwardingCheck | null;
}

/** A number of an account, as the accounts keep it. */
export interface OwnedNumber {
  number: string;
  carrierId: string | undefined;
}
