import type { CompiledQuery, Kysely } from 'kysely';
import type { Database } from './database.ts';

/** Which database a store works on. */
export type StoreDialect = 'sqlite' | 'postgres';

/** What each kind of database does in its own way, besides Kysely's queries. */
export interface StoreBackend {
  readonly dialect: StoreDialect;
  /** Several statements or none; what resolves is durable. */
  writeTogether(queries: readonly CompiledQuery[]): Promise<void>;
  /** Rows as arrays in the order of the columns. */
  readRows(query: CompiledQuery): Promise<unknown[][]>;
}

/** A store with what is behind it. */
export interface OpenedStore {
  store: Kysely<Database>;
  backend: StoreBackend;
}
