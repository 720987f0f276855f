import type { Clock } from '@ringthrough/sip';

export interface LivenessWatchOptions<T> {
  clock: Clock;
  /** From news of somebody to the next question. */
  periodMs: number;
  /** How long an answer may take before somebody counts as silent. */
  patienceMs: number;
  /** Asks once; true when an answer came, however late, false when none will come any more. */
  ask: (somebody: T) => Promise<boolean>;
  /** Called when the patience is over. */
  silent: (somebody: T) => void;
  /** Called for every answer. */
  answered: (somebody: T) => void;
}

interface Watched {
  due: number;
  patience: unknown;
}

/**
 * Asks everybody it watches, again and again, whether they live. One timer for all who wait: the period is the same
 * for everybody, so the order in which they come due is the order in which they were put off. Nobody is asked again
 * while a question is open, which keeps what the dead cost low.
 */
export class LivenessWatch<T extends object> {
  readonly #options: LivenessWatchOptions<T>;
  readonly #watched = new Map<T, Watched>();
  /** Those with no open question, the next one due first. */
  readonly #waiting = new Map<T, Watched>();
  #timer: unknown;
  #armedFor: number | undefined;

  constructor(options: LivenessWatchOptions<T>) {
    this.#options = options;
  }

  /** Begins to watch. @param firstMs until the first question; not less than for anybody who waits already */
  watch(somebody: T, firstMs = this.#options.periodMs): void {
    this.forget(somebody);
    const watched = { due: this.#options.clock.now() + firstMs, patience: undefined };
    this.#watched.set(somebody, watched);
    this.#waiting.set(somebody, watched);
    this.#arm();
  }

  /** What is still to come from a question that is open does not count any more. */
  forget(somebody: T): void {
    const watched = this.#watched.get(somebody);
    if (watched === undefined) return;
    this.#options.clock.clearTimeout(watched.patience);
    this.#watched.delete(somebody);
    this.#waiting.delete(somebody);
    if (this.#waiting.size === 0) this.#disarm();
  }

  close(): void {
    for (const somebody of [...this.#watched.keys()]) this.forget(somebody);
  }

  #arm(): void {
    const [next] = this.#waiting.values();
    if (next === undefined || this.#armedFor !== undefined) return;
    const { clock } = this.#options;
    this.#armedFor = next.due;
    this.#timer = clock.setTimeout(() => this.#tick(), Math.max(0, next.due - clock.now()));
  }

  #disarm(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#armedFor = undefined;
  }

  #tick(): void {
    this.#armedFor = undefined;
    const now = this.#options.clock.now();
    for (const [somebody, watched] of this.#waiting) {
      if (watched.due > now) break;
      this.#waiting.delete(somebody);
      this.#ask(somebody, watched);
    }
    this.#arm();
  }

  #ask(somebody: T, watched: Watched): void {
    const { clock, patienceMs, periodMs, ask, silent, answered } = this.#options;
    watched.patience ??= clock.setTimeout(() => {
      watched.patience = undefined;
      silent(somebody);
    }, patienceMs);
    const settled = (alive: boolean) => {
      if (this.#watched.get(somebody) !== watched) return;
      // Without an answer the patience runs on: a question that failed at once is no longer silence than another.
      if (alive) {
        clock.clearTimeout(watched.patience);
        watched.patience = undefined;
      }
      watched.due = clock.now() + periodMs;
      this.#waiting.set(somebody, watched);
      this.#arm();
      if (alive) answered(somebody);
    };
    ask(somebody).then(settled, () => settled(false));
  }
}

/** Whether the promise comes to be true within the time. */
export function trueWithin(clock: Clock, timeMs: number, promise: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(false), timeMs);
    const settled = (value: boolean) => {
      clock.clearTimeout(timer);
      resolve(value);
    };
    promise.then(settled, () => settled(false));
  });
}
