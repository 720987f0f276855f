export { TestDatabase, testDialect } from './databases.ts';
export { PostgresServer } from './postgres-server.ts';
