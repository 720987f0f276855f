import type { SipRequest, Via } from '../message/index.ts';
import { TransientMap } from '../transient.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Clock } from '../transport/types.ts';
import { type AdmissionLimits, AdmissionQueue } from './admission-queue.ts';

/** A request that came, nothing done for it yet. */
export interface Arrival {
  request: SipRequest;
  via: Via;
  flow: BaseFlow;
}

interface NewCall {
  key: string;
  invite: Arrival;
  cancel: Arrival | undefined;
}

export interface IntakeOptions {
  limits: AdmissionLimits;
  clock: Clock;
  /** Calls back once what has come in so far is read; default: `setImmediate`. */
  afterReading?: ((then: () => void) => void) | undefined;
  admit(invite: Arrival): void;
  /** Answers 503, without keeping anything. */
  refuse(invite: Arrival): void;
  /** The CANCEL of an INVITE that was just admitted or refused. */
  cancel(cancel: Arrival): void;
}

/** libuv reads so many datagrams of a socket in one turn of the loop; as many mean that more are waiting. */
const fullTurn = 32;
/** Calls begun in one turn, which keeps turns short: messages of calls in progress have to be read in between. */
const callsPerTurn = 4;
const refusalsPerTurn = 64;

/**
 * Lets calls in progress go before new ones: responses, requests in dialogs, CANCELs and what is sent again are worked
 * off as they are read, new INVITEs of who may call wait until the sockets are empty. So what was begun is finished,
 * however many more want to begin.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #queue: AdmissionQueue<NewCall>;
  readonly #afterReading: (then: () => void) => void;
  /** By the key of its transaction: a call that waits is not one more when its INVITE comes again. */
  readonly #waiting = new TransientMap<NewCall>();
  #scheduled = false;
  #read = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#queue = new AdmissionQueue(options.limits);
    this.#afterReading = options.afterReading ?? setImmediate;
  }

  /** A datagram or a message of a connection was read. */
  noteRead(): void {
    this.#read++;
  }

  /** Whether the INVITE with this transaction key waits. */
  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** A new call. */
  push(key: string, invite: Arrival): void {
    const call: NewCall = { key, invite, cancel: undefined };
    if (!this.#queue.push(call, this.#options.clock.now())) {
      this.#options.refuse(invite);
      return;
    }
    this.#waiting.set(key, call);
    this.#schedule();
  }

  /** A CANCEL must not overtake its INVITE. False: that one does not wait. */
  cancel(key: string, cancel: Arrival): boolean {
    const call = this.#waiting.get(key);
    if (call) call.cancel = cancel;
    return call !== undefined;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#read = 0;
    this.#afterReading(() => {
      this.#scheduled = false;
      this.#turn();
      if (this.#queue.waiting > 0) this.#schedule();
    });
  }

  #turn(): void {
    const { clock, admit, refuse, cancel } = this.#options;
    let calls = this.#read < fullTurn ? callsPerTurn : 1;
    for (let refusals = refusalsPerTurn; calls > 0 && refusals > 0; ) {
      const next = this.#queue.next(clock.now());
      if (!next) return;
      const call = next.item;
      this.#waiting.delete(call.key);
      if (next.admitted) {
        calls--;
        admit(call.invite);
      } else {
        refusals--;
        refuse(call.invite);
      }
      if (call.cancel) cancel(call.cancel);
    }
  }
}
