import { TestAuthority } from '@ringthrough/sip/testing';
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  constraintOf,
  DataInUseError,
  isTemporary,
  openStore,
  type Store,
  StoreUnavailableError,
  writeTogether,
} from '../index.ts';
import { PostgresServer } from '../testing/index.ts';

// A server that is killed and started again, on a machine that is busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: PostgresServer;
const stores: Store[] = [];

beforeAll(async () => {
  server = await PostgresServer.start();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.destroy();
});
afterAll(() => server?.stop());

const troubles: unknown[] = [];
type Options = Omit<Extract<Parameters<typeof openStore>[0], { url: string }>, 'url'>;

async function open(url: string, options: Options = {}): Promise<Store> {
  const store = await openStore({ url, onTrouble: (error) => troubles.push(error), ...options });
  stores.push(store);
  return store;
}

const account = (store: Store, id: string) =>
  store.insertInto('accounts').values({ id, password_hash: 'x', created_at: 1 });
const ids = async (store: Store) =>
  (await store.selectFrom('accounts').select('id').orderBy('id').execute()).map(({ id }) => id);

/** Asks until it is answered. */
async function back(store: Store): Promise<void> {
  for (;;) {
    try {
      await ids(store);
      return;
    } catch (error) {
      expect(error).toBeInstanceOf(StoreUnavailableError);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const backend = async (store: Store) =>
  Number((await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(store)).rows[0]?.pid);
const terminate = (pid: number) => server.query(`select pg_terminate_backend(${pid})`);

describe('when the database goes away', () => {
  it('whoever asks is told, what was acknowledged is there when it is back, and all goes on', async () => {
    const store = await open(await server.createDatabase());
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    let going = true;
    const writer = async (name: string) => {
      for (let n = 0; going; n += 1) {
        const id = `${name}-${n}`;
        await account(store, id)
          .execute()
          .then(() => acknowledged.push(id))
          .catch((error: unknown) => failures.push(error));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const writers = Array.from({ length: 8 }, (_, n) => writer(`w${n}`));
    while (acknowledged.length < 200) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.kill('SIGKILL');
    while (failures.length < 50) await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(store.transaction().execute((trx) => ids(trx))).rejects.toBeInstanceOf(
      StoreUnavailableError,
    );
    await expect(writeTogether(store, [account(store, 'x'), account(store, 'y')])).rejects.toSatisfy(
      isTemporary,
    );
    const before = acknowledged.length;
    await server.startAgain();
    while (acknowledged.length < before + 200) await new Promise((resolve) => setTimeout(resolve, 5));
    going = false;
    await Promise.all(writers);

    expect(failures.filter((error) => !isTemporary(error))).toEqual([]);
    const stored = new Set(await ids(store));
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    expect(stored.has('x')).toBe(false);
  });

  it('an orderly shutdown and a start are the same', async () => {
    const store = await open(await server.createDatabase());
    await account(store, 'a').execute();
    await server.kill('SIGINT');
    await expect(ids(store)).rejects.toBeInstanceOf(StoreUnavailableError);
    await server.startAgain();
    await back(store);
    expect(await ids(store)).toEqual(['a']);
  });

  it('a transaction whose connection is cut has not happened', async () => {
    const store = await open(await server.createDatabase());
    const cut = store.transaction().execute(async (trx) => {
      await account(trx, 'half').execute();
      await terminate(await backend(trx));
      await account(trx, 'other half').execute();
    });
    await expect(cut).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await ids(store)).toEqual([]);
  });

  it('a connection that is cut while nobody uses it is noted, and replaced', async () => {
    const store = await open(await server.createDatabase(), { poolSize: 1 });
    const pid = await backend(store);
    troubles.length = 0;
    await terminate(pid);
    await vi.waitFor(() => expect(troubles).not.toEqual([]));
    expect(await backend(store)).not.toBe(pid);
  });

  it('a start without it says so', async () => {
    const url = server.urlOf('nobody').replace(String(server.port), '1');
    await expect(openStore({ url })).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('a database that does not answer', () => {
  it('a statement that takes too long is given up, and the connection is good for others', async () => {
    const store = await open(await server.createDatabase(), { queryTimeoutMs: 200, poolSize: 1 });
    await expect(sql`select pg_sleep(60)`.execute(store)).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await ids(store)).toEqual([]);
  });

  it('a server that is silent is given up, and its connection with it', async () => {
    const store = await open(await server.createDatabase(), { queryTimeoutMs: 200, poolSize: 1 });
    const pid = await backend(store);
    process.kill(pid, 'SIGSTOP');
    try {
      await expect(ids(store)).rejects.toBeInstanceOf(StoreUnavailableError);
      expect(await backend(store)).not.toBe(pid);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  it('who would wait behind too many is sent away', async () => {
    const store = await open(await server.createDatabase(), { poolSize: 1, maxWaitingWrites: 3 });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => account(store, `n${n}`).execute()),
    );
    const refused = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as Error] : [],
    );
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(isTemporary)).toBe(true);
    expect(await ids(store)).toHaveLength(20 - refused.length);
  });
});

describe('one server per database', () => {
  it('a second one is refused until the first has closed', async () => {
    const url = await server.createDatabase();
    const first = await open(url);
    await expect(openStore({ url })).rejects.toBeInstanceOf(DataInUseError);
    await first.destroy();
    await account(await open(url), 'a').execute();
  });

  const holder = `select pid from pg_locks where locktype = 'advisory' and database =
    (select oid from pg_database where datname = current_database())`;

  it('the lock is taken again when its connection is lost', async () => {
    const url = await server.createDatabase();
    const store = await open(url);
    const database = new URL(url).pathname.slice(1);
    const [row] = await server.query(holder, database);
    troubles.length = 0;
    await terminate(Number(row?.pid));
    await vi.waitFor(() => expect(troubles).not.toEqual([]));
    await back(store);
    expect(await server.query(holder, database)).toHaveLength(1);
  });

  it('a server that another one has taken the database from asks nothing of it any more', async () => {
    const url = await server.createDatabase();
    const store = await open(url);
    await account(store, 'a').execute();
    await server.kill('SIGKILL');
    await server.startAgain();
    // Both try; whoever is first has it.
    const other = await openStore({ url }).catch((error: unknown) => error);
    if (other instanceof DataInUseError) {
      await back(store);
      return;
    }
    await expect(ids(store)).rejects.toBeInstanceOf(StoreUnavailableError);
    await (other as Store).destroy();
    await back(store);
  });
});

describe('what a statement that failed leaves', () => {
  it('ends its transaction, even when nobody minds', async () => {
    const store = await open(await server.createDatabase());
    await account(store, 'a').execute();
    const careless = store.transaction().execute(async (trx) => {
      await account(trx, 'b').execute();
      await account(trx, 'a')
        .execute()
        .catch(() => undefined);
    });
    await expect(careless).rejects.toThrow(/nothing of the transaction was committed/);
    expect(await ids(store)).toEqual(['a']);
  });

  it('an error without the values of the row: they may be a secret', async () => {
    const store = await open(await server.createDatabase());
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
    const wrong = store.insertInto('devices').values({
      id: 'd',
      account_id: 'nobody',
      name: 'n',
      system: 's',
      kind: 'other' as 'web',
      sip_user: 'u',
      ha1_md5: 'geheim',
      ha1_sha256: 'geheim',
      created_at: 1,
    });
    const error = await wrong.execute().catch((failure: unknown) => failure);
    expect(constraintOf(error)).toBe('check');
    log.error({ err: error });
    expect(lines.join()).toContain('devices_kind_check');
    expect(lines.join()).not.toContain('geheim');
  });
});

describe('the way to it', () => {
  it('a Unix socket', async () => {
    const store = await open(await server.createDatabase('socket'));
    const { rows } = await sql<{ address: string | null }>`select inet_client_addr() as address`.execute(
      store,
    );
    expect(rows).toEqual([{ address: null }]);
  });

  it('a wrong password is refused, and found in no log', async () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
    const url = server.urlOf('postgres').replace(encodeURIComponent(server.password), 'falsch-und-geheim');
    const error = await openStore({ url }).catch((failure: unknown) => failure);
    log.error({ err: error });
    expect(lines.join()).toContain('password authentication failed');
    expect(lines.join()).not.toContain('falsch-und-geheim');
  });

  it('no trouble that is told has the password in it', () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
    expect(troubles.length).toBeGreaterThan(0);
    for (const error of troubles) log.error({ err: error });
    expect(lines.join()).not.toContain(server.password);
    expect(lines.join()).not.toContain(encodeURIComponent(server.password));
  });

  it.skipIf(!TestAuthority.available)('TLS, with its certificate verified', async () => {
    const url = await server.createDatabase();
    const authority = await TestAuthority.create();
    const issued = await authority.issue('db', 'DNS:db.example.org');
    const [cert, key] = [
      server.writeFile('server.pem', issued.cert),
      server.writeFile('server.key', issued.key),
    ];
    const ca = server.writeFile('ca.pem', authority.ca);
    await authority.remove();
    await server.kill('SIGINT');
    await server.startAgain(['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]);
    const secured = sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    const store = await open(url, { tls: { enabled: true, ca, serverName: 'db.example.org' } });
    expect((await secured.execute(store)).rows).toEqual([{ ssl: true }]);
    await store.destroy();
    for (const tls of [{ enabled: true }, { enabled: true, ca, serverName: 'other.example.org' }])
      await expect(openStore({ url, tls })).rejects.toBeInstanceOf(StoreUnavailableError);
  });
});
