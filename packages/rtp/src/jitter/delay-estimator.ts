const BUCKET_MS = 5;
/** Share of packets that should be in time. */
const QUANTILE = 0.97;
/** Each packet weighs this much more than the one before: the memory is about ten seconds of 20 ms packets. */
const GROWTH = 1.002;
/** The fastest way is the fastest of this long, twice; clocks drift, routes change. */
const WINDOW_MS = 5000;
/** A change of transit time by more than this is no jitter: the sender's clock or the route jumped. */
const JUMP_MS = 1000;
const INITIAL_TARGET_MS = 40;
/** So many packets in a row later than the longest delay allowed: the path has become longer. */
const LONGER_PATH_PACKETS = 10;

/**
 * Learns how much later than the fastest packets the others come, and from that how long to hold them back.
 * `at` and the results are in milliseconds, timestamps in ticks that do not wrap.
 */
export class DelayEstimator {
  readonly #ticksPerMs: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #histogram: Float64Array;
  #weight = 1;
  #total = 0;
  #lastTransit: number | undefined;
  #windowEndsAt = 0;
  #fastestNow = 0;
  #fastestBefore = 0;
  /** Packets in a row that came too late to be played, and the fastest of them. */
  #tooLate = { count: 0, fastest: 0 };
  /** How long after the fastest possible arrival packets are played. */
  targetMs: number;

  constructor(options: { clockRate: number; minDelayMs: number; maxDelayMs: number }) {
    this.#ticksPerMs = options.clockRate / 1000;
    this.#minMs = options.minDelayMs;
    this.#maxMs = options.maxDelayMs;
    this.#histogram = new Float64Array(Math.ceil(options.maxDelayMs / BUCKET_MS) + 1);
    this.targetMs = Math.max(this.#minMs, Math.min(this.#maxMs, INITIAL_TARGET_MS));
    // A guess that ten packets outweigh.
    this.#add(this.targetMs - 1, 10);
  }

  observe(timestamp: number, at: number): void {
    const transit = at - timestamp / this.#ticksPerMs;
    if (this.#lastTransit === undefined || Math.abs(transit - this.#lastTransit) > JUMP_MS) {
      this.#fastestNow = transit;
      this.#fastestBefore = transit;
      this.#windowEndsAt = at + WINDOW_MS;
    }
    this.#lastTransit = transit;
    if (at >= this.#windowEndsAt) {
      this.#fastestBefore = this.#fastestNow;
      this.#fastestNow = transit;
      this.#windowEndsAt = at + WINDOW_MS;
    }
    if (transit < this.#fastestNow) this.#fastestNow = transit;
    this.#followLongerPath(transit);
    this.#add(transit - this.#fastest(), 1);
    this.#updateTarget();
  }

  /** Without this, all that is sent would be too late until the window has forgotten the shorter path. */
  #followLongerPath(transit: number): void {
    const late = this.#tooLate;
    if (transit - this.#fastest() <= this.#maxMs) {
      late.count = 0;
      return;
    }
    late.fastest = late.count === 0 ? transit : Math.min(late.fastest, transit);
    if (++late.count < LONGER_PATH_PACKETS) return;
    late.count = 0;
    this.#fastestNow = late.fastest;
    this.#fastestBefore = late.fastest;
  }

  /** When a packet of this timestamp arrives at the earliest. */
  earliest(timestamp: number): number {
    return timestamp / this.#ticksPerMs + this.#fastest();
  }

  #fastest(): number {
    return Math.min(this.#fastestNow, this.#fastestBefore);
  }

  #add(delayMs: number, times: number): void {
    this.#weight *= GROWTH;
    const weight = times * this.#weight;
    const bucket = Math.min(this.#histogram.length - 1, Math.floor(delayMs / BUCKET_MS));
    this.#histogram[bucket]! += weight;
    this.#total += weight;
    if (this.#weight < 1e9) return;
    for (let i = 0; i < this.#histogram.length; i++) this.#histogram[i]! /= this.#weight;
    this.#total /= this.#weight;
    this.#weight = 1;
  }

  #updateTarget(): void {
    const needed = QUANTILE * this.#total;
    let sum = 0;
    let bucket = 0;
    while (bucket < this.#histogram.length - 1) {
      sum += this.#histogram[bucket]!;
      if (sum >= needed) break;
      bucket++;
    }
    this.targetMs = Math.max(this.#minMs, Math.min(this.#maxMs, (bucket + 1) * BUCKET_MS));
  }
}
