import type { AnswerMode, Store } from '../store/index.ts';
import type { CalledCandidate } from './arrival.ts';

/** Whose number was called. */
export interface CalledNumber extends CalledCandidate {
  accountId: string;
  answerMode: AnswerMode;
}

/** The numbers that people have linked. */
export class NumberDirectory {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The first of the candidates that somebody has linked. */
  async firstLinked(candidates: readonly CalledCandidate[]): Promise<CalledNumber | undefined> {
    if (candidates.length === 0) return undefined;
    const rows = await this.#store
      .selectFrom('numbers')
      .select(['e164', 'account_id', 'answer_mode'])
      .where(
        'e164',
        'in',
        candidates.map((candidate) => candidate.number),
      )
      .execute();
    const linked = new Map(rows.map((row) => [row.e164, row]));
    for (const candidate of candidates) {
      const row = linked.get(candidate.number);
      if (row) return { ...candidate, accountId: row.account_id, answerMode: row.answer_mode };
    }
    return undefined;
  }
}
