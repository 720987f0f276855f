import { type ReadonlySignal, signal } from '@preact/signals';
import { ApiError } from '../api/client.ts';

/** A list or object of the server: its last known value, and whether the last attempt to fetch it failed. */
export interface Resource<T> {
  readonly value: ReadonlySignal<T | undefined>;
  readonly error: ReadonlySignal<ApiError | undefined>;
  /** Fetches it. Calls during a fetch cause one more fetch after it, so that the value is never older than the call. */
  refresh(): Promise<void>;
  set(value: T): void;
  clear(): void;
}

export function createResource<T>(fetchValue: () => Promise<T>): Resource<T> {
  const value = signal<T | undefined>(undefined);
  const error = signal<ApiError | undefined>(undefined);
  let running: Promise<void> | undefined;
  let again = false;
  let generation = 0;

  async function load(): Promise<void> {
    do {
      again = false;
      const mine = generation;
      try {
        const fetched = await fetchValue();
        if (mine !== generation) return;
        value.value = fetched;
        error.value = undefined;
      } catch (thrown) {
        if (mine !== generation) return;
        if (!(thrown instanceof ApiError)) throw thrown;
        error.value = thrown;
      }
    } while (again);
  }

  return {
    value,
    error,
    refresh() {
      again = true;
      running ??= load().finally(() => {
        running = undefined;
      });
      return running;
    },
    set(next) {
      value.value = next;
      error.value = undefined;
    },
    clear() {
      generation += 1;
      value.value = undefined;
      error.value = undefined;
    },
  };
}
