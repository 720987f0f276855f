import type { Clock } from '@ringthrough/sip';
import { TimingWheel } from './timing-wheel.ts';

export interface LivenessWatchOptions<T> {
  clock: Clock;
  /** From news of somebody to the next question. */
  periodMs: number;
  /** How long an answer may take before somebody counts as silent. */
  patienceMs: number;
  /** Questions per second at most: with too many for it the period becomes longer for all. Unlimited when absent. */
  maxPerSecond?: number | undefined;
  /** Asks once; true when an answer came, however late, false when none will come any more. */
  ask: (somebody: T) => Promise<boolean>;
  /** Called when the patience is over. */
  silent: (somebody: T) => void;
  /** Called for every answer. */
  answered: (somebody: T) => void;
}

/** Who can be watched. */
export interface Watchable {
  /** Of the watch: nobody else writes it. 0 at first. */
  askSlot: number;
}

/** A question that has no answer yet, or had none while there is patience left. */
interface Question {
  asked: boolean;
  patience: unknown;
}

/** Whoever is due within this time is asked together. */
const slotMs = 100;

/**
 * Asks everybody it watches, again and again, whether they live. Nobody is asked again while a question is open, which
 * keeps what the dead cost low. Whoever waits costs a field and a place in a set, so there may be a million; only an
 * open question has an object and a timer.
 */
export class LivenessWatch<T extends Watchable> {
  readonly #options: LivenessWatchOptions<T>;
  readonly #wheel: TimingWheel<'askSlot', T>;
  readonly #open = new Map<T, Question>();
  #watched = 0;
  /** Due, but there were too many within a short time; those who have waited longest come first. */
  readonly #backlog = new Set<T>();
  /** Questions that may be asked at `#tokensAt`. */
  #tokens: number;
  #tokensAt: number;
  #backlogTimer: unknown;

  constructor(options: LivenessWatchOptions<T>) {
    this.#options = options;
    this.#tokens = this.#burst;
    this.#tokensAt = options.clock.now();
    this.#wheel = new TimingWheel({
      clock: options.clock,
      slotMs,
      field: 'askSlot',
      due: (somebody) => this.#due(somebody),
    });
  }

  /** Begins to watch, or begins anew: the next question comes a period after. */
  watch(somebody: T): void {
    if (!this.#isWatched(somebody)) this.#watched++;
    this.#drop(somebody);
    this.#askIn(somebody, this.#periodMs);
  }

  /** Begins to watch many at once, none of them watched before; their first questions are spread over the period. */
  watchAll(many: readonly T[]): void {
    this.#watched += many.length;
    const periodMs = this.#periodMs;
    for (const [index, somebody] of many.entries()) this.#askIn(somebody, (periodMs * index) / many.length);
  }

  /** What is still to come from a question that is open does not count any more. */
  forget(somebody: T): void {
    if (this.#isWatched(somebody)) this.#watched--;
    this.#drop(somebody);
    this.#wheel.cancel(somebody);
  }

  close(): void {
    this.#wheel.close();
    this.#options.clock.clearTimeout(this.#backlogTimer);
    this.#backlog.clear();
    for (const somebody of [...this.#open.keys()]) this.#drop(somebody);
  }

  /** From news of somebody to the next question, as long as there are so many. */
  get #periodMs(): number {
    const { periodMs, maxPerSecond = Number.POSITIVE_INFINITY } = this.#options;
    return Math.max(periodMs, (this.#watched * 1000) / maxPerSecond);
  }

  #isWatched(somebody: T): boolean {
    return somebody.askSlot !== 0 || this.#open.has(somebody) || this.#backlog.has(somebody);
  }

  get #burst(): number {
    return ((this.#options.maxPerSecond ?? Number.POSITIVE_INFINITY) * slotMs) / 1000 + 1;
  }

  #askIn(somebody: T, ms: number): void {
    // The slot that ends before the time, so that nobody is asked too late.
    this.#wheel.schedule(somebody, this.#options.clock.now() + Math.max(0, ms - slotMs + 1));
  }

  /** The open question, and the place among those who are overdue. */
  #drop(somebody: T): void {
    const question = this.#open.get(somebody);
    if (question !== undefined) {
      this.#options.clock.clearTimeout(question.patience);
      this.#open.delete(somebody);
    }
    this.#backlog.delete(somebody);
  }

  #due(somebody: T): void {
    if (this.#backlog.size === 0 && this.#takeToken()) {
      this.#ask(somebody);
      return;
    }
    this.#backlog.add(somebody);
    this.#backlogTimer ??= this.#options.clock.setTimeout(() => this.#workOff(), slotMs);
  }

  #workOff(): void {
    this.#backlogTimer = undefined;
    for (const somebody of this.#backlog) {
      if (!this.#takeToken()) break;
      this.#backlog.delete(somebody);
      this.#ask(somebody);
    }
    if (this.#backlog.size === 0) return;
    this.#backlogTimer = this.#options.clock.setTimeout(() => this.#workOff(), slotMs);
  }

  #takeToken(): boolean {
    const { maxPerSecond, clock } = this.#options;
    if (maxPerSecond === undefined) return true;
    const now = clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#tokensAt) * maxPerSecond) / 1000);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #ask(somebody: T): void {
    const { clock, patienceMs, ask, silent } = this.#options;
    // Of the last question, when that failed before its time was over.
    const question = this.#open.get(somebody) ?? { asked: true, patience: undefined };
    question.asked = true;
    question.patience ??= clock.setTimeout(() => {
      question.patience = undefined;
      if (!question.asked) this.#open.delete(somebody);
      silent(somebody);
    }, patienceMs);
    this.#open.set(somebody, question);
    const settled = (alive: boolean) => this.#settled(somebody, question, alive);
    ask(somebody).then(settled, () => settled(false));
  }

  #settled(somebody: T, question: Question, alive: boolean): void {
    if (this.#open.get(somebody) !== question) return;
    question.asked = false;
    // Without an answer the patience runs on: a question that failed at once is no longer silence than another.
    if (alive) this.#options.clock.clearTimeout(question.patience);
    if (alive || question.patience === undefined) this.#open.delete(somebody);
    this.#askIn(somebody, this.#periodMs);
    if (alive) this.#options.answered(somebody);
  }
}

/** Whether the promise comes to be true within the time. */
export function trueWithin(clock: Clock, timeMs: number, promise: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve(false), timeMs);
    const settled = (value: boolean) => {
      clock.clearTimeout(timer);
      resolve(value);
    };
    promise.then(settled, () => settled(false));
  });
}
