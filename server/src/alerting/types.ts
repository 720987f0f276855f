import type { UasSession } from '@ringthrough/sip';
import type { MediaLeg } from '../media/index.ts';
import type { AnswerMode } from '../store/index.ts';

/**
 * Why a call goes to the alerting server. `declined`: for all devices at once, by the person; `busy`: every device has
 * refused for itself.
 */
export type HandOverReason = 'nobody' | 'timeout' | 'declined' | 'busy' | 'failed';

/** The leg towards the caller's switch, lent by the call that owns it. Its media is negotiated. */
export interface CarrierLeg {
  readonly session: UasSession;
  readonly media: MediaLeg;
  /** Keys that the caller presses, however the switch sends them. @returns how to stop listening */
  onKey(listener: (key: string) => void): () => void;
  /** Answers with 200. False when the caller has gone or the answer cannot be given. */
  answer(): Promise<boolean>;
}

/** Who called whom; what a person is told of. */
export interface MissedCall {
  callId: string;
  accountId: string;
  /** The called number, E.164. */
  number: string;
  /** E.164; undefined when withheld. */
  calling: string | undefined;
  /** What the person wants done with calls to this number. */
  answerMode: AnswerMode;
}

/** A call that nobody took. */
export interface HandOver extends MissedCall {
  reason: HandOverReason;
  carrier: CarrierLeg;
}

export interface AlertingResult {
  outcome: 'voicemail' | 'missed' | 'failed';
  /** When the alerting server answered the caller; undefined when it did not. */
  answeredAt: number | undefined;
  /** Tells the person. Called once the call is recorded. */
  announce(): void;
}
