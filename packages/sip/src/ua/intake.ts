import type { SipRequest } from '../message/index.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Clock } from '../transport/types.ts';
import { type AdmissionLimits, AdmissionQueue } from './admission-queue.ts';

/** A new call, or its CANCEL, before anything was done for it. */
interface NewCall {
  request: SipRequest;
  flow: BaseFlow;
}

export interface IntakeOptions {
  limits: AdmissionLimits;
  clock: Clock;
  /** Calls back once what has come in so far is read; default: `setImmediate`. */
  afterReading?: ((then: () => void) => void) | undefined;
  admit(request: SipRequest, flow: BaseFlow): void;
  /** Answers 503, without keeping anything. */
  refuse(request: SipRequest, flow: BaseFlow): void;
}

/** By a glance: taken for the other kind, a request is handled all the same. */
const hasTag = /;\s*tag\s*=/i;

/** libuv reads so many datagrams of a socket in one turn of the loop; as many mean that more are waiting. */
const fullTurn = 32;
/** Calls begun in one turn, which keeps turns short: messages of calls in progress have to be read in between. */
const callsPerTurn = 4;
const refusalsPerTurn = 64;

/**
 * Lets calls in progress go before new ones: responses and requests in dialogs are worked off as they are read, new
 * INVITEs wait until the sockets are empty. So what was begun is finished, however many more want to begin.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #queue: AdmissionQueue<NewCall>;
  readonly #afterReading: (then: () => void) => void;
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

  /** Whether it has to wait: an INVITE outside of a dialog, and a CANCEL that must not overtake its INVITE. */
  takes({ method, headers }: SipRequest): boolean {
    if (method === 'CANCEL') return this.#queue.waiting > 0;
    return method === 'INVITE' && !hasTag.test(headers.get('To') ?? '');
  }

  push(request: SipRequest, flow: BaseFlow): void {
    if (!this.#queue.push({ request, flow }, this.#options.clock.now())) {
      this.#options.refuse(request, flow);
      return;
    }
    this.#schedule();
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
    const { clock, admit, refuse } = this.#options;
    let calls = this.#read < fullTurn ? callsPerTurn : 1;
    for (let refusals = refusalsPerTurn; calls > 0 && refusals > 0; ) {
      const next = this.#queue.next(clock.now());
      if (!next) return;
      const { request, flow } = next.item;
      if (next.admitted || request.method === 'CANCEL') {
        calls--;
        admit(request, flow);
      } else {
        refusals--;
        refuse(request, flow);
      }
    }
  }
}
