import type { Selectable } from 'kysely';
import type { Database } from '../store/index.ts';
import type { ValidationDetail } from './mechanism.ts';

export type Row = Selectable<Database['validations']>;

/** How a validation stands, for whoever started it. */
export interface ValidationStanding {
  state: 'pending' | 'proved' | 'failed' | 'expired';
  detail: ValidationDetail | null;
  attemptsLeft: number;
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
