import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { constraintOf, openStore, type Store } from './index.ts';
import { migrations } from './migrations/index.ts';
import { NodeSqlite } from './node-sqlite.ts';

let folder: string;
let store: Store | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-migrations-'));
});
afterEach(async () => {
  await store?.destroy();
  rmSync(folder, { recursive: true });
});

/** The tables as an earlier version has left them. @returns the file */
async function databaseOf(version: keyof typeof migrations): Promise<string> {
  const path = join(folder, 'old.db');
  const database = new NodeSqlite(path, { busyTimeoutMs: 100 });
  const old = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  const { error } = await new Migrator({
    db: old,
    provider: { getMigrations: async () => migrations },
  }).migrateTo(String(version));
  await old.destroy();
  if (error) throw error;
  return path;
}

it('0003 to 0005: bindings go on, and all that hangs on devices stays', async () => {
  const path = await databaseOf('0002-silent-bindings');
  const old = new DatabaseSync(path);
  old.exec(`
    insert into accounts values ('ann', 'hash', 1);
    insert into devices values
      ('d1', 'ann', 'Phone', 'Linphone', 'softphone', 'u1', 'm', 's', 1, 2),
      ('d2', 'ann', 'Tab', 'Chrome', 'web', 'u2', 'm', 's', 1, null);
    insert into sessions values ('token', 'ann', 'd2', 1, 2, 3);
    insert into bindings values
      ('d1', 'sip:u1@192.0.2.7', 'c1', 7, 'udp', '192.0.2.1:5060', '192.0.2.7:5060', 'Linphone', 10, 9000, 1),
      ('d2', 'sip:x@y.invalid', 'c2', 1, 'ws', 'l', 'r', null, 11, 9001, 0);
    insert into calls (id, account_id, trunk_call_id, arrived_at, answered_device_id)
      values ('call', 'ann', 'x', 5, 'd1');
  `);
  old.close();

  store = await openStore({ path });
  const common = { flow_key: '', path: null };
  expect(await store.selectFrom('bindings').selectAll().orderBy('device_id').execute()).toEqual([
    {
      ...common,
      device_id: 'd1',
      contact_uri: 'sip:u1@192.0.2.7',
      call_id: 'c1',
      cseq: 7,
      transport: 'udp',
      local: '192.0.2.1:5060',
      remote: '192.0.2.7:5060',
      user_agent: 'Linphone',
      registered_at: 10,
      expires_at: 9000,
      silent: 1,
    },
    {
      ...common,
      device_id: 'd2',
      contact_uri: 'sip:x@y.invalid',
      call_id: 'c2',
      cseq: 1,
      transport: 'ws',
      local: 'l',
      remote: 'r',
      user_agent: null,
      registered_at: 11,
      expires_at: 9001,
      silent: 0,
    },
  ]);
  // Its browser logs in again.
  expect(await store.selectFrom('sessions').select('device_id').execute()).toEqual([]);
  expect(await store.selectFrom('calls').select('answered_device_id').execute()).toEqual([
    { answered_device_id: 'd1' },
  ]);
  await store.deleteFrom('devices').where('id', '=', 'd1').execute();
  expect(await store.selectFrom('bindings').select('device_id').execute()).toEqual([{ device_id: 'd2' }]);
});

it('0006: numbers stay; an account with numbers has a primary, the oldest where there was none', async () => {
  const path = await databaseOf('0005-device-identities');
  const old = new DatabaseSync(path);
  old.exec(`
    insert into accounts values ('ann', 'hash', 1), ('bob', 'hash', 2), ('none', 'hash', 3);
    insert into numbers values
      ('+1', 'ann', 0, null, 'both', 10), ('+2', 'ann', 1, 'us', 'mca', 20),
      ('+3', 'bob', 0, null, 'both', 40), ('+4', 'bob', 0, null, 'voicemail', 30);
  `);
  old.close();
  store = await openStore({ path });
  const rows = store
    .selectFrom('numbers')
    .select(['e164', 'account_id', 'is_primary', 'carrier_id', 'answer_mode']);
  expect(await rows.orderBy('e164').execute()).toEqual([
    { e164: '+1', account_id: 'ann', is_primary: 0, carrier_id: null, answer_mode: 'both' },
    { e164: '+2', account_id: 'ann', is_primary: 1, carrier_id: 'us', answer_mode: 'mca' },
    { e164: '+3', account_id: 'bob', is_primary: 0, carrier_id: null, answer_mode: 'both' },
    { e164: '+4', account_id: 'bob', is_primary: 1, carrier_id: null, answer_mode: 'voicemail' },
  ]);
  const alone = store.deleteFrom('numbers').where('e164', '=', '+2').execute();
  expect(constraintOf(await alone.catch((error: unknown) => error))).toBe('foreign-key');
});

it('a migration that cannot be finished has not begun: the data are as they were', async () => {
  const path = await databaseOf('0005-device-identities');
  const old = new DatabaseSync(path);
  old.exec(`
    insert into accounts values ('ann', 'hash', 1);
    insert into numbers values ('+1', 'ann', 1, null, 'both', 10);
    create table ruled_numbers (in_the_way text);
  `);
  const schema = () => old.prepare('select name, sql from sqlite_master order by name').all();
  const before = schema();
  await expect(openStore({ path })).rejects.toThrow(/already exists/);
  expect(schema()).toEqual(before);
  expect(old.prepare('select e164 from numbers').all()).toEqual([{ e164: '+1' }]);
  old.exec('drop table ruled_numbers');
  old.close();
  store = await openStore({ path });
  expect(await store.selectFrom('numbers').select('e164').execute()).toEqual([{ e164: '+1' }]);
});
