import type { VoiceCall, VoiceCallEnd, VoiceCallListener, VoiceCalls } from '../carrier/index.ts';
import type { Logger } from '../log.ts';
import type { MechanismRequest, ProofDesk, ValidationDetail } from './mechanism.ts';

export interface ProofCallsOptions {
  calls: Pick<VoiceCalls, 'call' | 'canCall'>;
  log: Logger;
}

/** What a mechanism does in its call. */
export interface ProofCallPlan {
  /** It was answered. */
  answered(call: VoiceCall): void;
  key?(call: VoiceCall, key: string): void;
  /** It is over. @returns why it can come to nothing any more; undefined when it still may */
  ended(end: VoiceCallEnd): ValidationDetail | undefined;
}

/** The calls of one mechanism that are under way, by their validation. */
export class ProofCalls {
  readonly #options: ProofCallsOptions;
  readonly #calls = new Map<string, VoiceCall>();
  #desk: ProofDesk | undefined;

  constructor(options: ProofCallsOptions) {
    this.#options = options;
  }

  attach(desk: ProofDesk): void {
    this.#desk = desk;
  }

  canCall(carrierId: string): boolean {
    return this.#options.calls.canCall(carrierId);
  }

  /** Calls the number of a validation; what is seen on the way is told to whoever waits. */
  place({ validationId, number, carrier }: MechanismRequest, plan: ProofCallPlan): void {
    const listener: VoiceCallListener = {
      ringing: () => this.#tell((desk) => desk.report(validationId, 'ringing')),
      answered: () => {
        this.#tell((desk) => desk.report(validationId, 'answered'));
        plan.answered(call);
      },
      key: (key) => plan.key?.(call, key),
      ended: (end) => {
        this.#calls.delete(validationId);
        const detail = plan.ended(end);
        if (detail !== undefined) this.#tell((desk) => desk.fail(validationId, detail));
      },
    };
    const call = this.#options.calls.call({ carrierId: carrier.id, to: number }, listener);
    this.#calls.set(validationId, call);
  }

  /** Nobody waits for this one any more. */
  hangUp(validationId: string): void {
    this.#calls.get(validationId)?.hangUp();
  }

  /** What the network says about a proof; a desk that fails is an error of ours, and ends no call. */
  #tell(say: (desk: ProofDesk) => Promise<unknown>): void {
    const desk = this.#desk;
    if (!desk) return;
    say(desk).catch((error: unknown) =>
      this.#options.log.error({ err: error }, 'what a call of ours has seen could not be noted'),
    );
  }
}

/** Why nobody heard us. Busy and declined is a no; not there and not in time is no answer. */
export function unheard({ why, status, q850 }: VoiceCallEnd): ValidationDetail {
  if (why !== 'refused') return 'no-answer';
  const absent =
    q850 === 18 || q850 === 19 || q850 === 20 || (q850 === undefined && (status === 480 || status === 408));
  return absent ? 'no-answer' : 'rejected';
}
