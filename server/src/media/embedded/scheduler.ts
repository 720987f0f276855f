/** Something that has to be done once per frame. */
export interface Ticker {
  /** `now` is Unix time in milliseconds. */
  tick(now: number): void;
  /** `tick` has thrown: a broken invariant. It is not called again. */
  failed(): void;
}

export const FRAME_MS = 20;
/** After a longer stall the missed frames are skipped: playing them all at once helps nobody. */
const MAX_CATCH_UP_FRAMES = 5;

/** One 20 ms beat for everything that makes frames. It keeps to the clock however late a single timer is. */
export class Scheduler {
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #tickers = new Set<Ticker>();
  #timer: NodeJS.Timeout | undefined;
  #nextAt = 0;
  /** Frames skipped after stalls: a machine that is too slow. */
  skipped = 0;

  constructor(now: () => number, onError: (error: unknown) => void) {
    this.#now = now;
    this.#onError = onError;
  }

  get size(): number {
    return this.#tickers.size;
  }

  add(ticker: Ticker): void {
    this.#tickers.add(ticker);
    if (this.#timer) return;
    this.#nextAt = this.#now() + FRAME_MS;
    this.#arm();
  }

  remove(ticker: Ticker): void {
    this.#tickers.delete(ticker);
    if (this.#tickers.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#nextAt - this.#now()));
  }

  #run(): void {
    const now = this.#now();
    const behind = Math.floor((now - this.#nextAt) / FRAME_MS);
    if (behind > MAX_CATCH_UP_FRAMES) {
      this.skipped += behind;
      this.#nextAt += behind * FRAME_MS;
    }
    while (this.#nextAt <= now && this.#tickers.size > 0) {
      const at = this.#nextAt;
      this.#nextAt += FRAME_MS;
      for (const ticker of this.#tickers) this.#tick(ticker, at);
    }
    if (this.#tickers.size > 0) this.#arm();
  }

  /** What breaks in one leg stays in it. */
  #tick(ticker: Ticker, at: number): void {
    try {
      ticker.tick(at);
    } catch (error) {
      this.remove(ticker);
      this.#onError(error);
      ticker.failed();
    }
  }
}
