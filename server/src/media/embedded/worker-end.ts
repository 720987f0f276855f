import type { Worker } from 'node:worker_threads';

/** How long a worker has to close what it has open, and to end. */
const defaultGraceMs = 3000;

/**
 * The end of a worker thread. It comes by itself once the thread has nothing open any more; only one that goes on is
 * terminated, since Node breaks a thread off wherever it is, in the middle of closing a socket too.
 */
export class WorkerEnd {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #terminating: () => void;

  /** @param terminating called when it has to be broken off */
  constructor(worker: Worker, terminating: () => void) {
    this.#worker = worker;
    this.#terminating = terminating;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()));
  }

  /** Resolves when the thread is gone: it has been told to end, or is about to. */
  async reached(graceMs: number = defaultGraceMs): Promise<void> {
    const timer = setTimeout(() => {
      this.#terminating();
      void this.#worker.terminate();
    }, graceMs);
    await this.#exited;
    clearTimeout(timer);
  }
}
