import type { SipMessage, SipRequest, SipResponse } from '../message/index.ts';
import type { TimerConfig } from '../transport/types.ts';

/** The timers of RFC 3261 table 4 and RFC 6026 section 7.1. */
export type TimerName = 'A' | 'B' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M';

/** What a transaction tells the transaction user. */
export type Notification =
  | { event: 'response'; response: SipResponse }
  | { event: 'ack'; request: SipRequest }
  | { event: 'timeout' }
  | { event: 'transportError' };

/** What the driver has to do, in this order. `at` is in the time of the `now` that was given. */
export type Output =
  | { type: 'send'; message: SipMessage; retransmission: boolean }
  | { type: 'arm'; timer: TimerName; at: number }
  | { type: 'cancel'; timer: TimerName }
  | ({ type: 'notify' } & Notification)
  | { type: 'finished' };

export interface MachineOptions {
  request: SipRequest;
  /** TCP, TLS, SCTP, WebSocket: nothing is retransmitted, and the waiting timers are zero. */
  reliable: boolean;
  timers: Pick<TimerConfig, 't1' | 't2' | 't4' | 'timerD'>;
}

/**
 * What the four transaction machines share. A machine does no I/O and reads no clock: each input returns the outputs
 * that the driver carries out. Input after the end returns nothing.
 */
export abstract class TransactionMachine<State extends string, Input> {
  readonly request: SipRequest;
  protected readonly reliable: boolean;
  protected readonly timers: MachineOptions['timers'];
  #state: State;
  readonly #moves: Readonly<Record<State, readonly State[]>>;
  #outputs: Output[] = [];

  protected constructor(options: MachineOptions, initial: State, moves: Record<State, readonly State[]>) {
    this.request = options.request;
    this.reliable = options.reliable;
    this.timers = options.timers;
    this.#state = initial;
    this.#moves = moves;
  }

  get state(): State {
    return this.#state;
  }

  /** Takes one input at time `now` (ms) and returns what is to be done. */
  handle(input: Input, now: number): Output[] {
    if (this.#state !== 'Terminated') this.step(input, now);
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  protected abstract step(input: Input, now: number): void;

  /** Every change of state goes through here; a move that the RFC's figure does not draw is a bug of ours. */
  protected transition(to: State): void {
    if (!this.#moves[this.#state].includes(to)) throw new Error(`illegal move ${this.#state} → ${to}`);
    this.#state = to;
    if (to === 'Terminated') this.#outputs.push({ type: 'finished' });
  }

  protected send(message: SipMessage, retransmission = false): void {
    this.#outputs.push({ type: 'send', message, retransmission });
  }

  protected arm(timer: TimerName, at: number): void {
    this.#outputs.push({ type: 'arm', timer, at });
  }

  protected cancel(...names: TimerName[]): void {
    for (const timer of names) this.#outputs.push({ type: 'cancel', timer });
  }

  protected notify(notification: Notification): void {
    this.#outputs.push({ type: 'notify', ...notification });
  }
}
