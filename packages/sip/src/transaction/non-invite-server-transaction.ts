import type { SipResponse } from '../message/index.ts';
import type { ServerInput } from './invite-server-transaction.ts';
import type { MachineOptions } from './machine.ts';
import { TransactionMachine } from './machine.ts';

export type NonInviteServerState = 'Trying' | 'Proceeding' | 'Completed' | 'Terminated';

const moves: Record<NonInviteServerState, readonly NonInviteServerState[]> = {
  Trying: ['Proceeding', 'Completed', 'Terminated'],
  Proceeding: ['Completed', 'Terminated'],
  Completed: ['Terminated'],
  Terminated: [],
};

/** RFC 3261 section 17.2.2 (figure 8). */
export class NonInviteServerTransaction extends TransactionMachine<NonInviteServerState, ServerInput> {
  #last: SipResponse | undefined;

  constructor(options: MachineOptions) {
    super(options, 'Trying', moves);
  }

  protected step(input: ServerInput, now: number): void {
    switch (input.type) {
      case 'request':
        if (this.#last) this.send(this.#last, true);
        return;
      case 'respond':
        this.#respond(input.response, now);
        return;
      case 'timer':
        if (input.timer === 'J' && this.state === 'Completed') this.transition('Terminated');
        return;
      case 'transportError':
        if (this.state === 'Trying') return;
        if (this.state === 'Completed') this.cancel('J');
        this.transition('Terminated');
        this.notify({ event: 'transportError' });
        return;
      case 'abandon':
        if (this.state !== 'Completed') this.transition('Terminated');
        return;
    }
  }

  #respond(response: SipResponse, now: number): void {
    if (this.state === 'Completed') return;
    this.#last = response;
    this.send(response);
    if (response.status < 200) {
      if (this.state === 'Trying') this.transition('Proceeding');
      return;
    }
    this.transition('Completed');
    if (this.reliable) this.transition('Terminated');
    else this.arm('J', now + 64 * this.timers.t1);
  }
}
