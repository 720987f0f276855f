import { defineConfig } from 'vitest/config';

/** `unit`: needs nothing but Node. `interop`: real peers from Debian's packages (SIPp, baresip, Chromium). */
export default defineConfig({
  test: {
    // tshark reads what was captured of the whole run.
    teardownTimeout: 900_000,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{packages,server,lab,client,scripts}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
        },
      },
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
