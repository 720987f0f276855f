/** Wakes those who wait for a validation to move on. */
export class Changes {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next change of `key`, after `ms`, or when `signal` aborts; never rejects. Begins at once. */
  next(key: string, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        waiting.delete(done);
        if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(done, ms);
      if (signal.aborted) {
        clearTimeout(timer);
        resolve();
        return;
      }
      signal.addEventListener('abort', done);
      this.#waiting.set(key, waiting.add(done));
    });
  }

  announce(key: string): void {
    for (const wake of [...(this.#waiting.get(key) ?? [])]) wake();
  }

  /** How many wait. */
  get size(): number {
    let size = 0;
    for (const waiting of this.#waiting.values()) size += waiting.size;
    return size;
  }
}
