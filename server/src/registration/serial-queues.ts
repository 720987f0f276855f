/** Runs tasks with the same key one after the other, tasks with different keys side by side. */
export class SerialQueues {
  /** The last task of each key that has one running. */
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Resolves or rejects as the task does. A task that nothing is before starts at once. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const result = before === undefined ? started(task) : before.then(task, task);
    this.#tails.set(key, result);
    const ended = () => {
      if (this.#tails.get(key) === result) this.#tails.delete(key);
    };
    result.then(ended, ended);
    return result;
  }

  /** Resolves when nothing is running or waiting. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.allSettled(this.#tails.values());
  }
}

async function started<T>(task: () => Promise<T>): Promise<T> {
  return task();
}
