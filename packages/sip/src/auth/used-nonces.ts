import type { Nonce } from './nonces.ts';

/** Counts that may arrive late: the highest, and 31 below it. */
const windowSize = 32;
const maxCount = 0xffffffff;
/** 32-bit words of an entry: the two halves of the nonce's random bits, the highest count, a bit for each of the window. */
const [highAt, lowAt, highestAt, windowAt, words] = [0, 1, 2, 3, 4];
const firstCapacity = 64;

/**
 * Which counts of which nonces were used: a table of numbers, 16 bytes for each of its places and no object, because
 * every registered device has a nonce. It can only grow.
 */
export class UsedNonces {
  #capacity = firstCapacity;
  #table = new Uint32Array(firstCapacity * words);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Uses a count of a nonce up; false when it was, or is too low to tell. Undefined for a nonce that is not here. */
  take(nonce: Nonce, count: number | 'whole'): boolean | undefined {
    const at = this.#find(nonce.high, nonce.low);
    if (this.#table[at + windowAt] === 0) return undefined;
    return count === 'whole' ? false : this.#takeCount(at, count);
  }

  /** A nonce that is not here yet. */
  add({ high, low }: Nonce, count: number | 'whole'): void {
    if (this.#size * 2 >= this.#capacity) this.#grow();
    const whole = count === 'whole';
    this.#put(high, low, whole ? maxCount : count, whole ? maxCount : 1);
    this.#size++;
  }

  /** Where the nonce is, or would be. An entry in use has a window that is not 0. */
  #find(high: number, low: number): number {
    const table = this.#table;
    const mask = this.#capacity - 1;
    for (let place = low & mask; ; place = (place + 1) & mask) {
      const at = place * words;
      if (table[at + windowAt] === 0) return at;
      if (table[at + highAt] === high && table[at + lowAt] === low) return at;
    }
  }

  #put(high: number, low: number, highest: number, window: number): void {
    const at = this.#find(high, low);
    this.#table[at + highAt] = high;
    this.#table[at + lowAt] = low;
    this.#table[at + highestAt] = highest;
    this.#table[at + windowAt] = window;
  }

  #grow(): void {
    const old = this.#table;
    this.#capacity *= 2;
    this.#table = new Uint32Array(this.#capacity * words);
    for (let at = 0; at < old.length; at += words) {
      const window = old[at + windowAt] ?? 0;
      if (window !== 0)
        this.#put(old[at + highAt] ?? 0, old[at + lowAt] ?? 0, old[at + highestAt] ?? 0, window);
    }
  }

  #takeCount(at: number, count: number): boolean {
    const highest = this.#table[at + highestAt] ?? 0;
    const window = this.#table[at + windowAt] ?? 0;
    if (count > highest) {
      const shift = count - highest;
      this.#table[at + windowAt] = shift >= windowSize ? 1 : (window << shift) | 1;
      this.#table[at + highestAt] = count;
      return true;
    }
    const age = highest - count;
    if (age >= windowSize) return false;
    const bit = (1 << age) >>> 0;
    if ((window & bit) !== 0) return false;
    this.#table[at + windowAt] = window | bit;
    return true;
  }
}
