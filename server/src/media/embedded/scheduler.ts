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
/**
 * After so much work the sockets have their turn. A frame of a hundred transcoders takes most of 20 ms, and Node reads
 * 32 datagrams at most of a socket per turn: of the one WebRTC port that would be a third of what comes.
 */
const SLICE_MS = 2;

/** One 20 ms beat for everything that makes frames. It keeps to the clock however late a single timer is. */
export class Scheduler {
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #tickers = new Set<Ticker>();
  #timer: NodeJS.Timeout | undefined;
  #yielded: NodeJS.Immediate | undefined;
  #nextAt = 0;
  /** The frame being worked on: who is left, and its time. */
  #left: Iterator<Ticker> | undefined;
  #frameAt = 0;
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
    clearImmediate(this.#yielded);
    this.#timer = undefined;
    this.#left = undefined;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), Math.max(0, this.#nextAt - this.#now()));
  }

  #run(): void {
    const until = this.#now() + SLICE_MS;
    while (this.#tickers.size > 0) {
      const left = this.#dueFrame();
      if (!left) break;
      for (let next = left.next(); !next.done; next = left.next()) {
        this.#tick(next.value, this.#frameAt);
        if (this.#now() < until || this.#tickers.size === 0) continue;
        this.#yielded = setImmediate(() => this.#run());
        return;
      }
      this.#left = undefined;
    }
    if (this.#tickers.size > 0) this.#arm();
  }

  /** Who is still to be called for the frame whose time has come; undefined: its time has not come. */
  #dueFrame(): Iterator<Ticker> | undefined {
    if (this.#left) return this.#left;
    const behind = Math.floor((this.#now() - this.#nextAt) / FRAME_MS);
    if (behind < 0) return undefined;
    if (behind > MAX_CATCH_UP_FRAMES) {
      this.skipped += behind;
      this.#nextAt += behind * FRAME_MS;
    }
    this.#frameAt = this.#nextAt;
    this.#nextAt += FRAME_MS;
    this.#left = this.#tickers.values();
    return this.#left;
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
