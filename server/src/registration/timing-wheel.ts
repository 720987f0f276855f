import type { Clock } from '@ringthrough/sip';

export interface TimingWheelOptions<K extends string, T> {
  clock: Clock;
  /** What the times of `schedule` are measured by; the clock itself when absent. */
  now?: () => number;
  /** Whoever is due within the same span of this length is called together, at its end. */
  slotMs: number;
  /** The field in which the wheel notes where somebody waits; 0 is nowhere. Nobody else writes it. */
  field: K;
  /** Called for each that is due; it waits no more then. */
  due: (item: T) => void;
}

/** Timers of Node hold 24 days; and a clock that was set should not be noticed only then. */
const longestTimerMs = 3_600_000;

/**
 * Calls back a great many, each at its time, with one timer for all. Whoever waits costs one field and a place in a
 * set; there is no timer and no closure for each (a million of those is what a registrar has).
 */
export class TimingWheel<K extends string, T extends Record<K, number>> {
  readonly #options: TimingWheelOptions<K, T>;
  readonly #slots = new Map<number, Set<T>>();
  readonly #now: () => number;
  #timer: unknown;
  #armedFor = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: TimingWheelOptions<K, T>) {
    this.#options = options;
    this.#now = options.now ?? (() => options.clock.now());
  }

  /** Puts somebody off until then, not before and at most `slotMs` later; what was set before does not count. */
  schedule(item: T, at: number): void {
    if (this.#closed) return;
    const slot = Math.max(1, Math.ceil(at / this.#options.slotMs));
    if (item[this.#options.field] === slot) return;
    this.cancel(item);
    this.#note(item, slot);
    const waiting = this.#slots.get(slot);
    if (waiting === undefined) this.#slots.set(slot, new Set([item]));
    else waiting.add(item);
    if (slot < this.#armedFor) this.#arm(slot);
  }

  /** Whoever does not wait may be cancelled too. */
  cancel(item: T): void {
    const slot = item[this.#options.field];
    if (slot === 0) return;
    this.#note(item, 0);
    const waiting = this.#slots.get(slot);
    waiting?.delete(item);
    if (waiting?.size === 0) this.#slots.delete(slot);
    if (this.#slots.size === 0) this.#disarm();
  }

  /** Calls nobody any more. */
  close(): void {
    this.#closed = true;
    this.#disarm();
    this.#slots.clear();
  }

  #note(item: T, slot: number): void {
    (item as Record<K, number>)[this.#options.field] = slot;
  }

  #arm(slot: number): void {
    const { clock, slotMs } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#armedFor = slot;
    const delayMs = Math.max(0, slot * slotMs - this.#now());
    this.#timer = clock.setTimeout(() => this.#turn(), Math.min(delayMs, longestTimerMs));
  }

  #disarm(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #turn(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const reached = Math.floor(this.#now() / this.#options.slotMs);
    const over = [...this.#slots.keys()].filter((slot) => slot <= reached).sort((a, b) => a - b);
    for (const slot of over) this.#callSlot(slot);
    let next = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.keys()) next = Math.min(next, slot);
    if (!this.#closed && next < this.#armedFor) this.#arm(next);
  }

  #callSlot(slot: number): void {
    const waiting = this.#slots.get(slot);
    this.#slots.delete(slot);
    for (const item of waiting ?? []) {
      // Somebody who was called before may have cancelled it or put it off.
      if (item[this.#options.field] !== slot) continue;
      this.#note(item, 0);
      this.#options.due(item);
    }
  }
}
