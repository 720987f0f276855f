import type { Carrier } from '../carrier/index.ts';
import type { Store } from '../store/index.ts';

export interface MechanismRequest {
  validationId: string;
  number: string;
  carrier: Carrier;
}

/** What a mechanism needs kept, and what the client is told so that it can ask the person. */
export interface Challenge {
  /** Recognises the right answer without holding it. */
  answerHash: string;
  /** How many digits the answer has. */
  digits: number;
  /** Puts the challenge on its way, inside the transaction that stores the validation. */
  deliver(store: Store): Promise<void>;
  /** Called after that transaction was committed. */
  delivered(): void;
}

/** One way to prove that a number is yours (R-VAL-*). */
export interface ValidationMechanism {
  readonly name: string;
  /** Whether that carrier offers what the mechanism needs. */
  available(carrier: Carrier): boolean;
  challenge(request: MechanismRequest): Challenge;
  /** Constant time. */
  matches(answer: string, validationId: string, answerHash: string): boolean;
}
