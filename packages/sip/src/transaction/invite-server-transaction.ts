import type { SipRequest, SipResponse } from '../message/index.ts';
import type { MachineOptions, TimerName } from './machine.ts';
import { TransactionMachine } from './machine.ts';

export type InviteServerState = 'Proceeding' | 'Completed' | 'Confirmed' | 'Accepted' | 'Terminated';

export type ServerInput =
  /** A request that matches the transaction: a retransmission, or the ACK. */
  | { type: 'request'; request: SipRequest }
  /** The transaction user responds. */
  | { type: 'respond'; response: SipResponse }
  | { type: 'timer'; timer: TimerName }
  | { type: 'transportError' }
  /** The user will never respond (any more). */
  | { type: 'abandon' };

const moves: Record<InviteServerState, readonly InviteServerState[]> = {
  Proceeding: ['Completed', 'Accepted', 'Terminated'],
  Completed: ['Confirmed', 'Terminated'],
  Confirmed: ['Terminated'],
  Accepted: ['Terminated'],
  Terminated: [],
};

/** RFC 3261 section 17.2.1 with the Accepted state of RFC 6026 section 7.1 (figure 3 there). */
export class InviteServerTransaction extends TransactionMachine<InviteServerState, ServerInput> {
  #intervalG: number;
  #last: SipResponse | undefined;

  constructor(options: MachineOptions) {
    super(options, 'Proceeding', moves);
    this.#intervalG = options.timers.t1;
  }

  protected step(input: ServerInput, now: number): void {
    switch (input.type) {
      case 'request':
        this.#request(input.request, now);
        return;
      case 'respond':
        this.#respond(input.response, now);
        return;
      case 'timer':
        this.#timer(input.timer, now);
        return;
      case 'transportError':
        if (this.state === 'Confirmed') return;
        if (this.state === 'Completed') this.#end();
        this.notify({ event: 'transportError' });
        return;
      case 'abandon':
        if (this.state === 'Proceeding') this.transition('Terminated');
        return;
    }
  }

  #request(request: SipRequest, now: number): void {
    if (request.method === 'ACK') {
      if (this.state === 'Accepted') {
        this.notify({ event: 'ack', request });
      } else if (this.state === 'Completed') {
        this.cancel('G', 'H');
        this.transition('Confirmed');
        if (this.reliable) this.transition('Terminated');
        else this.arm('I', now + this.timers.t4);
      }
      return;
    }
    const resend = this.state === 'Proceeding' || this.state === 'Completed';
    if (resend && this.#last) this.send(this.#last, true);
  }

  #respond(response: SipResponse, now: number): void {
    const { status } = response;
    if (this.state === 'Accepted') {
      // RFC 6026 section 7.1: the UA core retransmits the 2xx by way of the transaction.
      if (status >= 200 && status < 300) this.send(response, true);
      return;
    }
    if (this.state !== 'Proceeding') return;
    this.#last = response;
    this.send(response);
    if (status < 200) return;
    if (status < 300) {
      // From now on only the UA core repeats it.
      this.#last = undefined;
      this.transition('Accepted');
      this.arm('L', now + 64 * this.timers.t1);
      return;
    }
    this.transition('Completed');
    if (!this.reliable) this.arm('G', now + this.#intervalG);
    this.arm('H', now + 64 * this.timers.t1);
  }

  #timer(timer: TimerName, now: number): void {
    switch (timer) {
      case 'G':
        if (this.state !== 'Completed' || !this.#last) return;
        this.send(this.#last, true);
        this.#intervalG = Math.min(this.#intervalG * 2, this.timers.t2);
        this.arm('G', now + this.#intervalG);
        return;
      case 'H':
        if (this.state !== 'Completed') return;
        this.#end();
        this.notify({ event: 'timeout' });
        return;
      case 'I':
        if (this.state === 'Confirmed') this.transition('Terminated');
        return;
      case 'L':
        if (this.state === 'Accepted') this.transition('Terminated');
        return;
      default:
        return;
    }
  }

  #end(): void {
    this.cancel('G', 'H');
    this.transition('Terminated');
  }
}
