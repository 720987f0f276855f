import type { NodeSqlite } from '../node-sqlite.ts';
import type { BatchedWrite, StatementResult, WriteBatch, WriteFailure, WriteOutcome } from './batch.ts';

/**
 * Executes the writes in one transaction and commits it durably. A write that fails is undone alone; when the
 * transaction as a whole fails (the disk is full, another process has the file), so do all of them. Never throws.
 */
export function executeBatch(database: NodeSqlite, batch: WriteBatch): WriteOutcome[] {
  try {
    database.exec('BEGIN IMMEDIATE');
    const outcomes = batch.writes.map((write) => executeWrite(database, write, batch.texts));
    database.exec('COMMIT');
    return outcomes;
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    const failure = failureOf(error);
    // A rule that is looked at in COMMIT does not tell which write broke it: they go one by one then.
    if (failure.errcode === foreignKeyBroken && batch.writes.length > 1) {
      return batch.writes.flatMap((write) => executeBatch(database, { ...batch, writes: [write] }));
    }
    return batch.writes.map((): WriteOutcome => ({ ok: false, failure }));
  }
}

/** https://www.sqlite.org/rescode.html#constraint_foreignkey */
const foreignKeyBroken = 787;

/** @throws when the error has ended the whole transaction */
function executeWrite(database: NodeSqlite, write: BatchedWrite, texts: readonly string[]): WriteOutcome {
  // One statement is undone by SQLite itself when it fails.
  const together = write.length > 1;
  try {
    if (together) database.exec('SAVEPOINT together');
    const results = write.map(({ text, parameters }) => execute(database, texts[text] ?? '', parameters));
    if (together) database.exec('RELEASE together');
    return { ok: true, results };
  } catch (error) {
    // Some errors (full, out of memory, I/O) roll back everything: https://www.sqlite.org/lang_transaction.html
    if (!database.inTransaction) throw error;
    if (together) database.exec('ROLLBACK TO together; RELEASE together');
    return { ok: false, failure: failureOf(error) };
  }
}

function execute(database: NodeSqlite, text: string, parameters: readonly unknown[]): StatementResult {
  const statement = database.prepare(text);
  if (statement.reader) {
    const rows = statement.all(parameters);
    return { rows, changes: rows.length, lastInsertRowid: 0 };
  }
  const { changes, lastInsertRowid } = statement.run(parameters);
  return { rows: [], changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
}

function failureOf(error: unknown): WriteFailure {
  const { message, errcode } = error as Error & { errcode?: number };
  return { message, errcode };
}
