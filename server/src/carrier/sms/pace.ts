export interface PaceOptions {
  /** Requests at once while all goes well. */
  window: number;
  /** Between two of them, at least; 0: no such limit. */
  intervalMs: number;
  /** The first pause when there is too much; doubled while that goes on. */
  firstPauseMs: number;
  maxPauseMs: number;
}

/**
 * How fast a carrier takes messages. When it says that it has too much (ESME_RTHROTTLED, ESME_RMSGQFUL) there is a
 * pause, and after it half as many go at once as before; each one that is taken makes room for a little more. Reads no
 * clock: `now` is in milliseconds.
 */
export class Pace {
  readonly #options: PaceOptions;
  #limit: number;
  #pauseMs: number;
  #pausedUntil = 0;
  #nextAt = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
    this.#limit = options.window;
    this.#pauseMs = options.firstPauseMs;
  }

  /** How many may be under way at once. */
  get window(): number {
    return Math.floor(this.#limit);
  }

  /** Milliseconds until anything may be sent; 0: now. */
  pause(now: number): number {
    return Math.max(this.#pausedUntil - now, 0);
  }

  /** Takes the next place in the line. @returns milliseconds until it has come */
  take(now: number): number {
    const at = Math.max(now, this.#nextAt, this.#pausedUntil);
    this.#nextAt = at + this.#options.intervalMs;
    return at - now;
  }

  /** It was too much. @returns milliseconds of the pause; those under way together count as one */
  throttled(now: number): number {
    if (now >= this.#pausedUntil) {
      this.#pausedUntil = now + this.#pauseMs;
      this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.maxPauseMs);
      this.#limit = Math.max(this.#limit / 2, 1);
    }
    return this.pause(now);
  }

  /** One was taken. */
  taken(now: number): void {
    // What was under way before the pause says nothing about the time after it.
    if (now < this.#pausedUntil) return;
    this.#pauseMs = this.#options.firstPauseMs;
    this.#limit = Math.min(this.#limit + 1 / this.#limit, this.#options.window);
  }
}
