import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeSqlite } from '../node-sqlite.ts';
import { openStore, type Store, writeTogether } from '../store.ts';
import { StoreWriter } from './store-writer.ts';

let folder: string;
let path: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-writer-'));
  path = join(folder, 'test.db');
  store = await openStore({ path });
});
afterEach(async () => {
  await store.destroy();
  rmSync(folder, { recursive: true });
});

const account = (id: string, to = store) =>
  to.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 });

const ids = async (of = store) =>
  (await of.selectFrom('accounts').select('id').orderBy('id').execute()).map(({ id }) => id);

describe('writes outside of a transaction', () => {
  it('are there for everybody when they resolve', async () => {
    const other = new NodeSqlite(path, { busyTimeoutMs: 0 });
    await account('a').execute();
    expect(other.prepare('select id from accounts').all([])).toEqual([{ id: 'a' }]);
    expect(await ids()).toEqual(['a']);
    other.close();
  });

  it('do not hold up the event loop: a turn of it comes between', async () => {
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await account('a').execute();
    expect(turned).toBe(true);
  });

  it('keep their order, a thousand at once', async () => {
    const order: number[] = [];
    const writes = Array.from({ length: 1000 }, async (_, n) => {
      await account(`n${n}`).execute();
      order.push(n);
    });
    await Promise.all(writes);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(await ids()).toHaveLength(1000);
  });

  it('fail alone', async () => {
    const results = await Promise.allSettled(['a', 'a', 'b'].map((id) => account(id).execute()));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { name: 'StoreWriteError', code: 'sqlite', errcode: 1555 } });
    expect(await ids()).toEqual(['a', 'b']);
  });

  it('tell how many rows they changed, and return rows', async () => {
    const made = await account('a').returning('created_at').executeTakeFirst();
    expect(made).toEqual({ created_at: 1 });
    const { numUpdatedRows } = await store
      .updateTable('accounts')
      .set({ password_hash: 'y' })
      .where('id', 'in', ['a', 'b'])
      .executeTakeFirst();
    expect(numUpdatedRows).toBe(1n);
  });

  it('happen before the store is closed', async () => {
    const writes = Promise.all([account('a').execute(), account('b').execute()]);
    await store.destroy();
    await writes;
    store = await openStore({ path });
    expect(await ids()).toEqual(['a', 'b']);
  });
});

describe('writeTogether', () => {
  it('writes all or nothing, and harms no other write', async () => {
    const half = writeTogether(store, [account('half'), account('half')]);
    const whole = writeTogether(store, [account('one'), account('two')]);
    const lone = account('lone').execute();
    await expect(half).rejects.toThrow(/UNIQUE/);
    await Promise.all([whole, lone]);
    expect(await ids()).toEqual(['lone', 'one', 'two']);
  });

  it('does so in a database in memory', async () => {
    const memory = await openStore({ path: ':memory:' });
    await expect(writeTogether(memory, [account('a', memory), account('a', memory)])).rejects.toThrow(
      /UNIQUE/,
    );
    await writeTogether(memory, [account('b', memory), account('c', memory)]);
    expect(await ids(memory)).toEqual(['b', 'c']);
    await memory.destroy();
  });
});

describe('a transaction', () => {
  it('sees what was written before it and holds back what is written after', async () => {
    const before = account('before').execute();
    let after: Promise<unknown> | undefined;
    await store.transaction().execute(async (trx) => {
      after = account('after').execute();
      expect(await ids(trx)).toEqual(['before']);
      await account('inside', trx).execute();
      expect(await ids()).toEqual(['before']);
    });
    expect(await ids()).toContain('inside');
    await Promise.all([before, after]);
    expect(await ids()).toEqual(['after', 'before', 'inside']);
  });

  it('lets the writer go on when it fails', async () => {
    const failed = store.transaction().execute(async (trx) => {
      await account('a', trx).execute();
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    await account('b').execute();
    expect(await ids()).toEqual(['b']);
  });

  it('takes turns with others and with writes', async () => {
    const rounds = Array.from({ length: 30 }, (_, n) =>
      n % 3 === 0
        ? store.transaction().execute(async (trx) => {
            await account(`n${n}`, trx).execute();
            await ids(trx);
          })
        : account(`n${n}`).execute(),
    );
    await Promise.all(rounds);
    expect(await ids()).toHaveLength(30);
  });
});

describe('StoreWriter', () => {
  const insert = (id: string) => [
    {
      sql: 'insert into accounts (id, password_hash, created_at) values (?, ?, ?)',
      parameters: [id, 'x', 1],
    },
  ];

  it('refuses what is too much, and takes more when that is written', async () => {
    const writer = new StoreWriter({ path, busyTimeoutMs: 0, maxWaiting: 2 });
    const results = await Promise.allSettled(['a', 'b', 'c'].map((id) => writer.write(insert(id))));
    expect(results[2]).toMatchObject({ status: 'rejected', reason: { code: 'overload' } });
    await writer.write(insert('d'));
    await writer.close();
    await expect(writer.write(insert('e'))).rejects.toMatchObject({ code: 'closed' });
    expect(await ids()).toEqual(['a', 'b', 'd']);
  });

  it('fails a whole group when another process has the file, and goes on after', async () => {
    const other = new NodeSqlite(path, { busyTimeoutMs: 0 });
    const writer = new StoreWriter({ path, busyTimeoutMs: 0, maxWaiting: 10 });
    other.exec('BEGIN IMMEDIATE');
    const busy = Promise.allSettled([writer.write(insert('a')), writer.write(insert('b'))]);
    expect((await busy).map((result) => 'reason' in result && result.reason.errcode)).toEqual([5, 5]);
    other.exec('ROLLBACK');
    other.close();
    await writer.write(insert('c'));
    await writer.close();
    expect(await ids()).toEqual(['c']);
  });

  it('tells of a thread that cannot work', async () => {
    const writer = new StoreWriter({ path: folder, busyTimeoutMs: 0, maxWaiting: 10 });
    await expect(writer.write(insert('a'))).rejects.toMatchObject({ code: 'lost' });
    await writer.close();
  });
});

it('keeps what was acknowledged when the process is killed', async () => {
  await store.destroy();
  const script = fileURLToPath(new URL('killed-writer.testing.ts', import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.length > 2000) break;
  }
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  const acknowledged = said.split('\n').slice(0, -1);
  expect(acknowledged.length).toBeGreaterThan(100);
  store = await openStore({ path });
  const stored = new Set(await ids());
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
}, 30_000);
