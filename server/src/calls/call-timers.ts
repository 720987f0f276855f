import type { CallOutput, CallTimer } from './call-types.ts';

/** Which timers of one call run; a timer that was cancelled, and fires all the same, is not heard. */
export class CallTimers {
  readonly #armed = new Set<CallTimer>();
  readonly #emit: (output: CallOutput) => void;

  constructor(emit: (output: CallOutput) => void) {
    this.#emit = emit;
  }

  has(timer: CallTimer): boolean {
    return this.#armed.has(timer);
  }

  arm(timer: CallTimer, dueAt: number): void {
    this.#armed.add(timer);
    this.#emit({ type: 'arm-timer', timer, dueAt });
  }

  disarm(timer: CallTimer): void {
    if (this.#armed.delete(timer)) this.#emit({ type: 'cancel-timer', timer });
  }

  disarmAll(): void {
    for (const timer of [...this.#armed]) this.disarm(timer);
  }

  /** It has fired. @returns whether it was still wanted */
  fired(timer: CallTimer): boolean {
    return this.#armed.delete(timer);
  }
}
