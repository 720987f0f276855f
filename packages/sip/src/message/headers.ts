import { listItemEnd, skipLws, sliceTrimmed, splitList } from './grammar.ts';
import { type HeaderName, headerName } from './header-names.ts';

/** What {@link SipHeaders} can be built from. Numbers are written in decimal. */
export type SipHeadersInit =
  | SipHeaders
  | Iterable<readonly [string, string | number]>
  | Readonly<Record<string, string | number | ReadonlyArray<string>>>;

/**
 * The header fields of a message, in order (RFC 3261 7.3). Names compare without case, compact forms are the same
 * as long ones. Values are text without line folding and without white space around them; they are split at commas
 * only when asked for, and only where the grammar is a list.
 */
export class SipHeaders {
  #names: HeaderName[] = [];
  #values: string[] = [];

  constructor(init?: SipHeadersInit) {
    if (init === undefined) return;
    if (Symbol.iterator in init) {
      for (const [name, value] of init) this.add(name, String(value));
      return;
    }
    for (const [name, value] of Object.entries(init)) {
      for (const one of Array.isArray(value) ? value : [value]) this.add(name, String(one));
    }
  }

  /** First value: of a list header the first element, else the first line. Undefined when absent. */
  get(name: string): string | undefined {
    const { key } = headerName(name);
    for (let at = 0; at < this.#names.length; at++) {
      const header = this.#names[at]!;
      if (header.key !== key) continue;
      const value = this.#values[at]!;
      if (!header.list || !value.includes(',')) return value;
      const first = splitList(value)[0];
      if (first !== undefined) return first;
    }
    return undefined;
  }

  /** Every value, top to bottom: the elements of list headers one by one. */
  getAll(name: string): string[] {
    const { key } = headerName(name);
    const all: string[] = [];
    for (let at = 0; at < this.#names.length; at++) {
      const header = this.#names[at]!;
      if (header.key !== key) continue;
      const value = this.#values[at]!;
      if (header.list) all.push(...splitList(value));
      else all.push(value);
    }
    return all;
  }

  /** Number of lines of that name: more than one is illegal for headers that are no list. */
  count(name: string): number {
    const { key } = headerName(name);
    let count = 0;
    for (const header of this.#names) if (header.key === key) count++;
    return count;
  }

  has(name: string): boolean {
    return this.#indexOf(headerName(name).key) >= 0;
  }

  /** Replaces every line of that name, in the place of the first one; at the end when there was none. */
  set(name: string, value: string | ReadonlyArray<string>): this {
    const header = headerName(name);
    const first = this.#indexOf(header.key);
    const values = typeof value === 'string' ? [value] : value;
    this.delete(name);
    const at = first < 0 ? this.#names.length : first;
    this.#names.splice(at, 0, ...values.map(() => header));
    this.#values.splice(at, 0, ...values);
    return this;
  }

  /** Adds a line at the end. */
  add(name: string, value: string): this {
    this.append(headerName(name), value);
    return this;
  }

  /** {@link add} for the parser, which has looked the name up. */
  append(header: HeaderName, value: string): void {
    this.#names.push(header);
    this.#values.push(value);
  }

  /** Adds a line above the others of that name, or at the very top: for Via and Record-Route. */
  prepend(name: string, value: string): this {
    const header = headerName(name);
    const at = Math.max(0, this.#indexOf(header.key));
    this.#names.splice(at, 0, header);
    this.#values.splice(at, 0, value);
    return this;
  }

  /** Removes every line of that name. */
  delete(name: string): this {
    const { key } = headerName(name);
    if (this.#indexOf(key) < 0) return this;
    const keep = this.#names.map((header) => header.key !== key);
    this.#names = this.#names.filter((_, at) => keep[at]);
    this.#values = this.#values.filter((_, at) => keep[at]);
    return this;
  }

  /** Takes the first value away, as a proxy does with its Via or Route; returns it. */
  removeFirst(name: string): string | undefined {
    const { key } = headerName(name);
    for (let at = this.#indexOf(key); at >= 0; at = this.#indexOf(key)) {
      const value = this.#values[at]!;
      const end = this.#names[at]!.list ? listItemEnd(value, 0) : value.length;
      const first = sliceTrimmed(value, 0, end);
      if (skipLws(value, end + 1) < value.length) {
        this.#values[at] = sliceTrimmed(value, end + 1, value.length);
      } else {
        this.#names.splice(at, 1);
        this.#values.splice(at, 1);
      }
      if (first !== '') return first;
    }
    return undefined;
  }

  /** Number of lines. */
  get size(): number {
    return this.#names.length;
  }

  /** Every line in order, with the long form of the name where it is known. */
  *entries(): IterableIterator<[name: string, value: string]> {
    for (let at = 0; at < this.#names.length; at++) yield [this.#names[at]!.name, this.#values[at]!];
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.entries();
  }

  /** A copy that can be changed without changing this one. */
  clone(): SipHeaders {
    const copy = new SipHeaders();
    copy.#names = this.#names.slice();
    copy.#values = this.#values.slice();
    return copy;
  }

  #indexOf(key: string): number {
    for (let at = 0; at < this.#names.length; at++) if (this.#names[at]!.key === key) return at;
    return -1;
  }
}
