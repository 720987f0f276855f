import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { constraintOf, dialectOf, newId, openStore, readRows, type Store, writeTogether } from './index.ts';
import { TestDatabase, testDialect } from './testing/index.ts';

// What every database has to keep: run on SQLite and on PostgreSQL.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

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

/** The rule that a write breaks. */
const broken = (write: Promise<unknown>) => write.then(() => 'none', constraintOf);

const newAccount = (id: string, to = store) =>
  to.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 });

async function account(id = newId()): Promise<string> {
  await newAccount(id).execute();
  return id;
}

function number(e164: string, accountId: string, primary: boolean, to = store) {
  return to.insertInto('numbers').values({
    e164,
    account_id: accountId,
    is_primary: primary ? 1 : 0,
    carrier_id: null,
    answer_mode: 'both',
    validated_at: 1,
  });
}

const ids = async (of = store) =>
  (await of.selectFrom('accounts').select('id').orderBy('id').execute()).map(({ id }) => id);

it('is the database that this run is about', () => {
  expect(dialectOf(store)).toBe(testDialect);
});

describe('numbers and accounts', () => {
  const [one, two, three] = ['+14155550101', '+14155550102', '+14155550103'] as const;

  it('a number belongs to one account', async () => {
    const [a, b] = [await account(), await account()];
    await number(one, a, true).execute();
    expect(await broken(number(one, b, true).execute())).toBe('unique');
  });

  it('a number belongs to an account that is there', async () => {
    expect(await broken(number(one, 'nobody', true).execute())).toBe('foreign-key');
  });

  it('an account has one primary', async () => {
    const a = await account();
    await number(one, a, true).execute();
    await number(two, a, false).execute();
    expect(await broken(number(three, a, true).execute())).toBe('unique');
    const second = store.updateTable('numbers').set({ is_primary: 1 }).where('e164', '=', two);
    expect(await broken(second.execute())).toBe('unique');
  });

  it('an account with numbers has a primary', async () => {
    const a = await account();
    expect(await broken(number(one, a, false).execute())).toBe('foreign-key');
    await number(one, a, true).execute();
    await number(two, a, false).execute();
    expect(await broken(store.deleteFrom('numbers').where('e164', '=', one).execute())).toBe('foreign-key');
    expect(await broken(store.updateTable('numbers').set({ is_primary: 0 }).execute())).toBe('foreign-key');
    const rows = store.selectFrom('numbers').select(['e164', 'is_primary']).orderBy('e164');
    expect(await rows.execute()).toEqual([
      { e164: one, is_primary: 1 },
      { e164: two, is_primary: 0 },
    ]);
  });

  it('the primary moves within a transaction, back and forth, and goes when another takes its place', async () => {
    const a = await account();
    await number(one, a, true).execute();
    await number(two, a, false).execute();
    const set = (trx: Store, e164: string, is_primary: 0 | 1) =>
      trx.updateTable('numbers').set({ is_primary }).where('e164', '=', e164).execute();
    await store.transaction().execute(async (trx) => {
      await set(trx, one, 0);
      await set(trx, two, 1);
      await set(trx, two, 0);
      await set(trx, one, 1);
      await set(trx, one, 0);
      await set(trx, two, 1);
    });
    await store.transaction().execute(async (trx) => {
      await trx.deleteFrom('numbers').where('e164', '=', two).execute();
      await set(trx, one, 1);
    });
    expect(await store.selectFrom('numbers').select(['e164', 'is_primary']).execute()).toEqual([
      { e164: one, is_primary: 1 },
    ]);
  });

  it('a transaction that leaves an account without primary is none', async () => {
    const a = await account();
    await number(one, a, true).execute();
    await number(two, a, false).execute();
    const left = store.transaction().execute(async (trx) => {
      await trx.updateTable('numbers').set({ is_primary: 0 }).where('e164', '=', one).execute();
    });
    expect(await broken(left)).toBe('foreign-key');
    const primary = store.selectFrom('numbers').select('e164').where('is_primary', '=', 1);
    expect(await primary.execute()).toEqual([{ e164: one }]);
  });

  it('all that belongs to an account goes with it', async () => {
    const a = await account();
    await number(one, a, true).execute();
    await number(two, a, false).execute();
    const common = { id: 'x', account_id: a };
    const device = {
      name: 'n',
      system: 's',
      kind: 'web' as const,
      sip_user: 'u',
      ha1_md5: '',
      ha1_sha256: '',
    };
    await store
      .insertInto('devices')
      .values({ ...common, ...device, created_at: 1 })
      .execute();
    await store
      .insertInto('calls')
      .values({ ...common, trunk_call_id: 't', arrived_at: 1 })
      .execute();
    const message = { number: one, call_id: 'x', stored_at: 1, duration_ms: 1, file: 'f' };
    await store
      .insertInto('voicemails')
      .values({ ...common, ...message })
      .execute();
    await store
      .insertInto('notices')
      .values({ ...common, code: 'c', data: '{}', created_at: 1 })
      .execute();
    await store.deleteFrom('accounts').where('id', '=', a).execute();
    for (const table of ['numbers', 'devices', 'calls', 'voicemails', 'notices'] as const)
      expect(await store.selectFrom(table).selectAll().execute(), table).toEqual([]);
    // Nothing of it is left behind that a new account would stumble over.
    await account(a);
    await number(one, a, true).execute();
  });
});

