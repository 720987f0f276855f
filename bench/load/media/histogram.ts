const STEP_MS = 0.05;
const STEPS = 40_000;

/** Times up to 2 s, in steps of 0.05 ms, without keeping each. */
export class Histogram {
  readonly #counts = new Uint32Array(STEPS);
  #total = 0;

  add(ms: number): void {
    const step = Math.max(0, Math.min(STEPS - 1, Math.floor(ms / STEP_MS)));
    this.#counts[step]! += 1;
    this.#total++;
  }

  /** The time below which a share (0–1) of all lies; NaN when there is none. */
  percentile(share: number): number {
    const wanted = share * this.#total;
    let seen = 0;
    for (let step = 0; step < STEPS; step++) {
      seen += this.#counts[step]!;
      if (seen > 0 && seen >= wanted) return (step + 1) * STEP_MS;
    }
    return Number.NaN;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }
}
