import { afterEach, beforeEach, expect, it } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { Notices } from './notices.ts';

const weekMs = 7 * 24 * 3_600_000;
let database: TestDatabase;
let store: Store;
let notices: Notices;
let now: number;
let announced: string[];

beforeEach(async () => {
  database = await TestDatabase.create({ memory: true });
  store = await openStore(database.options);
  for (const id of ['ann', 'bob']) {
    await store.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 }).execute();
  }
  now = 1_700_000_000_000;
  announced = [];
  const fabric = new LocalFabric((error) => announced.push(String(error)));
  fabric.subscribe('account.notice', ({ accountId, code }) => void announced.push(`${accountId} ${code}`));
  notices = new Notices({ store, fabric, now: () => now });
});

afterEach(async () => {
  await store.destroy();
  database.remove();
});

const tell = async (accountId: string, number: string) => {
  await notices.tellOnce(accountId, { code: 'carrier-voicemail', data: { number } }, weekMs);
  return (await notices.list(accountId)).length;
};

it('a person is told once, and again when it was read and a week has passed', async () => {
  expect(await tell('ann', '+14155550101')).toBe(1);
  expect(await tell('ann', '+14155550101')).toBe(1);
  now += 2 * weekMs;
  // Still unread: there is nothing to add.
  expect(await tell('ann', '+14155550101')).toBe(1);
  const [notice] = await notices.list('ann');
  await notices.markSeen('ann', notice?.id ?? '');
  expect(await tell('ann', '+14155550101')).toBe(2);
  await notices.markSeen('ann', (await notices.list('ann'))[0]?.id ?? '');
  now += weekMs - 1;
  expect(await tell('ann', '+14155550101')).toBe(2);
  expect(announced).toEqual(['ann carrier-voicemail', 'ann carrier-voicemail']);
});

it('each number and each account is told for itself', async () => {
  expect([await tell('ann', '+14155550101'), await tell('ann', '+14155550102')]).toEqual([1, 2]);
  expect(await tell('bob', '+14155550101')).toBe(1);
  expect(announced).toHaveLength(3);
});

it('an account that is closed meanwhile is told nothing, and nothing fails', async () => {
  expect(await tell('gone', '+14155550101')).toBe(0);
  expect(announced).toEqual([]);
});
