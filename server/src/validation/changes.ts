/** One wait for a change. */
export interface Change {
  /** Resolves at the change, after the time given, or when nobody waits any more; never rejects. */
  within(ms: number): Promise<void>;
  cancel(): void;
}

/** Wakes those who wait for a validation to move on. */
export class Changes {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Listens from now on, for `ms` at most, or until `signal` aborts. To be cancelled. */
  next(key: string, ms: number, signal: AbortSignal): Change {
    const waiting = this.#waiting.get(key) ?? new Set();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timers: NodeJS.Timeout[] = [];
    const wait = (time: number): void => void timers.push(setTimeout(done, time));
    const done = (): void => {
      for (const timer of timers) clearTimeout(timer);
      signal.removeEventListener('abort', done);
      waiting.delete(done);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
      resolve();
    };
    this.#waiting.set(key, waiting.add(done));
    signal.addEventListener('abort', done);
    wait(ms);
    const within = (time: number): Promise<void> => {
      wait(time);
      return promise;
    };
    return { within, cancel: done };
  }

  announce(key: string): void {
    for (const wake of [...(this.#waiting.get(key) ?? [])]) wake();
  }
}
