import type { MechanismName } from '../config.ts';
import type { Store } from '../store/index.ts';
import type { Changes } from './changes.ts';
import type { Counters } from './counters.ts';
import type { ProofDesk, SourceEvent, ValidationDetail, Verdict } from './mechanism.ts';
import { type Judgement, judge, judgeSource, type Rules } from './proving.ts';
import { findRow } from './rows.ts';
import { sha256 } from './secrets.ts';

export interface DeskOptions {
  store: Store;
  rules: Rules;
  changes: Changes;
  counters: Counters;
  now: () => number;
}

/** Takes what the network saw. */
export class Desk implements ProofDesk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  report(validationId: string, detail: ValidationDetail): Promise<void> {
    return this.decide(sha256(validationId), { detail });
  }

  fail(validationId: string, detail: ValidationDetail): Promise<void> {
    return this.decide(sha256(validationId), { status: 'failed', detail });
  }

  async proveByAnswer(event: {
    validationId: string;
    mechanism: MechanismName;
    answer: string;
  }): Promise<Verdict> {
    const { store, rules, changes, counters, now } = this.#options;
    const idHash = sha256(event.validationId);
    const { result } = await store.transaction().execute(async (trx): Promise<Judgement> => {
      const row = await findRow(trx, idHash);
      if (row?.mechanism !== event.mechanism) return { result: 'over' };
      return judge(trx, rules, row, { answer: event.answer, proofHash: null, guessable: false, now: now() });
    });
    counters.judged(event.mechanism, result);
    changes.announce(idHash);
    return result === 'over' || result === 'blocked' ? 'none' : result;
  }

  async proveBySource(event: SourceEvent): Promise<Verdict> {
    const { store, rules, changes, counters, now } = this.#options;
    const { verdict, changed } = await store
      .transaction()
      .execute((trx) => judgeSource(trx, rules, event, now()));
    counters.judged(event.mechanism, verdict === 'none' ? 'over' : verdict);
    for (const idHash of changed) changes.announce(idHash);
    return verdict;
  }

  /** Only while it is pending. */
  async decide(idHash: string, change: { status?: 'failed'; detail?: ValidationDetail }): Promise<void> {
    const { store, changes } = this.#options;
    await store
      .updateTable('validations')
      .set(change)
      .where('id_hash', '=', idHash)
      .where('status', '=', 'pending')
      .execute();
    changes.announce(idHash);
  }
}
