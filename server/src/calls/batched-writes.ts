import type { Clock } from '@ringthrough/sip';
import type { Store } from '../store/index.ts';

type Write = (store: Store) => Promise<unknown>;

interface Waiting {
  write: Write;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * How long a write may wait for others. A durable commit costs milliseconds in which the process hears nothing, and
 * is the same for one row and for a hundred.
 */
const gatherMs = 50;
const maxBatch = 500;

/** Writes of many calls in one transaction. A write resolves when it is durable; their order is kept. */
export class BatchedWrites {
  readonly #store: Store;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #armed = false;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws what the write itself throws; other writes of the batch are not harmed by it */
  add(write: Write): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject });
      this.#arm();
    });
  }

  #arm(): void {
    if (this.#armed || this.#waiting.length === 0) return;
    this.#armed = true;
    this.#clock.setTimeout(() => void this.#flush(), gatherMs);
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting.splice(0, maxBatch);
    try {
      await this.#commit(batch.map(({ write }) => write));
      for (const { resolve } of batch) resolve();
    } catch {
      // One of them cannot be written: each for itself, so that only that one fails.
      for (const { write, resolve, reject } of batch) await this.#commit([write]).then(resolve, reject);
    } finally {
      this.#armed = false;
      this.#arm();
    }
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    await this.#store.transaction().execute(async (transaction) => {
      for (const write of writes) await write(transaction);
    });
  }
}
