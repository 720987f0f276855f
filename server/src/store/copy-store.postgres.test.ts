import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { copyStore, openStore, type Store } from './index.ts';
import { TestDatabase } from './testing/index.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const script = fileURLToPath(new URL('../copy-database.ts', import.meta.url));
let folder: string;
let database: TestDatabase;
const stores: Store[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-copy-'));
  database = await TestDatabase.create();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.destroy();
  database.remove();
  rmSync(folder, { recursive: true });
});

const path = () => join(folder, 'data/ringthrough.db');

async function open(options: Parameters<typeof openStore>[0]): Promise<Store> {
  const store = await openStore(options);
  stores.push(store);
  return store;
}

const now = 1_800_000_000_000;

/** Somebody with a thousand calls, and one row at least of what hangs on accounts and devices. */
async function fill(store: Store): Promise<void> {
  const account = { password_hash: 'x', created_at: now };
  await store
    .insertInto('accounts')
    .values({ id: 'ann', ...account })
    .execute();
  const number = { account_id: 'ann', carrier_id: null, answer_mode: 'both' as const, validated_at: now };
  // The primary is not the first that is read.
  await store.transaction().execute(async (trx) => {
    await trx
      .insertInto('numbers')
      .values({ ...number, e164: '+14155550101', is_primary: 0 })
      .execute();
    await trx
      .insertInto('numbers')
      .values({ ...number, e164: '+14155550102', is_primary: 1 })
      .execute();
  });
  const device = { system: '', kind: 'web' as const, ha1_md5: '', ha1_sha256: '', created_at: now };
  await store
    .insertInto('devices')
    .values({ ...device, id: 'd1', account_id: 'ann', name: 'Ünïcode 📞', sip_user: 'u' })
    .execute();
  const binding = {
    contact_uri: 'sip:a@b',
    call_id: 'c',
    cseq: 4_294_967_295,
    transport: 'udp',
    local: '',
    remote: '',
  };
  await store
    .insertInto('bindings')
    .values({ ...binding, device_id: 'd1', registered_at: now, expires_at: now })
    .execute();
  const calls = Array.from({ length: 1100 }, (_, n) => ({
    id: `c${n}`,
    account_id: 'ann',
    trunk_call_id: 't',
    arrived_at: now + n,
    answered_device_id: 'd1',
  }));
  for (let n = 0; n < calls.length; n += 100)
    await store
      .insertInto('calls')
      .values(calls.slice(n, n + 100))
      .execute();
  const message = { number: '+14155550101', call_id: 'c1', stored_at: now, duration_ms: 1, file: 'f' };
  await store
    .insertInto('voicemails')
    .values({ ...message, id: 'v', account_id: 'ann' })
    .execute();
  const notice = { code: 'number-lost', data: '{}', created_at: now };
  await store
    .insertInto('notices')
    .values({ ...notice, id: 'n', account_id: 'ann' })
    .execute();
}

async function everything(store: Store, tables: readonly string[]): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const table of tables) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)}`.execute(store);
    const comparable = rows.map(({ primary_of: _, ...row }) => JSON.stringify(Object.entries(row).sort()));
    all[table] = comparable.sort();
  }
  return all;
}

it('everything is there, and nothing is lost on the way', async () => {
  const [from, to] = [await open({ path: path() }), await open(database.options)];
  await fill(from);
  const counts = await copyStore(from, to);
  expect(counts).toMatchObject({
    accounts: 1,
    numbers: 2,
    devices: 1,
    bindings: 1,
    calls: 1100,
    voicemails: 1,
    notices: 1,
  });
  const tables = Object.keys(counts);
  expect(await everything(to, tables)).toEqual(await everything(from, tables));
  // Every table of SQLite is copied, but for what databases keep for themselves.
  const known = (await from.introspection.getTables()).map(({ name }) => name);
  expect(known.filter((name) => !tables.includes(name) && name !== 'account_primaries')).toEqual([]);
  await expect(copyStore(from, to)).rejects.toThrow(/must be empty/);
});

it('as a program; the server that has the data is not disturbed', async () => {
  const from = await open({ path: path() });
  await fill(from);
  await from.destroy();
  const environment = { PATH: process.env.PATH, RINGTHROUGH_DATA_DIR: join(folder, 'data') };
  const run = (url: string | undefined) =>
    promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
      cwd: folder,
      env: url === undefined ? environment : { ...environment, RINGTHROUGH_DATABASE_URL: url },
    });
  await expect(run(undefined)).rejects.toMatchObject({ stderr: expect.stringContaining('Set database.url') });
  const { stdout } = await run(database.url);
  expect(stdout).toMatch(/calls: 1100\n/);
  expect(stdout).toMatch(/Voice messages and the key stay/);
  await expect(run(database.url)).rejects.toMatchObject({ stderr: expect.stringContaining('must be empty') });
  const to = await open(database.options);
  expect(await to.selectFrom('numbers').select('e164').where('is_primary', '=', 1).execute()).toEqual([
    { e164: '+14155550102' },
  ]);
});
