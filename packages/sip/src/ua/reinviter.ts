import type { SipResponse } from '../message/index.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import type { UaContext } from './context.ts';

export interface ReinviterOptions {
  /** Whether this side made the Call-ID. */
  ownsCallId: boolean;
  /** Whether an INVITE of the peer is in progress: ours has to wait, RFC 3261 section 14.1. */
  isBlocked: () => boolean;
  send: (sdp: string) => Promise<SipResponse>;
  /** The answer to give when the session ends first. */
  giveUp: () => SipResponse;
}

interface Job {
  sdp: string;
  resolve: (response: SipResponse) => void;
}

const mostTries = 5;

/** Our re-INVITEs of one dialog: one at a time, never beside one of the peer's, again after 491. */
export class Reinviter {
  readonly #context: UaContext;
  readonly #options: ReinviterOptions;
  #jobs: Job[] = [];
  #tries = 0;
  #active = false;
  #closed = false;
  #wait: Timer | undefined;

  constructor(context: UaContext, options: ReinviterOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Whether a re-INVITE of ours waits for its final response. */
  get active(): boolean {
    return this.#active;
  }

  reinvite(sdp: string): Promise<SipResponse> {
    return new Promise((resolve) => {
      this.#jobs.push({ sdp, resolve });
      this.#next();
    });
  }

  /** What was in the way may be gone. */
  unblocked(): void {
    this.#next();
  }

  close(): void {
    this.#closed = true;
    if (this.#wait) this.#context.timers.clear(this.#wait);
    for (const { resolve } of this.#jobs.splice(0)) resolve(this.#options.giveUp());
  }

  #next(): void {
    const job = this.#jobs[0];
    if (!job || this.#active || this.#wait || this.#closed || this.#options.isBlocked()) return;
    this.#active = true;
    this.#tries++;
    void this.#options.send(job.sdp).then((response) => this.#answered(job, response));
  }

  #answered(job: Job, response: SipResponse): void {
    this.#active = false;
    if (this.#closed) return;
    if (response.status === 491 && this.#tries < mostTries) {
      this.#wait = this.#context.timers.set(this.#glareDelay(), () => {
        this.#wait = undefined;
        this.#next();
      });
      return;
    }
    this.#tries = 0;
    this.#jobs.shift();
    job.resolve(response);
    this.#next();
  }

  /** Section 14.1: 2.1 to 4 s for the owner of the Call-ID, 0 to 2 s for the other, in steps of 10 ms. */
  #glareDelay(): number {
    const steps = Math.floor(Math.random() * (this.#options.ownsCallId ? 191 : 201));
    return (this.#options.ownsCallId ? 2_100 : 0) + steps * 10;
  }
}
