import type { Clock } from '../transport/types.ts';

interface Entry {
  at: number;
  order: number;
  callback: () => void;
}

/** Lets everything that is ready run: promises, microtasks, and Node's own queue. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A clock that stands still until a test moves it. Timers run in order of time, and of their making where equal. */
export class VirtualClock implements Clock {
  #now: number;
  #order = 0;
  /** A binary heap. */
  readonly #heap: Entry[] = [];
  readonly #live = new Set<Entry>();

  constructor(startMs = 1_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  /** Number of armed timeouts: nothing may be left when a test is over. */
  get pending(): number {
    return this.#live.size;
  }

  setTimeout(callback: () => void, delayMs: number): Entry {
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#live.add(entry);
    this.#push(entry);
    return entry;
  }

  clearTimeout(handle: unknown): void {
    this.#live.delete(handle as Entry);
  }

  /** Moves time on by `ms`, running what comes due, with everything settled between two timeouts. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#next(); next && next.at <= until; next = this.#next()) {
      this.#run(next);
      await settle();
    }
    this.#now = until;
  }

  /** Moves time on until the condition holds; false if it does not within `limitMs`. */
  async until(condition: () => boolean, limitMs = 600_000): Promise<boolean> {
    const limit = this.#now + limitMs;
    await settle();
    for (let next = this.#next(); !condition(); next = this.#next()) {
      if (!next || next.at > limit) return false;
      this.#run(next);
      await settle();
    }
    return true;
  }

  #run(entry: Entry): void {
    this.#pop();
    this.#live.delete(entry);
    this.#now = entry.at;
    entry.callback();
  }

  #next(): Entry | undefined {
    while (this.#heap[0] && !this.#live.has(this.#heap[0])) this.#pop();
    return this.#heap[0];
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at]!, heap[parent]!)) return;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

const before = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order);