describe('values', () => {
  it('times and counts are numbers', async () => {
    const now = Date.now();
    await store.insertInto('accounts').values({ id: 'a', password_hash: 'x', created_at: now }).execute();
    const row = await store
      .selectFrom('accounts')
      .select((eb) => [
        'created_at',
        eb.fn.countAll<number>().over().as('count'),
        eb.fn.max('created_at').over().as('max'),
      ])
      .executeTakeFirst();
    expect(row).toEqual({ created_at: now, count: 1, max: now });
  });

  it('text is kept as it is, but for what no database can hold', async () => {
    for (const text of ['Ünïcode 📞 日本', "' or 1=1 --", '%_\\', ' ']) {
      await store.deleteFrom('accounts').execute();
      await store.insertInto('accounts').values({ id: 'a', password_hash: text, created_at: 1 }).execute();
      expect(await store.selectFrom('accounts').select('password_hash').execute()).toEqual([
        { password_hash: text },
      ]);
    }
    await store.updateTable('accounts').set({ password_hash: 'a\0b' }).execute();
    const [kept] = await store.selectFrom('accounts').select('password_hash').execute();
    expect(kept?.password_hash).toMatch(/^a(\0|\uFFFD)b$/);
  });

  it('rows come as arrays in the order of the columns', async () => {
    await account('a');
    await account('b');
    const query = sql`select created_at, id, 1 as id from accounts where id > ${''} order by accounts.id`;
    const rows = await readRows(store, query.compile(store));
    expect(rows).toEqual([
      [1, 'a', 1],
      [1, 'b', 1],
    ]);
  });

  it('changed rows are counted', async () => {
    await account('a');
    await account('b');
    const { numUpdatedRows } = await store.updateTable('accounts').set({ created_at: 2 }).executeTakeFirst();
    const { numDeletedRows } = await store.deleteFrom('accounts').where('id', '=', 'c').executeTakeFirst();
    expect([numUpdatedRows, numDeletedRows]).toEqual([2n, 0n]);
    const again = newAccount('a').onConflict((conflict) => conflict.column('id').doNothing());
    expect((await again.executeTakeFirst()).numInsertedOrUpdatedRows).toBe(0n);
  });
});

