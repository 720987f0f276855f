import type { TestProject } from 'vitest/node';
import { PostgresServer, type SharedPostgres } from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: SharedPostgres;
  }
}

/** One PostgreSQL for the whole run of the project `postgres`; each test has a database of its own on it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await PostgresServer.start();
  project.provide('postgres', server.shared());
  return () => server.stop();
}
