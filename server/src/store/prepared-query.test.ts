import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStore, type Store } from './index.ts';
import { prepareQuery } from './prepared-query.ts';

let store: Store;
beforeEach(async () => {
  store = await openStore({ path: ':memory:' });
});
afterEach(() => store.destroy());

it('runs with other values each time, constants stay', async () => {
  const insert = prepareQuery<{ id: string; at: number }>((parameter) =>
    store
      .insertInto('accounts')
      .values({ id: parameter('id'), password_hash: 'constant', created_at: parameter('at') }),
  );
  for (const [id, at] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    await store.executeQuery(insert({ id, at }));
  }
  const byId = prepareQuery<{ id: string }, { created_at: number; password_hash: string }>((parameter) =>
    store.selectFrom('accounts').select(['created_at', 'password_hash']).where('id', '=', parameter('id')),
  );
  const { rows } = await store.executeQuery(byId({ id: 'b' }));
  expect(rows).toEqual([{ created_at: 2, password_hash: 'constant' }]);
});

it('takes parameters in raw SQL, and the same one twice', async () => {
  const query = prepareQuery<{ text: string }, { length: number; same: number }>((parameter) =>
    store.selectNoFrom([
      sql<number>`length(${parameter('text')})`.as('length'),
      sql<number>`${parameter('text')} = 'four'`.as('same'),
    ]),
  );
  expect((await store.executeQuery(query({ text: 'four' }))).rows).toEqual([{ length: 4, same: 1 }]);
});
