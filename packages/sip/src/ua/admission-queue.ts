/** When new calls have waited too long. Times in milliseconds. */
export interface AdmissionLimits {
  /** What a call may wait while the queue does not get empty any more. */
  targetDelayMs: number;
  /** What a call may wait in a burst; a queue that stands for longer than this is no burst. */
  maxDelayMs: number;
  /** Calls that may wait; further ones are refused at once. */
  maxWaiting: number;
}

interface Waiting<T> {
  item: T;
  since: number;
}

/**
 * Decides which new calls are taken under load. Whoever feeds it takes a call out whenever there is time left beside
 * the calls in progress, so the time that calls wait here tells how much there is to do. A queue that gets empty now
 * and then is a burst, and its calls wait for their turn; a standing queue means more calls than can be carried, and
 * then what has waited longer than the target is refused (after Nichols and Jacobson, "Controlling Queue Delay",
 * with the shorter time of Maurer's adaptive variant). It needs no estimate of what the machine can do.
 *
 * Pure: it reads no clock, `now` must not go back.
 */
export class AdmissionQueue<T> {
  readonly #limits: AdmissionLimits;
  #queue: Waiting<T>[] = [];
  #head = 0;
  /** Since when it has not been empty. */
  #busySince = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** False: there is no room, refuse it. */
  push(item: T, now: number): boolean {
    if (this.waiting >= this.#limits.maxWaiting) return false;
    if (this.waiting === 0) this.#busySince = now;
    this.#queue.push({ item, since: now });
    return true;
  }

  /** The one that has waited longest, and whether it is taken; undefined when nobody waits. */
  next(now: number): { item: T; admitted: boolean } | undefined {
    const first = this.#queue[this.#head];
    if (!first) return undefined;
    this.#head++;
    if (this.#head > 1000 || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    const { targetDelayMs, maxDelayMs } = this.#limits;
    const standing = now - this.#busySince > maxDelayMs;
    return { item: first.item, admitted: now - first.since <= (standing ? targetDelayMs : maxDelayMs) };
  }
}
