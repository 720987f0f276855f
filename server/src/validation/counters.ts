import type { MechanismName } from '../config.ts';
import type { ValidationMechanism } from './mechanism.ts';
import type { Judgement } from './proving.ts';
import type { SendLimit } from './send-limits.ts';

export interface Count {
  labels: Record<string, string>;
  value: number;
}

/** Since the start. Labels are mechanisms, countries and outcomes: bounded, and nobody's data. */
export interface ValidationStats {
  /** By channel and country: what is paid for, and what somebody who pumps SMS drives up. */
  sends: Count[];
  /** By limit and country. */
  refused: Count[];
  /** By mechanism and outcome. */
  answers: Count[];
}

export class Counters {
  readonly #sends = new Map<string, Count>();
  readonly #refused = new Map<string, Count>();
  readonly #answers = new Map<string, Count>();

  started({ channel }: ValidationMechanism, country: string): void {
    if (channel !== 'incoming') count(this.#sends, { channel, country });
  }

  refused(limit: SendLimit, country: string): void {
    count(this.#refused, { limit, country });
  }

  judged(mechanism: MechanismName, outcome: Judgement['result']): void {
    count(this.#answers, { mechanism, outcome });
  }

  stats(): ValidationStats {
    return {
      sends: [...this.#sends.values()],
      refused: [...this.#refused.values()],
      answers: [...this.#answers.values()],
    };
  }
}

function count(counts: Map<string, Count>, labels: Record<string, string>): void {
  const key = Object.values(labels).join(' ');
  const known = counts.get(key);
  if (known) known.value += 1;
  else counts.set(key, { labels, value: 1 });
}
