import { existsSync, globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Tests that take their database from store/testing, themselves or with the house that they are in. */
const onEveryDatabase = globSync('server/src/**/*.test.ts').filter((file) =>
  /TestDatabase|TestHouse/.test(readFileSync(file, 'utf8')),
);
/** In CI its absence is a failure. */
const postgres = existsSync('/usr/lib/postgresql') || process.env.CI !== undefined;

/**
 * `unit`: needs nothing but Node. `postgres`: what of it asks the database, once more on PostgreSQL, and what is about
 * PostgreSQL alone. `interop`: real peers from Debian's packages (SIPp, baresip, Chromium).
 */
export default defineConfig({
  test: {
    // tshark reads what was captured of the whole run.
    teardownTimeout: 900_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{packages,server,lab,client,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', '**/*.postgres.test.ts'],
        },
      },
      ...(postgres
        ? [
            {
              test: {
                name: 'postgres',
                include: [...onEveryDatabase, 'server/src/**/*.postgres.test.ts'],
                globalSetup: ['server/src/store/testing/shared-postgres.ts'],
                env: { RINGTHROUGH_TEST_DATABASE: 'postgres' },
              },
            },
          ]
        : []),
      {
        test: {
          name: 'interop',
          include: ['interop/**/*.test.ts'],
          globalSetup: ['interop/support/capture-run.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
