/**
 * Delivers events to the owner after the transition that caused them: they run one after the other in a microtask of
 * their own, so a listener finds every machine at rest and may call any of them (style: finish, then notify).
 */
export class Notifier {
  readonly #failed: (error: unknown) => void;
  #queue: Array<() => void> = [];
  #scheduled = false;

  /** `failed` hears of exceptions that listeners throw; they reach nobody else. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  push(deliver: () => void): void {
    this.#queue.push(deliver);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#drain());
  }

  #drain(): void {
    // Events caused by these listeners come in the next round.
    const queue = this.#queue;
    this.#queue = [];
    this.#scheduled = false;
    for (const deliver of queue) {
      try {
        deliver();
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
