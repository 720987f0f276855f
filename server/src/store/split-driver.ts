import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { NodeSqlite } from './node-sqlite.ts';
import type { StoreWriter } from './writer/store-writer.ts';

/** The connections of one database file. */
export interface SplitConnections {
  /** Outside of transactions. */
  reader: NodeSqlite;
  transactions: NodeSqlite;
  writer: StoreWriter;
}

/**
 * Kysely on three connections: reads are answered by the first, at once; writes go to the writer thread, which makes
 * them durable; a transaction has the third for itself while the writer pauses, and blocks the thread as it commits.
 */
export function splitDialect(connections: SplitConnections): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SplitDriver(connections),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class SplitDriver implements Driver {
  readonly #connections: SplitConnections;

  constructor(connections: SplitConnections) {
    this.#connections = connections;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<SplitConnection> {
    return new SplitConnection(this.#connections);
  }

  async beginTransaction(connection: SplitConnection): Promise<void> {
    await connection.begin();
  }

  async commitTransaction(connection: SplitConnection): Promise<void> {
    connection.end('COMMIT');
  }

  async rollbackTransaction(connection: SplitConnection): Promise<void> {
    connection.end('ROLLBACK');
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    const { reader, transactions, writer } = this.#connections;
    // What was executed before is on its way here through Kysely's promises.
    await new Promise((resolve) => setImmediate(resolve));
    await writer.close();
    transactions.close();
    reader.close();
  }
}

class SplitConnection implements DatabaseConnection {
  readonly #connections: SplitConnections;
  #transaction: { database: NodeSqlite; resume: () => void } | undefined;

  constructor(connections: SplitConnections) {
    this.#connections = connections;
  }

  async begin(): Promise<void> {
    const resume = await this.#connections.writer.pause();
    try {
      const database = this.#connections.transactions;
      database.exec('BEGIN IMMEDIATE');
      this.#transaction = { database, resume };
    } catch (error) {
      resume();
      throw error;
    }
  }

  end(how: 'COMMIT' | 'ROLLBACK'): void {
    const transaction = this.#transaction;
    if (!transaction) return;
    try {
      // Some errors have ended it already.
      if (how === 'COMMIT' || transaction.database.inTransaction) transaction.database.exec(how);
    } finally {
      // After a COMMIT that failed, Kysely rolls back.
      if (!transaction.database.inTransaction) {
        this.#transaction = undefined;
        transaction.resume();
      }
    }
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { reader, writer } = this.#connections;
    if (this.#transaction) return runOn(this.#transaction.database, query);
    return isRead(query) ? runOn(reader, query) : writeWith(writer, query);
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const database = this.#transaction?.database ?? this.#connections.reader;
    for (const row of database.prepare(query.sql).iterate(query.parameters)) yield { rows: [row as R] };
  }
}

function isRead({ query, sql }: CompiledQuery): boolean {
  if (query.kind === 'RawNode') return !/^\s*(insert|update|delete|replace)\b/i.test(sql);
  return query.kind === 'SelectQueryNode';
}

/** Throws as a rejection, as Kysely expects it. */
async function runOn<R>(database: NodeSqlite, { sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
  const statement = database.prepare(sql);
  if (statement.reader) return { rows: statement.all(parameters) as R[] };
  const { changes, lastInsertRowid } = statement.run(parameters);
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}

async function writeWith<R>(writer: StoreWriter, query: CompiledQuery): Promise<QueryResult<R>> {
  const [result] = await writer.write([query]);
  if (!result) return { rows: [] };
  return {
    rows: result.rows as R[],
    numAffectedRows: BigInt(result.changes),
    insertId: BigInt(result.lastInsertRowid),
  };
}
