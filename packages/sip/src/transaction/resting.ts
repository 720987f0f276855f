import type { SipRequest, SipResponse } from '../message/index.ts';
import { TransientMap } from '../transient.ts';
import type { StackCounters } from '../transport/counters.ts';
import type { BaseFlow } from '../transport/flow.ts';
import type { Clock } from '../transport/types.ts';
import type { Timer, TimerQueue } from './timer-queue.ts';

/**
 * A message that was sent and may have to be sent again. As text, a byte for a character: small buffers are cut from
 * shared blocks of 8 KiB, and one that is kept for half a minute would keep its whole block.
 */
export class SentMessage {
  readonly #text: string;
  readonly #flow: BaseFlow;

  constructor(bytes: Uint8Array, flow: BaseFlow) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    this.#flow = flow;
  }

  /** The flow that it went by. */
  get flow(): BaseFlow {
    return this.#flow;
  }

  again(counters: StackCounters): void {
    counters.sent++;
    counters.retransmissionsSent++;
    this.#flow.send(Buffer.from(this.#text, 'latin1'), () => counters.transportErrors++);
  }
}

/** What is left of a server transaction when its user is done with it: it absorbs what comes again (timers J and L). */
export class RestingServer {
  readonly answered = true;
  /** Of our response, for the answer to a late CANCEL. */
  readonly toTag: string | undefined;
  readonly #answer: SentMessage | undefined;
  readonly #counters: StackCounters;

  /** @param answer for a request that comes again; undefined where only the user repeats it, and does no more */
  constructor(toTag: string | undefined, answer: SentMessage | undefined, counters: StackCounters) {
    this.toTag = toTag;
    this.#answer = answer;
    this.#counters = counters;
  }

  receive(request: SipRequest): void {
    if (request.method !== 'ACK') this.#answer?.again(this.#counters);
  }
}

/** What is left of a client transaction when its user is done with it (timers D, K and M). */
export interface RestingClient {
  /** Our sent-by in the Via of its request. */
  readonly host: string;
  receive(response: SipResponse): void;
}

interface Rest<T> {
  readonly key: string;
  readonly what: T;
  readonly until: number;
  next: Rest<T> | undefined;
}

/** Those of one duration, in the order of their ends. */
interface RestingList<T> {
  first: Rest<T>;
  last: Rest<T>;
  wake: Timer;
}

/**
 * Finished transactions until their timers fire: most of what a busy stack holds, so each is a few small objects, and all of
 * one duration share one timer.
 */
export class RestingPlace<T> {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #byKey = new TransientMap<Rest<T>>();
  readonly #lists = new Map<number, RestingList<T>>();

  constructor(clock: Clock, timers: TimerQueue) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key)?.what;
  }

  add(key: string, what: T, durationMs: number): void {
    const rest: Rest<T> = { key, what, until: this.#clock.now() + durationMs, next: undefined };
    this.#byKey.set(key, rest);
    const list = this.#lists.get(durationMs);
    if (list) {
      list.last.next = rest;
      list.last = rest;
    } else {
      this.#lists.set(durationMs, { first: rest, last: rest, wake: this.#wakeIn(durationMs, durationMs) });
    }
  }

  delete(key: string): void {
    this.#byKey.delete(key);
    if (this.#byKey.size === 0) this.clear();
  }

  clear(): void {
    for (const { wake } of this.#lists.values()) this.#timers.clear(wake);
    this.#lists.clear();
    this.#byKey.clear();
  }

  #wakeIn(durationMs: number, delayMs: number): Timer {
    return this.#timers.set(delayMs, () => this.#sweep(durationMs));
  }

  #sweep(durationMs: number): void {
    const list = this.#lists.get(durationMs);
    if (!list) return;
    const now = this.#clock.now();
    for (let rest: Rest<T> | undefined = list.first; rest; ) {
      if (rest.until > now) {
        list.first = rest;
        list.wake = this.#wakeIn(durationMs, Math.max(rest.until - now, togetherMs));
        return;
      }
      // Not if it was deleted, or its key has begun again.
      if (this.#byKey.get(rest.key) === rest) this.#byKey.delete(rest.key);
      const { next }: Rest<T> = rest;
      rest.next = undefined;
      rest = next;
    }
    this.#lists.delete(durationMs);
  }
}

/** Under load one ends every millisecond: those that end within this time end together, rather late than early. */
const togetherMs = 50;
