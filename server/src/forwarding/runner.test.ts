import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from '../log.ts';
import { openStore, type Store } from '../store/index.ts';
import { ForwardingJobs } from './jobs.ts';
import { ForwardingRunner } from './runner.ts';

vi.setConfig({ testTimeout: 30_000 });

let store: Store;
let runner: ForwardingRunner;
let asked: number;
let log: string[];

beforeEach(async () => {
  store = await openStore({ path: ':memory:' });
  [asked, log] = [0, []];
});
afterEach(async () => {
  await runner.close();
  await store.destroy();
});

it('asks a carrier no more often than agreed while nothing can be written', async () => {
  const jobs = new ForwardingJobs(Date.now);
  const job = { number: '+14155550101', accountId: 'a', carrierId: 'us', cNumber: '+14155559000' };
  await jobs.put(store, { ...job, action: 'activate', noReplySeconds: null });
  // As a disk that is full: what is there can be read.
  for (const what of ['update', 'delete'])
    await sql
      .raw(
        `create trigger full_${what} before ${what} on forwarding_jobs begin select raise(abort, 'full'); end`,
      )
      .execute(store);
  const ask = async () => {
    asked += 1;
    // As anything over a network: others have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return { state: 'active', noReplySeconds: null, source: 'carrier' } as const;
  };
  runner = new ForwardingRunner({
    store,
    jobs,
    log: createLogger({ level: 'error', destination: 'none' }, { write: (line) => log.push(line) }),
    now: Date.now,
    provisionerOf: () => ({ automatic: true, activate: ask, deactivate: ask, read: ask }),
    settle: async (one) => void (await jobs.finish(store, one)),
    firstRetryMs: 60_000,
    maxRetryMs: 60_000,
    giveUpAfterMs: 3_600_000,
    parallel: 4,
  });
  runner.start();
  await vi.waitFor(() => expect(log.length).toBeGreaterThan(0), { timeout: 20_000 });
  for (let look = 0; look < 50; look += 1) await jobs.due(store, Date.now(), 10);
  expect(asked).toBe(1);
  runner.wake();
  for (let look = 0; look < 50; look += 1) await jobs.due(store, Date.now(), 10);
  expect(asked).toBe(1);
  expect(await jobs.due(store, Date.now(), 10)).toHaveLength(1);
});
