export interface HealthRules {
  /** Answers in a row that make a trunk up again. */
  upAfter: number;
  /** Missing answers in a row that make it down. */
  downAfter: number;
  /** How long a call that failed keeps it down at least. */
  downMs: number;
  /** Whether it is asked (OPTIONS); otherwise time alone makes it up again. */
  asked: boolean;
}

/** What is learnt of a trunk. */
export type HealthInput =
  | { type: 'answered' }
  | { type: 'unanswered' }
  /** An INVITE got no answer, could not be sent or was answered 503. */
  | { type: 'call-failed'; retryAfterMs?: number | undefined }
  /** An INVITE got an answer that only a living switch gives. */
  | { type: 'call-answered' };

/** Whether a trunk is up: no I/O, no clock. It is taken for up until the contrary is known. */
export class TrunkHealth {
  readonly #rules: HealthRules;
  #up = true;
  /** What `input` returned last: time alone may have made it up again since. */
  #told = true;
  #inARow = 0;
  #downUntil = 0;

  constructor(rules: HealthRules) {
    this.#rules = rules;
  }

  /** @param now milliseconds, as in `input` */
  isUp(now: number): boolean {
    if (!this.#up && !this.#rules.asked && now >= this.#downUntil) this.#up = true;
    return this.#up;
  }

  /** @returns what it has become since the last change that was returned; undefined when nothing changed */
  input(input: HealthInput, now: number): 'up' | 'down' | undefined {
    this.isUp(now);
    switch (input.type) {
      case 'answered':
        this.#answered(now);
        break;
      case 'unanswered':
        this.#inARow = this.#up ? this.#inARow + 1 : 0;
        if (this.#inARow >= this.#rules.downAfter) this.#set(false);
        break;
      case 'call-failed':
        this.#downUntil = now + (input.retryAfterMs ?? this.#rules.downMs);
        this.#set(false);
        break;
      case 'call-answered':
        // It answers calls, whatever became of the last OPTIONS.
        if (this.#up) this.#inARow = 0;
        break;
    }
    if (this.#up === this.#told) return undefined;
    this.#told = this.#up;
    return this.#up ? 'up' : 'down';
  }

  #answered(now: number): void {
    this.#inARow = this.#up ? 0 : this.#inARow + 1;
    if (!this.#up && this.#inARow >= this.#rules.upAfter && now >= this.#downUntil) this.#set(true);
  }

  #set(up: boolean): void {
    if (this.#up !== up || !up) this.#inARow = 0;
    this.#up = up;
  }
}
