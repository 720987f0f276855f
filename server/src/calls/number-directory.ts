import type { CompiledQuery } from 'kysely';
import { type AnswerMode, prepareQuery, type Store } from '../store/index.ts';
import type { CalledCandidate } from './arrival.ts';

/** Whose number was called. */
export interface CalledNumber extends CalledCandidate {
  accountId: string;
  answerMode: AnswerMode;
}

type Linked = { account_id: string; answer_mode: AnswerMode };

/** The numbers that people have linked. */
export class NumberDirectory {
  readonly #store: Store;
  readonly #byNumber: (parameters: { e164: string }) => CompiledQuery<Linked>;

  constructor(store: Store) {
    this.#store = store;
    this.#byNumber = prepareQuery((parameter) =>
      store.selectFrom('numbers').select(['account_id', 'answer_mode']).where('e164', '=', parameter('e164')),
    );
  }

  /** The first of the candidates that somebody has linked. */
  async firstLinked(candidates: readonly CalledCandidate[]): Promise<CalledNumber | undefined> {
    for (const candidate of candidates) {
      const { rows } = await this.#store.executeQuery(this.#byNumber({ e164: candidate.number }));
      const row = rows[0];
      if (row) return { ...candidate, accountId: row.account_id, answerMode: row.answer_mode };
    }
    return undefined;
  }
}
