import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStore, type Store } from './index.ts';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-sqlite-'));
  store = await openStore({ path: join(folder, 'deep/er/test.db') });
});
afterEach(async () => {
  await store.destroy();
  rmSync(folder, { recursive: true });
});

it('writes ahead, syncs fully and keeps foreign keys', async () => {
  const read = async (pragma: string) =>
    Object.values((await sql.raw<Record<string, unknown>>(`pragma ${pragma}`).execute(store)).rows[0] ?? {});
  expect(await read('journal_mode')).toEqual(['wal']);
  expect(await read('synchronous')).toEqual([2]);
  expect(await read('foreign_keys')).toEqual([1]);
  expect(await read('busy_timeout')).toEqual([5000]);
});

it('streams rows while the same text runs again', async () => {
  for (const id of ['a', 'b'])
    await store.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 }).execute();
  const seen: string[] = [];
  for await (const row of store.selectFrom('accounts').select('id').orderBy('id').stream()) seen.push(row.id);
  expect(seen).toEqual(['a', 'b']);
});

it('finds what hangs on a row that is deleted without reading whole tables', async () => {
  const rows = async <Row>(text: string) => (await sql.raw<Row>(text).execute(store)).rows;
  const tables = await rows<{ name: string }>("select name from sqlite_schema where type = 'table'");
  const looked: string[] = [];
  for (const { name } of tables) {
    for (const key of await rows<{ from: string }>(`pragma foreign_key_list (${name})`)) {
      const plan = await rows<{ detail: string }>(
        `explain query plan select 1 from ${name} where ${key.from} = 'x'`,
      );
      expect(plan.map(({ detail }) => detail).join(), `${name}.${key.from}`).toMatch(/^SEARCH /);
      looked.push(`${name}.${key.from}`);
    }
  }
  expect(looked).toContain('calls.answered_device_id');
});
