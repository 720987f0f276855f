/**
 * Replay list of RFC 3711 section 3.3.2 as a ring of bits (the layout of RFC 6479), so that moving the window
 * costs nothing however far it jumps.
 */
export class ReplayWindow {
  readonly #bits: Uint32Array;
  readonly #size: number;
  #highest = -1;

  /** @param size how far behind the highest index a packet may be; a multiple of 32, at least 64. */
  constructor(size = 256) {
    if (size < 64 || size % 32 !== 0) throw new RangeError('replay window: a multiple of 32, at least 64');
    this.#size = size;
    this.#bits = new Uint32Array(size / 32 + 1);
  }

  /** Whether `index` is new and not too old. Changes nothing: accept only after authentication. */
  isNew(index: number): boolean {
    if (index > this.#highest) return true;
    if (this.#highest - index >= this.#size) return false;
    return (this.#bits[this.#word(index)]! & (1 << (index % 32))) === 0;
  }

  accept(index: number): void {
    if (index > this.#highest) {
      const current = Math.floor(this.#highest / 32);
      const steps = Math.min(Math.floor(index / 32) - current, this.#bits.length);
      for (let step = 1; step <= steps; step++) this.#bits[(current + step) % this.#bits.length] = 0;
      if (steps === this.#bits.length) this.#bits.fill(0);
      this.#highest = index;
    }
    this.#bits[this.#word(index)]! |= 1 << (index % 32);
  }

  #word(index: number): number {
    return Math.floor(index / 32) % this.#bits.length;
  }
}
