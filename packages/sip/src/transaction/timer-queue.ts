import type { Clock } from '../transport/types.ts';

/** One armed timer. Opaque to its owner. */
export interface Timer {
  list: TimerList | undefined;
  previous: Timer | undefined;
  next: Timer | undefined;
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

interface TimerList {
  readonly durationMs: number;
  first: Timer | undefined;
  last: Timer | undefined;
}

/**
 * All timers of a stack over one timeout of the clock. SIP uses few different durations (T1, 64*T1, …) for very many
 * timers, nearly all of which are cancelled: one list per duration keeps both operations O(1), as each list is in
 * order of time by itself.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #lists = new Map<number, TimerList>();
  #size = 0;
  #order = 0;
  #wake: { at: number; handle: unknown } | undefined;
  #closed = false;
  readonly #failed: (error: unknown) => void;

  /** `failed` hears of exceptions from callbacks; one timer's fault must not stop the others. */
  constructor(clock: Clock, failed: (error: unknown) => void) {
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Number of armed timers. */
  get size(): number {
    return this.#size;
  }

  /** Calls `callback` once, `durationMs` from now, unless it is cleared. A closed queue arms nothing. */
  set(durationMs: number, callback: () => void): Timer {
    const duration = Math.max(0, Math.ceil(durationMs));
    const at = this.#clock.now() + duration;
    const timer: Timer = {
      list: undefined,
      previous: undefined,
      next: undefined,
      at,
      order: this.#order++,
      callback,
    };
    if (this.#closed) return timer;
    let list = this.#lists.get(duration);
    if (!list) {
      list = { durationMs: duration, first: undefined, last: undefined };
      this.#lists.set(duration, list);
    }
    timer.list = list;
    timer.previous = list.last;
    if (list.last) list.last.next = timer;
    else list.first = timer;
    list.last = timer;
    this.#size++;
    if (!this.#wake || at < this.#wake.at) this.#schedule(at);
    return timer;
  }

  /** Forgets a timer; does nothing if it fired or was cleared. */
  clear(timer: Timer): void {
    const list = timer.list;
    if (!list) return;
    if (timer.previous) timer.previous.next = timer.next;
    else list.first = timer.next;
    if (timer.next) timer.next.previous = timer.previous;
    else list.last = timer.previous;
    timer.list = timer.previous = timer.next = undefined;
    this.#size--;
    if (!list.first) this.#lists.delete(list.durationMs);
    // A timeout left over wakes up for nothing once; under load that is cheaper than re-arming it each time.
    if (this.#size === 0) this.#unschedule();
  }

  /** Drops every timer, and takes no more. */
  close(): void {
    this.#closed = true;
    for (const list of this.#lists.values()) {
      for (let timer = list.first; timer; ) {
        const next: Timer | undefined = timer.next;
        timer.list = timer.previous = timer.next = undefined;
        timer = next;
      }
    }
    this.#lists.clear();
    this.#size = 0;
    this.#unschedule();
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const { first } of this.#lists.values()) {
      if (!first) continue;
      if (!earliest || first.at < earliest.at || (first.at === earliest.at && first.order < earliest.order))
        earliest = first;
    }
    return earliest;
  }

  #fire(): void {
    this.#wake = undefined;
    const now = this.#clock.now();
    for (let due = this.#earliest(); due && due.at <= now; due = this.#earliest()) {
      this.clear(due);
      try {
        due.callback();
      } catch (error) {
        this.#failed(error);
      }
    }
    const next = this.#earliest();
    if (next && !this.#closed) this.#schedule(next.at);
  }

  #schedule(at: number): void {
    this.#unschedule();
    const delay = Math.max(0, Math.ceil(at - this.#clock.now()));
    this.#wake = { at, handle: this.#clock.setTimeout(() => this.#fire(), delay) };
  }

  #unschedule(): void {
    if (!this.#wake) return;
    this.#clock.clearTimeout(this.#wake.handle);
    this.#wake = undefined;
  }
}
