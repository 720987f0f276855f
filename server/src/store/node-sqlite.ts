import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

const cachedStatements = 256;

export interface NodeSqliteOptions {
  /** How long to wait for another connection that holds the file. */
  busyTimeoutMs: number;
  readOnly?: boolean;
}

/**
 * `node:sqlite` in the shape that Kysely's SQLite dialect expects. Statements are kept prepared, because Kysely
 * hands over the same few hundred texts again and again.
 */
export class NodeSqlite implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @param path a file, or `:memory:` */
  constructor(path: string, { busyTimeoutMs, readOnly = false }: NodeSqliteOptions) {
    this.#database = new DatabaseSync(path, {
      enableForeignKeyConstraints: true,
      timeout: busyTimeoutMs,
      readOnly,
    });
    if (!readOnly) this.#database.exec('PRAGMA journal_mode = WAL');
    // FULL: a commit that was acknowledged survives the loss of power, not only of the process.
    this.#database.exec('PRAGMA synchronous = FULL');
  }

  /** Whether a transaction is open. */
  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** For BEGIN, COMMIT and their like. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    return new NodeSqliteStatement(this.#statement(sql), () => this.#database.prepare(sql));
  }

  /** The rows as arrays in the order of their columns: cheaper than objects where there are very many. */
  rows(sql: string, parameters: readonly unknown[]): unknown[][] {
    const statement = this.#statement(sql);
    statement.setReturnArrays(true);
    try {
      return statement.all(...parameters.map(toSqlite)) as unknown as unknown[][];
    } finally {
      statement.setReturnArrays(false);
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    if (this.#statements.size >= cachedStatements) {
      const oldest = this.#statements.keys().next().value;
      if (oldest !== undefined) this.#statements.delete(oldest);
    }
    this.#statements.set(sql, statement);
    return statement;
  }
}

class NodeSqliteStatement implements SqliteStatement {
  readonly #statement: StatementSync;
  readonly #fresh: () => StatementSync;

  constructor(statement: StatementSync, fresh: () => StatementSync) {
    this.#statement = statement;
    this.#fresh = fresh;
  }

  get reader(): boolean {
    return this.#statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...parameters.map(toSqlite));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#statement.run(...parameters.map(toSqlite));
  }

  /** On a statement of its own: a cursor may stay open while the same text runs again. */
  *iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    yield* this.#fresh().iterate(...parameters.map(toSqlite));
  }
}

function toSqlite(value: unknown): SQLInputValue {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value as SQLInputValue;
}
