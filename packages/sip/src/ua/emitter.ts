import type { SessionEvents, SessionListener } from './types.ts';

type AnyListener = (...payload: never[]) => unknown;

/** Typed listeners of one session. */
export class SessionEmitter {
  readonly #listeners = new Map<keyof SessionEvents, Set<AnyListener>>();

  on<E extends keyof SessionEvents>(event: E, listener: SessionListener<E>): () => void {
    let set = this.#listeners.get(event);
    if (!set) {
      set = new Set();
      this.#listeners.set(event, set);
    }
    // Each call gets an entry of its own, even if one function is given twice.
    const entry: SessionListener<E> = (...payload) => listener(...payload);
    set.add(entry as AnyListener);
    return () => void set.delete(entry as AnyListener);
  }

  /** Calls the listeners; true if one took the event, that is, returned anything but false. */
  emit<E extends keyof SessionEvents>(event: E, ...payload: SessionEvents[E]): boolean {
    const set = this.#listeners.get(event);
    let taken = false;
    if (set)
      for (const listener of set) taken = (listener as SessionListener<E>)(...payload) !== false || taken;
    return taken;
  }

  clear(): void {
    this.#listeners.clear();
  }
}
