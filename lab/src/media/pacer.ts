import { frameMs } from './frame.ts';

/** After a stall (a suspended laptop) the frames missed are dropped rather than sent in one burst. */
const maxCatchUpFrames = 5;

/** Calls `tick` every 20 ms on average, without drift, while it runs. */
export class Pacer {
  readonly #tick: () => void;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(tick: () => void) {
    this.#tick = tick;
  }

  get running(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#next = performance.now() + frameMs;
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, this.#next - performance.now()));
  }

  #fire(): void {
    const now = performance.now();
    if (now - this.#next > maxCatchUpFrames * frameMs) this.#next = now;
    this.#arm();
    while (this.#next <= now && this.running) {
      this.#next += frameMs;
      this.#tick();
    }
    // The ticks above moved the due time on, so the timer armed before them would fire too early.
    if (this.running) {
      clearTimeout(this.#timer);
      this.#arm();
    }
  }
}
