import { StoreWriteError } from './writer/store-writer.ts';

/**
 * The database cannot be asked now: it is away, starting, or has too much to do. Nothing was acknowledged; whether a write
 * that was under way has happened, nobody knows. Worth another try later.
 */
export class StoreUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreUnavailableError';
  }
}

/** True when the same request may succeed in a while: answer 503 with Retry-After. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return true;
  return error instanceof StoreWriteError && error.code === 'overload';
}

/** The kinds of rules of the database that a write can break. */
export type ConstraintKind = 'unique' | 'foreign-key' | 'check' | 'not-null';

/** Extended codes of https://www.sqlite.org/rescode.html */
const bySqliteCode = new Map<unknown, ConstraintKind>([
  [275, 'check'],
  [787, 'foreign-key'],
  [1299, 'not-null'],
  [1555, 'unique'],
  [2067, 'unique'],
]);
/** https://www.postgresql.org/docs/current/errcodes-appendix.html, class 23 */
const byPostgresCode = new Map<unknown, ConstraintKind>([
  ['23502', 'not-null'],
  ['23503', 'foreign-key'],
  ['23505', 'unique'],
  ['23514', 'check'],
]);

/** Which rule of the database an error tells of, on either database; undefined when it is about something else. */
export function constraintOf(error: unknown): ConstraintKind | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { errcode, code } = error as { errcode?: unknown; code?: unknown };
  return bySqliteCode.get(errcode) ?? byPostgresCode.get(code);
}
