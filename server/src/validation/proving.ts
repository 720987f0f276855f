import type { Store } from '../store/index.ts';
import { aliasOf } from './forgetting.ts';
import type { SourceEvent, Verdict } from './mechanism.ts';
import type { AnswerHash } from './secrets.ts';

/** What came of an answer; `blocked`: too many wrong ones for that number today, whichever validation they were for. */
export type Judgement =
  | { result: 'proved' | 'over' | 'void' | 'blocked' }
  | { result: 'wrong'; attemptsLeft: number };

export interface Rules {
  hash: AnswerHash;
  proofLifetimeMs: number;
  wrongCodesPerNumberPerDay: number;
}

export interface PendingRow {
  id_hash: string;
  number: string;
  answer_hash: string | null;
  attempts_left: number;
  status: string;
  expires_at: number;
}

/** How long anything is counted. */
export const dayMs = 24 * 3_600_000;

/** Whether so many wrong codes came for a number within a day that none is taken any more. */
export async function tooManyWrongCodes(
  trx: Store,
  rules: Pick<Rules, 'wrongCodesPerNumberPerDay' | 'hash'>,
  number: string,
  now: number,
): Promise<boolean> {
  const row = await trx
    .selectFrom('validations')
    .select((validation) => validation.fn.sum('wrong_answers').as('wrong'))
    .where('number', 'in', [number, aliasOf(rules.hash)(number)])
    .where('created_at', '>', now - dayMs)
    .executeTakeFirst();
  return Number(row?.wrong ?? 0) >= rules.wrongCodesPerNumberPerDay;
}

/**
 * Judges an answer, inside a transaction. The verdict is a value: throwing would take the counted try back.
 * @param proofHash of the proof that a right answer is exchanged for at once
 */
export async function judge(
  trx: Store,
  rules: Rules,
  row: PendingRow,
  given: { answer: string; proofHash: string | null; guessable: boolean; now: number },
): Promise<Judgement> {
  const { answer, proofHash, guessable, now } = given;
  if (row.status !== 'pending' || row.expires_at <= now || row.answer_hash === null)
    return { result: 'over' };
  if (guessable && (await tooManyWrongCodes(trx, rules, row.number, now))) return { result: 'blocked' };
  if (!rules.hash.matches(row.answer_hash, row.id_hash, answer)) return countWrong(trx, row, guessable);
  await markProved(trx, rules, row.id_hash, proofHash, now);
  return { result: 'proved' };
}

async function countWrong(trx: Store, row: PendingRow, guessable: boolean): Promise<Judgement> {
  const attemptsLeft = row.attempts_left - 1;
  await trx
    .updateTable('validations')
    .set((old) => ({
      attempts_left: attemptsLeft,
      status: attemptsLeft === 0 ? ('failed' as const) : ('pending' as const),
      wrong_answers: guessable ? old('wrong_answers', '+', 1) : old.ref('wrong_answers'),
    }))
    .where('id_hash', '=', row.id_hash)
    .execute();
  return attemptsLeft === 0 ? { result: 'void' } : { result: 'wrong', attemptsLeft };
}

async function markProved(
  trx: Store,
  rules: Rules,
  idHash: string,
  proofHash: string | null,
  now: number,
): Promise<void> {
  await trx
    .updateTable('validations')
    .set({ status: 'proved', proof_hash: proofHash, proof_expires_at: now + rules.proofLifetimeMs })
    .where('id_hash', '=', idHash)
    .execute();
}

/** What an event did to which validations. */
export interface SourceJudgement {
  verdict: Verdict;
  changed: string[];
}

/**
 * Judges a call or SMS from the person, inside a transaction: it proves the validation that waits for just that, from
 * that number, at that number of ours, vouched for by the carrier that the number belongs to.
 */
export async function judgeSource(
  trx: Store,
  rules: Rules,
  event: SourceEvent,
  now: number,
): Promise<SourceJudgement> {
  const nothing: SourceJudgement = { verdict: 'none', changed: [] };
  const rows = await waitingFor(trx, event, now);
  if (rows.length === 0 || !(await firstTime(trx, event, now))) return nothing;
  if (event.answers === undefined) return judgeBare(trx, rules, rows, now);
  for (const row of rows) {
    const right = event.answers.some(
      (answer) => row.answer_hash !== null && rules.hash.matches(row.answer_hash, row.id_hash, answer),
    );
    if (!right) continue;
    await markProved(trx, rules, row.id_hash, null, now);
    return { verdict: 'proved', changed: [row.id_hash] };
  }
  const left: Judgement[] = [];
  for (const row of rows) left.push(await countWrong(trx, row, false));
  const verdict = left.every(({ result }) => result === 'void') ? 'void' : 'wrong';
  return { verdict, changed: rows.map((row) => row.id_hash) };
}

async function firstTime(trx: Store, event: SourceEvent, now: number): Promise<boolean> {
  const written = await trx
    .insertInto('validation_events')
    .values({ event_id: `${event.mechanism} ${event.carrierId} ${event.eventId}`, seen_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .returning('event_id')
    .executeTakeFirst();
  return written !== undefined;
}

type WaitingRow = PendingRow & { account_id: string | null };

/** Newest first. */
function waitingFor(trx: Store, event: SourceEvent, now: number): Promise<WaitingRow[]> {
  return trx
    .selectFrom('validations')
    .select(['id_hash', 'number', 'answer_hash', 'attempts_left', 'status', 'expires_at', 'account_id'])
    .where('number', '=', event.number)
    .where('status', '=', 'pending')
    .where('mechanism', '=', event.mechanism)
    .where('carrier_id', '=', event.carrierId)
    .where('arrives_at', '=', event.to)
    .where('created_at', '<=', event.at)
    .where('expires_at', '>', Math.max(event.at, now))
    .orderBy('created_at', 'desc')
    .execute();
}

/**
 * A call says nothing but who calls. When several wait for it, one of them may belong to somebody who only hopes for the
 * owner's call: then nobody's is proved, unless they are all of one account.
 */
async function judgeBare(
  trx: Store,
  rules: Rules,
  rows: WaitingRow[],
  now: number,
): Promise<SourceJudgement> {
  const changed = rows.map((row) => row.id_hash);
  const [newest] = rows;
  const oneOwner = rows.every((row) => row.account_id !== null && row.account_id === newest?.account_id);
  const proved = rows.length === 1 || oneOwner ? newest : undefined;
  if (proved) await markProved(trx, rules, proved.id_hash, null, now);
  const others = changed.filter((idHash) => idHash !== proved?.id_hash);
  if (others.length > 0) {
    await trx
      .updateTable('validations')
      .set({ status: 'failed', detail: 'rejected' })
      .where('id_hash', 'in', others)
      .execute();
  }
  return { verdict: proved ? 'proved' : 'void', changed };
}

/** Whether the answer is one of those that a mechanism's `challenge` lets people type. */
export const isGuessable = (challenge: string): boolean => challenge === 'enter-code';
