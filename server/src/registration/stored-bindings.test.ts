import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { BindingStore, type KnownBinding } from './binding-store.ts';
import { type StoredDevice, storedDevices } from './stored-bindings.ts';

// What registrations ask of the database, on every kind of it.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let database: TestDatabase;
let store: Store;
let bindings: BindingStore;
beforeEach(async () => {
  database = await TestDatabase.create();
  store = await openStore(database.options);
  bindings = new BindingStore(store);
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
});
afterEach(async () => {
  await store.destroy();
  database.remove();
});

async function devices(...ids: string[]): Promise<void> {
  const common = { account_id: 'ann', system: '', kind: 'softphone' as const, ha1_md5: '', ha1_sha256: '' };
  const rows = ids.map((id) => ({ ...common, id, name: `of ${id}`, sip_user: `u-${id}`, created_at: 1 }));
  for (let n = 0; n < rows.length; n += 100)
    await store
      .insertInto('devices')
      .values(rows.slice(n, n + 100))
      .execute();
}

const binding = (more: Partial<KnownBinding> = {}): KnownBinding => ({
  contactUri: 'sip:a@192.0.2.7',
  callId: 'c',
  cseq: 4_294_967_295,
  instance: undefined,
  flowKey: '',
  transport: 'udp',
  local: 'l',
  remote: 'r',
  path: undefined,
  userAgent: undefined,
  registeredAt: 1_800_000_000_000,
  expiresAt: 1_800_000_300_000,
  silent: false,
  ...more,
});

const save = (deviceId: string, ...bound: KnownBinding[]) =>
  bindings.save(deviceId, { bound, gone: [], seenAt: undefined });

async function stored(): Promise<StoredDevice[]> {
  const all: StoredDevice[] = [];
  for await (const some of storedDevices(store)) all.push(...some);
  return all;
}

test('bindings come back as they were saved, the oldest first, with who is behind them', async () => {
  await devices('d1', 'd2', 'd3');
  const second = binding({
    contactUri: 'sip:b@192.0.2.8',
    registeredAt: 5,
    path: '<sip:p;lr>',
    userAgent: 'Ü',
  });
  await save('d2', binding({ silent: true }), second);
  await save('d1', binding({ instance: 'urn:x;1', flowKey: 'urn:x;1' }));
  const who = (id: string) => ({
    deviceId: id,
    accountId: 'ann',
    deviceName: `of ${id}`,
    sipUser: `u-${id}`,
  });
  expect(await stored()).toEqual([
    { ...who('d1'), bindings: [binding({ instance: 'urn:x;1', flowKey: 'urn:x;1' })] },
    { ...who('d2'), bindings: [second, binding({ silent: true })] },
  ]);
});

test('a refresh replaces, what is gone goes, and the device was seen: all of it or nothing', async () => {
  await devices('d1');
  const [old, other] = [binding(), binding({ contactUri: 'sip:other@h' })];
  await save('d1', old, other);
  const fresh = binding({ cseq: 7, expiresAt: 9 });
  await bindings.save('d1', { bound: [fresh], gone: [other], seenAt: 50 });
  expect((await stored())[0]?.bindings).toEqual([fresh]);
  const seen = () => store.selectFrom('devices').select('last_seen_at').execute();
  expect(await seen()).toEqual([{ last_seen_at: 50 }]);
  await bindings.save('d1', { bound: [], gone: [], seenAt: 40 });
  expect(await seen()).toEqual([{ last_seen_at: 50 }]);
  await expect(bindings.save('nobody', { bound: [old], gone: [fresh], seenAt: 60 })).rejects.toThrow();
  expect((await stored())[0]?.bindings).toEqual([fresh]);
});

test('who does not answer is noted, and is seen when it does again', async () => {
  await devices('d1');
  await save('d1', binding());
  await bindings.saveSilence('d1', binding({ silent: true }), 7);
  expect((await stored())[0]?.bindings).toEqual([binding({ silent: true })]);
  await bindings.saveSilence('d1', binding(), 8);
  expect((await stored())[0]?.bindings).toEqual([binding()]);
  expect(await store.selectFrom('devices').select('last_seen_at').execute()).toEqual([{ last_seen_at: 8 }]);
});

test('a start forgets what died with its connection and what has expired', async () => {
  await devices('d1', 'd2', 'd3', 'd4');
  await save('d1', binding({ expiresAt: 101 }));
  await save('d2', binding({ expiresAt: 100 }));
  await save('d3', binding({ transport: 'ws', expiresAt: 101 }));
  await save('d4', binding({ transport: 'ws', path: '<sip:p;lr>', expiresAt: 101 }));
  await bindings.forgetDead(100);
  expect((await stored()).map(({ deviceId }) => deviceId)).toEqual(['d1', 'd4']);
});

test('more than fit into one page, and a device that two pages share', async () => {
  const ids = Array.from({ length: 240 }, (_, n) => `d${String(n).padStart(3, '0')}`);
  await devices(...ids);
  const contacts = Array.from({ length: 40 }, (_, n) =>
    binding({ contactUri: `sip:Ä-${n}@h`, registeredAt: n }),
  );
  for (const id of ids) await save(id, ...(id === 'd230' ? contacts : [binding()]));
  const all = await stored();
  expect(all.map(({ deviceId }) => deviceId)).toEqual(ids);
  expect(all.find(({ deviceId }) => deviceId === 'd230')?.bindings).toEqual(contacts);
});
