import type { Carrier } from '../carrier/index.ts';
import type { Language, MechanismName } from '../config.ts';
import type { Store } from '../store/index.ts';

/**
 * One way to prove that a number is yours (R-VAL-*, docs/validation.md). A new one is a file with a class of this form,
 * its name in `mechanismNames`, and its line where the roles make them.
 *
 * Everything that guards a proof is done by `Validations`, for all of them alike: hashed answers compared in constant
 * time, tries, expiry, limits, replays, whose proof it is. A mechanism brings the question to the person, and what the
 * network saw to the `ProofDesk`.
 */
export interface ValidationMechanism {
  readonly name: MechanismName;
  /**
   * What it costs: an `sms` or a `call` of ours counts against the limits of sending; `incoming` is sent by the person,
   * and is offered only where we know for sure that the number is the carrier's.
   */
  readonly channel: Channel;
  /**
   * What the person is asked for. Answers to `enter-code` and `confirm-sms` come through the API; those to the others are
   * believed from the network only.
   */
  readonly challenge: ChallengeKind;
  /** Whether what it needs is there for that carrier. */
  available(carrier: Carrier): boolean;
  /** Makes the question. Nothing leaves before `deliver`. */
  begin(request: MechanismRequest): Beginning;
  /** Once, before anything else: outside events are told to this desk from now on. */
  attach?(desk: ProofDesk): void;
  /** The person gave up, or the answer came in another way: what is under way ends, such as a call. */
  over?(validationId: string): void;
}

export type Channel = 'sms' | 'call' | 'incoming';

export interface MechanismRequest {
  /** Secret: who has it can ask how the proof stands. */
  validationId: string;
  /** E.164. */
  number: string;
  carrier: Carrier;
  /** To write to the person: what was asked for, else the carrier's, else the country's. */
  language: Language;
  /** To speak to whoever answers: the language of the number's country, where we have it; else `language`. */
  spokenLanguage: Language;
  /** Unix milliseconds. After that nothing proves anything. */
  expiresAt: number;
  /** From now until then. */
  lifetimeMs: number;
}

/** What the client is told, so that it can ask the person. */
export type Challenge =
  | { kind: 'enter-code'; digits: number; by: 'sms' | 'call' }
  | { kind: 'press-keys'; keys: string }
  | { kind: 'confirm-sms' }
  | { kind: 'send-sms'; to: string; text: string }
  | { kind: 'place-call'; to: string };

export type ChallengeKind = Challenge['kind'];

export interface Beginning {
  challenge: Challenge;
  /** The right answer; kept as keyed hash only. Absent where the source of a call or SMS is all there is. */
  answer?: string;
  /** Of `incoming`: the number of ours where it has to arrive. */
  to?: string;
  /** What the person is told first. */
  detail?: ValidationDetail;
  /** Inside the transaction that stores the validation. */
  deliver?(store: Store): Promise<void>;
  /** After it was committed; must not throw. Calls are placed here. */
  begun?(): void;
}

/** What is going on, for whoever waits. */
export type ValidationDetail = 'sending' | 'calling' | 'ringing' | 'answered' | 'no-answer' | 'rejected';

/**
 * What became of an event. `wrong`: it counted as a try. `none`: there was nothing that it could prove (no such
 * validation, expired, proved, another carrier, seen before).
 */
export type Verdict = 'proved' | 'wrong' | 'void' | 'none';

/** What the network saw. Each of these may come at any time, more than once, and for validations that are long over. */
export interface ProofDesk {
  /** Tells who waits; nothing once it is decided. */
  report(validationId: string, detail: ValidationDetail): Promise<void>;
  /** It will not come to anything, such as a call that nobody answered. The person can start another one. */
  fail(validationId: string, detail: ValidationDetail): Promise<void>;
  /** An answer that the network brought, such as the keys that were pressed. `void`: that was the last try. */
  proveByAnswer(event: { validationId: string; mechanism: MechanismName; answer: string }): Promise<Verdict>;
  /** A call or SMS from the person. */
  proveBySource(event: SourceEvent): Promise<Verdict>;
}

export interface SourceEvent {
  mechanism: MechanismName;
  /** The same when the same event is told again: it proves nothing twice. */
  eventId: string;
  /** Whose it is, E.164, as `carrierId` vouches. */
  number: string;
  /** The carrier whose SMS centre or trunk vouches for `number`. */
  carrierId: string;
  /** Where it arrived, E.164. */
  to: string;
  /** What it said, where that matters: possible answers, of which one has to be right. */
  answers?: readonly string[];
  /** When it arrived, unix milliseconds. */
  at: number;
}
