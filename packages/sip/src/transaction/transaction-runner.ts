import { type SipMessage, serializeMessage, type Via } from '../message/index.ts';
import type { StackCounters } from '../transport/counters.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Clock, TimerConfig } from '../transport/types.ts';
import type { Output, TimerName } from './machine.ts';
import type { RestingClient, RestingServer } from './resting.ts';
import type { Timer, TimerQueue } from './timer-queue.ts';

/** What the transactions of a stack share. */
export interface RunnerContext {
  clock: Clock;
  timers: TimerQueue;
  config: TimerConfig;
  counters: StackCounters;
  /** Undefined when there is no way back. */
  responseFlow(via: Via, flow: BaseFlow): BaseFlow | undefined;
  /** RFC 3263 section 5: where that one led nowhere. */
  responseFlowElsewhere(via: Via, flow: BaseFlow): Promise<BaseFlow | undefined>;
  finished(transaction: TransactionRunner<never>): void;
  /** What it sent before it rested did not get out: there is nothing to wait for. */
  undeliverable(transaction: TransactionRunner<never>): void;
  /** The user is done with it; `left` takes its place until its timer fires. */
  rested(
    transaction: TransactionRunner<never>,
    left: RestingServer | RestingClient,
    durationMs: number,
  ): void;
}

/** Every machine takes these besides its own inputs. */
export type RunnerInput<Input> = Input | { type: 'timer'; timer: TimerName } | { type: 'transportError' };

interface Machine<Input> {
  handle(input: RunnerInput<Input>, now: number): Output[];
}

/** Carries out what a transaction machine asks for. */
export abstract class TransactionRunner<Input> {
  protected readonly context: RunnerContext;
  readonly #machine: Machine<Input>;
  readonly #armed: Array<{ name: TimerName; timer: Timer }> = [];
  #last: { message: SipMessage; bytes: Uint8Array } | undefined;
  #finished = false;

  protected constructor(context: RunnerContext, machine: Machine<Input>) {
    this.context = context;
    this.#machine = machine;
  }

  get isFinished(): boolean {
    return this.#finished;
  }

  protected abstract transmit(bytes: Uint8Array): void;
  protected abstract notifyUser(
    event: 'response' | 'ack' | 'timeout' | 'transportError',
    message?: SipMessage,
  ): void;

  /** Keeps the bytes of a message, so that a retransmission is the same bytes and costs nothing. */
  protected encode(message: SipMessage): Uint8Array {
    if (this.#last?.message !== message) this.#last = { message, bytes: serializeMessage(message) };
    return this.#last.bytes;
  }

  /** The bytes that were sent last. */
  protected get lastBytes(): Uint8Array | undefined {
    return this.#last?.bytes;
  }

  protected forgetBytes(): void {
    this.#last = undefined;
  }

  /** Lets `left` wait for stragglers in its place: half a minute for each call. Does nothing if it is over. */
  protected restAs(left: RestingServer | RestingClient, durationMs: number): void {
    if (this.#finished) return;
    this.#over();
    this.context.rested(this as unknown as TransactionRunner<never>, left, durationMs);
  }

  /** Ends it at once and tells nobody. */
  abort(): void {
    if (!this.#finished) this.finished();
  }

  protected sendFailed(): void {
    this.context.counters.transportErrors++;
    if (this.#finished) this.context.undeliverable(this as unknown as TransactionRunner<never>);
    else this.input({ type: 'transportError' });
  }

  protected input(input: RunnerInput<Input>): void {
    if (this.#finished) return;
    const outputs = this.#machine.handle(input, this.context.clock.now());
    // The user is told last, when the transition is complete: it may call this transaction again.
    for (const output of outputs) if (output.type !== 'notify') this.#perform(output);
    for (const output of outputs) {
      if (output.type !== 'notify') continue;
      if (output.event === 'response') this.notifyUser('response', output.response);
      else if (output.event === 'ack') this.notifyUser('ack', output.request);
      else this.notifyUser(output.event);
    }
  }

  #perform(output: Exclude<Output, { type: 'notify' }>): void {
    switch (output.type) {
      case 'send':
        this.#send(output.message, output.retransmission);
        return;
      case 'arm':
        this.#arm(output.timer, output.at);
        return;
      case 'cancel':
        this.#cancel(output.timer);
        return;
      case 'finished':
        this.finished();
        return;
    }
  }

  #send(message: SipMessage, retransmission: boolean): void {
    const { counters } = this.context;
    counters.sent++;
    if (retransmission) counters.retransmissionsSent++;
    this.transmit(this.encode(message));
  }

  #arm(name: TimerName, at: number): void {
    this.#cancel(name);
    const timer = this.context.timers.set(at - this.context.clock.now(), () => {
      this.#forget(name);
      this.input({ type: 'timer', timer: name });
    });
    this.#armed.push({ name, timer });
  }

  #cancel(name: TimerName): void {
    for (const armed of this.#armed) if (armed.name === name) this.context.timers.clear(armed.timer);
    this.#forget(name);
  }

  #forget(name: TimerName): void {
    const at = this.#armed.findIndex((armed) => armed.name === name);
    if (at >= 0) this.#armed.splice(at, 1);
  }

  protected finished(): void {
    this.#over();
    this.context.finished(this as unknown as TransactionRunner<never>);
  }

  #over(): void {
    this.#finished = true;
    for (const { timer } of this.#armed) this.context.timers.clear(timer);
    this.#armed.length = 0;
  }
}
