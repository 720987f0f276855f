import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { StoreDialect } from '../backend.ts';
import type { StoreOptions } from '../store.ts';
import { PostgresServer } from './postgres-server.ts';

/** On which database this run of the tests is: the vitest project `postgres` repeats on PostgreSQL what `unit` does. */
export const testDialect: StoreDialect =
  process.env.RINGTHROUGH_TEST_DATABASE === 'postgres' ? 'postgres' : 'sqlite';

/**
 * An empty database of a test, on SQLite or PostgreSQL as the run says. Every test file that uses it is run on both
 * (vitest.config.ts).
 */
export class TestDatabase {
  readonly dialect = testDialect;
  readonly folder = mkdtempSync(join(tmpdir(), 'ringthrough-database-'));
  /** For `openStore`. */
  readonly options: StoreOptions;
  /** As the configuration and the environment of a process have it. */
  readonly url: string | undefined;

  private constructor(url: string | undefined, path: string | undefined) {
    this.url = url;
    this.options = url === undefined ? { path: path ?? join(this.folder, 'test.db') } : { url };
  }

  /** @param memory SQLite need not be a file: its answers are there at once, but it can be opened once only */
  static async create({ memory = false } = {}): Promise<TestDatabase> {
    if (testDialect === 'sqlite') return new TestDatabase(undefined, memory ? ':memory:' : undefined);
    return new TestDatabase(await PostgresServer.shared(inject('postgres')).createDatabase(), undefined);
  }

  /** The store on it is closed by then. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
