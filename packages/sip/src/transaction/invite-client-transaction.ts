import type { SipResponse } from '../message/index.ts';
import { ackForFailure } from './ack.ts';
import type { MachineOptions, TimerName } from './machine.ts';
import { TransactionMachine } from './machine.ts';

export type InviteClientState = 'Calling' | 'Proceeding' | 'Completed' | 'Accepted' | 'Terminated';

export type ClientInput =
  | { type: 'start' }
  | { type: 'response'; response: SipResponse }
  | { type: 'timer'; timer: TimerName }
  | { type: 'transportError' }
  /** The user gives up waiting for a final response (RFC 3261 section 9.1, last paragraph). */
  | { type: 'abandon' };

const moves: Record<InviteClientState, readonly InviteClientState[]> = {
  Calling: ['Proceeding', 'Completed', 'Accepted', 'Terminated'],
  Proceeding: ['Completed', 'Accepted', 'Terminated'],
  Completed: ['Terminated'],
  Accepted: ['Terminated'],
  Terminated: [],
};

/** RFC 3261 section 17.1.1 with the Accepted state of RFC 6026 section 7.2 (figure 5 there). */
export class InviteClientTransaction extends TransactionMachine<InviteClientState, ClientInput> {
  #intervalA: number;
  #ack: ReturnType<typeof ackForFailure> | undefined;

  constructor(options: MachineOptions) {
    super(options, 'Calling', moves);
    this.#intervalA = options.timers.t1;
  }

  protected step(input: ClientInput, now: number): void {
    switch (input.type) {
      case 'start':
        this.send(this.request);
        if (!this.reliable) this.arm('A', now + this.#intervalA);
        this.arm('B', now + 64 * this.timers.t1);
        return;
      case 'response':
        this.#response(input.response, now);
        return;
      case 'timer':
        this.#timer(input.timer, now);
        return;
      case 'transportError':
        // In Accepted the transaction sends nothing itself, so the error cannot be its own.
        if (this.state === 'Accepted') return;
        this.#end();
        this.notify({ event: 'transportError' });
        return;
      case 'abandon':
        if (this.state === 'Calling' || this.state === 'Proceeding') this.#end();
        return;
    }
  }

  #response(response: SipResponse, now: number): void {
    const { status } = response;
    switch (this.state) {
      case 'Calling':
      case 'Proceeding':
        if (this.state === 'Calling') this.cancel('A', 'B');
        if (status < 200) {
          if (this.state === 'Calling') this.transition('Proceeding');
        } else if (status < 300) {
          this.transition('Accepted');
          this.arm('M', now + 64 * this.timers.t1);
        } else {
          this.#complete(response, now);
        }
        this.notify({ event: 'response', response });
        return;
      case 'Completed':
        if (status >= 300 && this.#ack) this.send(this.#ack, true);
        return;
      case 'Accepted':
        // Each 2xx goes up: the UA core acknowledges it, or it is another fork's.
        if (status >= 200 && status < 300) this.notify({ event: 'response', response });
        return;
      case 'Terminated':
        return;
    }
  }

  #complete(response: SipResponse, now: number): void {
    this.#ack = ackForFailure(this.request, response);
    this.send(this.#ack);
    this.transition('Completed');
    if (this.reliable) this.transition('Terminated');
    else this.arm('D', now + this.timers.timerD);
  }

  #timer(timer: TimerName, now: number): void {
    switch (timer) {
      case 'A':
        if (this.state !== 'Calling') return;
        this.send(this.request, true);
        this.#intervalA *= 2;
        this.arm('A', now + this.#intervalA);
        return;
      case 'B':
        if (this.state !== 'Calling') return;
        this.#end();
        this.notify({ event: 'timeout' });
        return;
      case 'D':
        if (this.state === 'Completed') this.transition('Terminated');
        return;
      case 'M':
        if (this.state === 'Accepted') this.transition('Terminated');
        return;
      default:
        return;
    }
  }

  #end(): void {
    if (this.state === 'Calling') this.cancel('A', 'B');
    if (this.state === 'Completed') this.cancel('D');
    this.transition('Terminated');
  }
}
