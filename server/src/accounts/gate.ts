import { Problem } from '../problem.ts';

/** Lets a few through at once and makes the others wait; when too many wait, they are sent away. */
export class Gate {
  readonly #places: number;
  readonly #maxWaiting: number;
  readonly #waiting: Array<() => void> = [];
  #inside = 0;

  constructor(options: { places: number; maxWaiting: number }) {
    this.#places = options.places;
    this.#maxWaiting = options.maxWaiting;
  }

  /** @throws Problem `too-many-requests`, and whatever `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#places) await this.#turn();
    else this.#inside += 1;
    try {
      return await work();
    } finally {
      // The place goes to the next one as it is: nobody can slip in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside -= 1;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new Problem('too-many-requests', 'Try again in a few seconds.', { extra: { retryAfter: 5 } });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
