/** What crosses between the main thread and the writer's: structured clones, so no class instances. */

/** Several statements that are written together or not at all; almost always one. */
export type BatchedWrite = readonly { text: number; parameters: readonly unknown[] }[];

/** One transaction's worth. Statement texts are sent once per batch: the same few come again and again. */
export interface WriteBatch {
  texts: readonly string[];
  writes: readonly BatchedWrite[];
}

/** What one statement did. */
export interface StatementResult {
  /** Of a statement with RETURNING. */
  rows: unknown[];
  /** Rows changed. */
  changes: number;
  lastInsertRowid: number;
}

/** An SQLite error in a form that can be cloned. */
export interface WriteFailure {
  message: string;
  /** https://www.sqlite.org/rescode.html, the extended one; undefined when it was no error of SQLite. */
  errcode: number | undefined;
}

/** What became of one write. */
export type WriteOutcome = { ok: true; results: StatementResult[] } | { ok: false; failure: WriteFailure };

export type ToWriter = { type: 'write'; batch: WriteBatch } | { type: 'close' };
export type FromWriter = { type: 'written'; outcomes: WriteOutcome[] };
