import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId, openStore, type Store } from './index.ts';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-store-'));
  store = await openStore({ path: join(folder, 'deep/er/test.db') });
});
afterEach(async () => {
  await store.destroy();
  rmSync(folder, { recursive: true });
});

async function account(id = newId()): Promise<string> {
  await store.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 }).execute();
  return id;
}

function number(e164: string, accountId: string, primary: boolean) {
  return store
    .insertInto('numbers')
    .values({
      e164,
      account_id: accountId,
      is_primary: primary ? 1 : 0,
      carrier_id: null,
      answer_mode: 'both',
      validated_at: 1,
    })
    .execute();
}

describe('store', () => {
  it('writes ahead, syncs fully and keeps foreign keys', async () => {
    const read = async (pragma: string) =>
      Object.values(
        (await sql.raw<Record<string, unknown>>(`pragma ${pragma}`).execute(store)).rows[0] ?? {},
      );
    expect(await read('journal_mode')).toEqual(['wal']);
    expect(await read('synchronous')).toEqual([2]);
    expect(await read('foreign_keys')).toEqual([1]);
    expect(await read('busy_timeout')).toEqual([5000]);
  });

  it('lets a number belong to one account only', async () => {
    const [a, b] = [await account(), await account()];
    await number('+14155550101', a, true);
    await expect(number('+14155550101', b, true)).rejects.toThrow(/UNIQUE/);
  });

  it('lets an account have one primary only', async () => {
    const a = await account();
    await number('+14155550101', a, true);
    await number('+14155550102', a, false);
    await number('+14155550103', a, false);
    await expect(number('+14155550104', a, true)).rejects.toThrow(/UNIQUE/);
  });

  it('refuses a number of no account', async () => {
    await expect(number('+14155550101', 'nobody', true)).rejects.toThrow(/FOREIGN KEY/);
  });

  it('forgets what belongs to a deleted account', async () => {
    const a = await account();
    await number('+14155550101', a, true);
    await store.deleteFrom('accounts').where('id', '=', a).execute();
    expect(await store.selectFrom('numbers').selectAll().execute()).toEqual([]);
  });

  it('undoes a transaction that fails', async () => {
    const failed = store.transaction().execute(async (trx) => {
      await trx.insertInto('accounts').values({ id: 'half', password_hash: 'x', created_at: 1 }).execute();
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await store.selectFrom('accounts').selectAll().execute()).toEqual([]);
  });

  it('keeps what was committed when it is opened again, and migrates once', async () => {
    await account('kept');
    await store.destroy();
    store = await openStore({ path: join(folder, 'deep/er/test.db') });
    expect(await store.selectFrom('accounts').select('id').execute()).toEqual([{ id: 'kept' }]);
  });

  it('streams rows while the same text runs again', async () => {
    await account('a');
    await account('b');
    const seen: string[] = [];
    for await (const row of store.selectFrom('accounts').select('id').orderBy('id').stream())
      seen.push(row.id);
    expect(seen).toEqual(['a', 'b']);
  });
});

describe('newId', () => {
  it('is 20 safe characters, never the same', () => {
    const ids = new Set(Array.from({ length: 1000 }, newId));
    expect(ids.size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[a-z][a-z0-9]{19}$/);
  });
});
