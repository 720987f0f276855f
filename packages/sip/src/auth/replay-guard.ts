/** Counts of one nonce that were used: `highest`, and a bit for each of the 32 at and below it. */
interface Used {
  issuedAt: number;
  highest: number;
  window: number;
}

const windowSize = 32;

/**
 * Each (nonce, count) passes once (RFC 7616 3.4, `nc`). Counts may arrive out of order within a window of 32, because
 * UDP reorders. Memory is bounded: when full, the oldest nonce is forgotten and every unknown nonce issued up to then
 * is refused from that time on, so forgetting never opens a replay.
 */
export class ReplayGuard {
  readonly #maxNonces: number;
  /** In the order of first use. */
  readonly #used = new Map<string, Used>();
  /** Nonces issued at or before this time pass only when they are in `#used`. */
  #floor = Number.NEGATIVE_INFINITY;

  constructor(maxNonces: number) {
    this.#maxNonces = maxNonces;
  }

  /** Number of nonces remembered. */
  get size(): number {
    return this.#used.size;
  }

  /** Takes a count, or with `whole` the nonce for good (credentials without a count). False: seen before, or too old to know. */
  take(nonce: string, issuedAt: number, count: number | 'whole'): boolean {
    const used = this.#used.get(nonce);
    if (used === undefined) {
      if (issuedAt <= this.#floor) return false;
      this.#makeRoom();
      const highest = count === 'whole' ? Number.POSITIVE_INFINITY : count;
      this.#used.set(nonce, { issuedAt, highest, window: 1 });
      return true;
    }
    return count === 'whole' ? false : takeCount(used, count);
  }

  /** Forgets nonces issued before `time`, which the caller refuses anyway. */
  forgetBefore(time: number): void {
    for (const [nonce, used] of this.#used) if (used.issuedAt < time) this.#used.delete(nonce);
    this.#floor = Math.max(this.#floor, time - 1);
  }

  #makeRoom(): void {
    while (this.#used.size >= this.#maxNonces) {
      const [nonce, used] = this.#used.entries().next().value!;
      this.#used.delete(nonce);
      this.#floor = Math.max(this.#floor, used.issuedAt);
    }
  }
}

function takeCount(used: Used, count: number): boolean {
  if (count > used.highest) {
    const shift = count - used.highest;
    used.window = shift >= windowSize ? 1 : ((used.window << shift) | 1) >>> 0;
    used.highest = count;
    return true;
  }
  const age = used.highest - count;
  if (age >= windowSize) return false;
  const bit = 1 << age;
  if ((used.window & bit) !== 0) return false;
  used.window = (used.window | bit) >>> 0;
  return true;
}
