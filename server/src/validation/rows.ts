import type { Selectable } from 'kysely';
import { Problem } from '../problem.ts';
import type { Database, Store, ValidationPurpose } from '../store/index.ts';
import type { ValidationDetail } from './mechanism.ts';
import { sha256 } from './secrets.ts';

export type Row = Selectable<Database['validations']>;

/** Who asks about a validation: what an account started for itself is nobody else's. */
export interface Asker {
  id: string;
  accountId: string | undefined;
}

/** How a validation stands, for whoever started it. */
export interface ValidationStanding {
  state: 'pending' | 'proved' | 'failed' | 'expired';
  detail: ValidationDetail | null;
  attemptsLeft: number;
}

/** Purposes that concern one account: nobody else gets to know of such a validation. */
export const isAccounts = (purpose: ValidationPurpose): boolean => purpose === 'link' || purpose === 'close';

export const findRow = (store: Store, idHash: string): Promise<Row | undefined> =>
  store.selectFrom('validations').selectAll().where('id_hash', '=', idHash).executeTakeFirst();

/** @throws Problem `no-such-validation` */
export async function ownRow(store: Store, { id, accountId }: Asker): Promise<Row> {
  const row = await findRow(store, sha256(id));
  const mine = row && (!isAccounts(row.purpose) || row.account_id === accountId);
  if (!mine) throw new Problem('no-such-validation', 'Prove the number anew.');
  return row;
}

/** Spent, or too late for whatever would come next. */
export function isOver(row: Row, now: number): boolean {
  const end = row.status === 'pending' ? row.expires_at : (row.proof_expires_at ?? 0);
  return row.status === 'used' || end <= now;
}

export function standingOf(row: Row, now: number): ValidationStanding {
  const common = { detail: row.detail as ValidationDetail | null, attemptsLeft: row.attempts_left };
  if (row.status === 'failed') return { ...common, state: 'failed' };
  if (row.status === 'used') return { ...common, state: 'proved' };
  if (isOver(row, now)) return { ...common, state: 'expired' };
  return { ...common, state: row.status };
}