describe('writes', () => {
  it('a thousand at once, each for itself', async () => {
    const writes = Array.from({ length: 1000 }, (_, n) => newAccount(`n${n % 900}`).execute());
    const results = await Promise.allSettled(writes);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(100);
    expect(await ids()).toHaveLength(900);
  });

  it('one that breaks a rule which is looked at last harms no other', async () => {
    const a = await account('a');
    const writes = [
      newAccount('b').execute(),
      number('+14155550101', a, false).execute(),
      newAccount('c').execute(),
    ];
    expect(await Promise.all(writes.map(broken))).toEqual(['none', 'foreign-key', 'none']);
    expect(await ids()).toEqual(['a', 'b', 'c']);
  });

  it('together: all or nothing, whatever goes on beside', async () => {
    const half = broken(writeTogether(store, [newAccount('half'), newAccount('half')]));
    const whole = writeTogether(store, [newAccount('one'), newAccount('two')]);
    const lone = newAccount('lone').execute();
    const late = broken(writeTogether(store, [newAccount('late'), number('+14155550101', 'late', false)]));
    expect(await half).toBe('unique');
    expect(await late).toBe('foreign-key');
    await Promise.all([whole, lone]);
    await writeTogether(store, []);
    expect(await ids()).toEqual(['lone', 'one', 'two']);
  });

  it('happen before the store is closed, and then no more', async () => {
    const writes = Promise.all([newAccount('a').execute(), newAccount('b').execute()]);
    await store.destroy();
    await writes;
    await expect(newAccount('c').execute()).rejects.toThrow();
    store = await openStore(database.options);
    expect(await ids()).toEqual(['a', 'b']);
  });
});

describe('a transaction', () => {
  it('is undone when it fails', async () => {
    const failed = store.transaction().execute(async (trx) => {
      await newAccount('half', trx).execute();
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await ids()).toEqual([]);
  });

  it('is seen by others when it is over', async () => {
    await store.transaction().execute(async (trx) => {
      await newAccount('a', trx).execute();
      expect(await ids(trx)).toEqual(['a']);
      expect(await ids()).toEqual([]);
    });
    expect(await ids()).toEqual(['a']);
  });

  it('reads and writes as if it were alone', async () => {
    await account('counter');
    const counter = (of: Store) => of.selectFrom('accounts').select('created_at').executeTakeFirstOrThrow();
    const add = () =>
      store.transaction().execute(async (trx) => {
        const { created_at } = await counter(trx);
        await trx
          .updateTable('accounts')
          .set({ created_at: created_at + 1 })
          .execute();
      });
    await Promise.all(Array.from({ length: 100 }, add));
    expect(await counter(store)).toEqual({ created_at: 101 });
  });

  it('sees no rows come in that would have changed its mind', async () => {
    // Each looks whether there are fewer than three, and adds one: never more than three.
    const add = (n: number) =>
      store.transaction().execute(async (trx) => {
        if ((await ids(trx)).length < 3) await newAccount(`n${n}`, trx).execute();
      });
    await Promise.all(Array.from({ length: 50 }, (_, n) => add(n)));
    expect(await ids()).toHaveLength(3);
  });

  it('inserts what was not there, once', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, () =>
        store.transaction().execute(async (trx) => {
          const known = await trx
            .selectFrom('accounts')
            .select('id')
            .where('id', '=', 'a')
            .executeTakeFirst();
          if (!known) await newAccount('a', trx).execute();
          return known === undefined;
        }),
      ),
    );
    expect(results.filter((mine) => mine)).toHaveLength(1);
  });

  it('goes beside writes of others', async () => {
    const rounds = Array.from({ length: 30 }, (_, n) =>
      n % 3 === 0
        ? store.transaction().execute(async (trx) => {
            await newAccount(`n${n}`, trx).execute();
            await ids(trx);
          })
        : newAccount(`n${n}`).execute(),
    );
    await Promise.all(rounds);
    expect(await ids()).toHaveLength(30);
  });
});

it('keeps what was committed when it is opened again, and migrates once', async () => {
  await account('kept');
  await store.destroy();
  store = await openStore(database.options);
  expect(await ids()).toEqual(['kept']);
});
