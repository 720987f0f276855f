export interface CarrierVoicemailRules {
  /** So many CANCELs in a row, each after the same time, are a timer and no person; 0: never. */
  cancels: number;
  /** How far these times may lie apart. */
  spreadMs: number;
  /** Who gives up sooner is taken for a person, however often. */
  minRingMs: number;
}

/** Numbers that are kept in mind; the one that was quiet longest is forgotten. */
const maxNumbers = 10_000;

/**
 * Recognises a carrier that takes its subscriber's calls away from us while they ring, which is what its own voicemail
 * does when its no-reply timer runs out: the CANCEL then comes after the same time again and again.
 */
export class CarrierVoicemail {
  readonly #rules: CarrierVoicemailRules;
  /** Of each number, how long its last calls rang until they were cancelled. */
  readonly #rang = new Map<string, number[]>();

  constructor(rules: CarrierVoicemailRules) {
    this.#rules = rules;
  }

  /** A call to this number was cancelled after it had rung so long. @returns whether that was the carrier's timer */
  cancelled(number: string, rangMs: number): boolean {
    const { cancels, spreadMs, minRingMs } = this.#rules;
    if (cancels === 0) return false;
    if (rangMs < minRingMs) {
      this.#rang.delete(number);
      return false;
    }
    const times = [...(this.#rang.get(number) ?? []), rangMs].slice(-cancels);
    this.#rang.delete(number);
    this.#rang.set(number, times);
    const [oldest] = this.#rang.keys();
    if (this.#rang.size > maxNumbers && oldest !== undefined) this.#rang.delete(oldest);
    return times.length === cancels && Math.max(...times) - Math.min(...times) <= spreadMs;
  }

  /** A call to this number came to another end: nothing took it away. */
  spared(number: string): void {
    this.#rang.delete(number);
  }
}
