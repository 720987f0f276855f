import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { PasswordHasher } from './password-hasher.ts';
import { Passwords } from './passwords.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const argon2 = { memoryKib: 1024, passes: 1, atOnce: 1 };
let database: TestDatabase;
let store: Store;
beforeEach(async () => {
  database = await TestDatabase.create();
  store = await openStore(database.options);
});
afterEach(async () => {
  await store.destroy();
  database.remove();
});

it('a hash of older parameters is made anew at a login; where too many wait, at another one', async () => {
  const old = await new PasswordHasher({ ...argon2, passes: 2 }).hash('correct horse battery');
  await store.insertInto('accounts').values({ id: 'ann', password_hash: old, created_at: 1 }).execute();
  const stored = async () =>
    (await store.selectFrom('accounts').select('password_hash').executeTakeFirstOrThrow()).password_hash;
  const passwords = new Passwords({ store, argon2, minLength: 8, maxLength: 100 });
  const queue = Array.from({ length: 101 }, () => passwords.verify('no idea', undefined));
  await expect(passwords.hash('correct horse battery')).rejects.toMatchObject({ code: 'too-many-requests' });
  await passwords.refresh('ann', 'correct horse battery', old);
  expect(await stored()).toBe(old);
  await Promise.all(queue);
  await passwords.refresh('ann', 'correct horse battery', old);
  expect(await stored()).toMatch(/\$m=1024,t=1,/);
  expect(await passwords.verify('correct horse battery', await stored())).toBe(true);
});
