import type { Nonce } from './nonces.ts';
import { UsedNonces } from './used-nonces.ts';

/** What became of a count: `unknown` when the nonce is too old to tell. */
export type Taken = 'taken' | 'repeated' | 'unknown';

/** Nonces that were issued within a span of time, and are forgotten together. */
interface Generation {
  used: UsedNonces;
  /** When the newest of them was issued. */
  newest: number;
}

/**
 * Each (nonce, count) passes once (RFC 7616 3.4, `nc`). Counts may arrive out of order within a window of 32, because
 * UDP reorders. Memory is bounded: when full, the oldest nonces are forgotten and every unknown nonce issued up to then
 * is refused from that time on, so forgetting never opens a replay.
 */
export class ReplayGuard {
  readonly #maxNonces: number;
  readonly #spanMs: number;
  /** By time of issue, in spans. */
  readonly #generations = new Map<number, Generation>();
  #size = 0;
  /** Nonces issued at or before this time pass only when they are known. */
  #floor = Number.NEGATIVE_INFINITY;

  /** @param spanMs nonces issued within such a time are forgotten together */
  constructor(maxNonces: number, spanMs: number) {
    this.#maxNonces = maxNonces;
    this.#spanMs = spanMs;
  }

  /** Number of nonces remembered. */
  get size(): number {
    return this.#size;
  }

  /** Takes a count, or with `whole` the nonce for good (credentials without a count). */
  take(nonce: Nonce, count: number | 'whole'): Taken {
    const { issuedAt } = nonce;
    const span = Math.floor(issuedAt / this.#spanMs);
    const generation = this.#generations.get(span);
    const known = generation?.used.take(nonce, count);
    if (known !== undefined) return known ? 'taken' : 'repeated';
    if (issuedAt <= this.#floor) return 'unknown';
    this.#makeRoom();
    const { used, newest } = this.#generations.get(span) ?? { used: new UsedNonces(), newest: 0 };
    used.add(nonce, count);
    this.#generations.set(span, { used, newest: Math.max(newest, issuedAt) });
    this.#size++;
    return 'taken';
  }

  /** Forgets nonces issued before `time`, which the caller refuses anyway. */
  forgetBefore(time: number): void {
    for (const [span, { newest }] of this.#generations) if (newest < time) this.#forget(span);
    this.#floor = Math.max(this.#floor, time - 1);
  }

  #makeRoom(): void {
    while (this.#size >= this.#maxNonces) this.#forget(Math.min(...this.#generations.keys()));
  }

  #forget(span: number): void {
    const generation = this.#generations.get(span);
    if (generation === undefined) return;
    this.#generations.delete(span);
    this.#size -= generation.used.size;
    this.#floor = Math.max(this.#floor, generation.newest);
  }
}
