import { VirtualClock } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore, type Store } from '../store/index.ts';
import { BatchedWrites } from './batched-writes.ts';

let store: Store;
let clock: VirtualClock;
let writes: BatchedWrites;

beforeEach(async () => {
  store = await openStore({ path: ':memory:' });
  clock = new VirtualClock();
  writes = new BatchedWrites(store, clock);
});

afterEach(async () => {
  await store.destroy();
  expect(clock.pending).toBe(0);
});

const account = (id: string) => (to: Store) =>
  to.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 }).execute();

const ids = async () =>
  (await store.selectFrom('accounts').select('id').orderBy('id').execute()).map(({ id }) => id);

test('writes wait for each other and resolve when they are stored', async () => {
  const all = Promise.all([writes.add(account('a')), writes.add(account('b'))]);
  expect(await ids()).toEqual([]);
  await clock.advance(50);
  await all;
  expect(await ids()).toEqual(['a', 'b']);
});

test('one that fails does not harm the others', async () => {
  const results = Promise.allSettled(['a', 'a', 'b'].map((id) => writes.add(account(id))));
  await clock.advance(50);
  expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await ids()).toEqual(['a', 'b']);
});

test('what comes while a batch is written goes with the next one', async () => {
  const order: string[] = [];
  const first = writes.add(async (to) => {
    void writes.add(account('later')).then(() => order.push('later'));
    await account('first')(to);
  });
  void first.then(() => order.push('first'));
  await clock.advance(50);
  await clock.advance(50);
  expect(order).toEqual(['first', 'later']);
  expect(await ids()).toEqual(['first', 'later']);
});

test('more than a batch holds', async () => {
  const all = Promise.all(Array.from({ length: 1200 }, (_, n) => writes.add(account(`n${n}`))));
  await clock.advance(500);
  await all;
  expect(await ids()).toHaveLength(1200);
});
