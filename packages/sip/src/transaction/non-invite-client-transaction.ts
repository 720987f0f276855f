import type { SipResponse } from '../message/index.ts';
import type { ClientInput } from './invite-client-transaction.ts';
import type { MachineOptions, TimerName } from './machine.ts';
import { TransactionMachine } from './machine.ts';

export type NonInviteClientState = 'Trying' | 'Proceeding' | 'Completed' | 'Terminated';

const moves: Record<NonInviteClientState, readonly NonInviteClientState[]> = {
  Trying: ['Proceeding', 'Completed', 'Terminated'],
  Proceeding: ['Completed', 'Terminated'],
  Completed: ['Terminated'],
  Terminated: [],
};

/** RFC 3261 section 17.1.2 (figure 6). */
export class NonInviteClientTransaction extends TransactionMachine<NonInviteClientState, ClientInput> {
  #intervalE: number;

  constructor(options: MachineOptions) {
    super(options, 'Trying', moves);
    this.#intervalE = options.timers.t1;
  }

  protected step(input: ClientInput, now: number): void {
    switch (input.type) {
      case 'start':
        this.send(this.request);
        this.arm('F', now + 64 * this.timers.t1);
        if (!this.reliable) this.arm('E', now + this.#intervalE);
        return;
      case 'response':
        this.#response(input.response, now);
        return;
      case 'timer':
        this.#timer(input.timer, now);
        return;
      case 'transportError':
        if (this.state === 'Completed') return;
        this.#end();
        this.notify({ event: 'transportError' });
        return;
      case 'abandon':
        if (this.state !== 'Completed') this.#end();
        return;
    }
  }

  #response(response: SipResponse, now: number): void {
    if (this.state === 'Completed') return;
    if (response.status < 200) {
      if (this.state === 'Trying') this.transition('Proceeding');
    } else {
      this.cancel('E', 'F');
      this.transition('Completed');
      if (this.reliable) this.transition('Terminated');
      else this.arm('K', now + this.timers.t4);
    }
    this.notify({ event: 'response', response });
  }

  #timer(timer: TimerName, now: number): void {
    const waiting = this.state === 'Trying' || this.state === 'Proceeding';
    switch (timer) {
      case 'E':
        if (!waiting) return;
        this.send(this.request, true);
        this.#intervalE =
          this.state === 'Trying' ? Math.min(this.#intervalE * 2, this.timers.t2) : this.timers.t2;
        this.arm('E', now + this.#intervalE);
        return;
      case 'F':
        if (!waiting) return;
        this.#end();
        this.notify({ event: 'timeout' });
        return;
      case 'K':
        if (this.state === 'Completed') this.transition('Terminated');
        return;
      default:
        return;
    }
  }

  #end(): void {
    this.cancel('E', 'F');
    this.transition('Terminated');
  }
}
