import type { SipResponse } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import type { UaContext } from './context.ts';

/**
 * A 2xx to an INVITE until its ACK comes, RFC 3261 section 13.3.1.4: the UA core repeats it at T1, 2*T1, … T2 on
 * every transport, and gives up after 64*T1.
 */
export class AcceptedInvite {
  readonly sequence: number;
  readonly #context: UaContext;
  readonly #transaction: ServerTransaction;
  readonly #response: SipResponse;
  #intervalMs: number;
  #repeat: Timer | undefined;
  #limit: Timer | undefined;

  constructor(options: {
    context: UaContext;
    transaction: ServerTransaction;
    response: SipResponse;
    sequence: number;
    unacknowledged: () => void;
  }) {
    const { context } = options;
    this.sequence = options.sequence;
    this.#context = context;
    this.#transaction = options.transaction;
    this.#response = options.response;
    this.#intervalMs = context.config.t1;
    this.#limit = context.timers.set(64 * context.config.t1, () => {
      this.stop();
      options.unacknowledged();
    });
    this.#arm();
  }

  /** The ACK came, or nobody waits for it any more. */
  stop(): void {
    if (this.#repeat) this.#context.timers.clear(this.#repeat);
    if (this.#limit) this.#context.timers.clear(this.#limit);
    this.#repeat = this.#limit = undefined;
    this.#transaction.acknowledged();
  }

  #arm(): void {
    this.#repeat = this.#context.timers.set(this.#intervalMs, () => {
      this.#transaction.respond(this.#response);
      this.#intervalMs = Math.min(this.#intervalMs * 2, this.#context.config.t2);
      this.#arm();
    });
  }
}
