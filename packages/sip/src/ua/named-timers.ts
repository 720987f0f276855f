import type { UaContext } from './context.ts';

/** The timers that a state machine arms and cancels by name: one of each name at most. */
export class NamedTimers<Name extends string> {
  readonly #context: UaContext;
  readonly #fired: (name: Name) => void;
  readonly #timers = new Map<Name, ReturnType<UaContext['timers']['set']>>();

  constructor(context: UaContext, fired: (name: Name) => void) {
    this.#context = context;
    this.#fired = fired;
  }

  /** @param at on the clock of the stack, milliseconds */
  arm(name: Name, at: number): void {
    this.cancel(name);
    const { timers, clock } = this.#context;
    const timer = timers.set(at - clock.now(), () => {
      this.#timers.delete(name);
      this.#fired(name);
    });
    this.#timers.set(name, timer);
  }

  cancel(name: Name): void {
    const timer = this.#timers.get(name);
    if (timer) this.#context.timers.clear(timer);
    this.#timers.delete(name);
  }

  clear(): void {
    for (const timer of this.#timers.values()) this.#context.timers.clear(timer);
    this.#timers.clear();
  }
}
