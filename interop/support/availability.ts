import type { Person } from './person.ts';
import { until } from './process.ts';

interface DeviceEntry {
  name: string;
  registered: boolean;
}

/** Looks all the time which devices of a person the server takes for available (R-QUERY), by name. */
export class Availability {
  readonly #person: Person;
  readonly #watchers = new Set<() => void>();
  readonly #registered = new Map<string, boolean>();
  #open = true;
  readonly #done: Promise<void>;

  constructor(person: Person) {
    this.#person = person;
    this.#done = this.#look();
  }

  /** Resolves with how long it took, ms. */
  async becomes(name: string, registered: boolean, timeoutMs: number): Promise<number> {
    const since = performance.now();
    await until(() => this.#registered.get(name) === registered, {
      timeoutMs,
      watch: this.#watchers,
      describe: () => `${name} is not ${registered ? '' : 'un'}available after ${timeoutMs} ms`,
    });
    return Math.round(performance.now() - since);
  }

  async close(): Promise<void> {
    this.#open = false;
    await this.#done;
  }

  async #look(): Promise<void> {
    while (this.#open) {
      const list = await this.#person.call<DeviceEntry[]>('GET', '/api/devices').catch(() => []);
      for (const { name, registered } of list) this.#registered.set(name, registered);
      for (const watcher of [...this.#watchers]) watcher();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
