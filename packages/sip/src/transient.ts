/**
 * A map for entries that come and go by the thousand. V8's own `Map` makes a new table every so many changes, and each old
 * table points to the next: once one of them is in the old generation, all that follow stay alive until the next full
 * collection, with whatever they held, and each collection of the young generation has to copy it (15 ms instead of 1,
 * docs/performance.md). An object used as dictionary has no such chain.
 *
 * Keys must not be decimal integers: these are array elements to V8.
 */
export class TransientMap<V> {
  #entries: Record<string, V> = Object.create(null);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#entries[key];
  }

  has(key: string): boolean {
    return key in this.#entries;
  }

  set(key: string, value: V): void {
    if (!(key in this.#entries)) this.#size++;
    this.#entries[key] = value;
  }

  delete(key: string): boolean {
    if (!(key in this.#entries)) return false;
    this.#size--;
    return delete this.#entries[key];
  }

  /** As they are now: whoever walks over them may delete. */
  values(): V[] {
    return Object.values(this.#entries);
  }

  clear(): void {
    this.#entries = Object.create(null);
    this.#size = 0;
  }
}

/** A set for items that come and go by the thousand; see {@link TransientMap}. Each gets the ticket to leave with. */
export class TransientSet<T> {
  readonly #items = new TransientMap<T>();
  #tickets = 0;

  get size(): number {
    return this.#items.size;
  }

  /** @returns the ticket for `delete` */
  add(item: T): string {
    const ticket = `#${this.#tickets++}`;
    this.#items.set(ticket, item);
    return ticket;
  }

  delete(ticket: string): boolean {
    return this.#items.delete(ticket);
  }

  values(): T[] {
    return this.#items.values();
  }
}
