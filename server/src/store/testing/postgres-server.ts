import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

const user = 'ringthrough';
/** It orders text as people do, not by bytes: what would only work with the latter fails here. */
const initdbOptions = ['--locale-provider=icu', '--icu-locale=en-US', '--locale=C.UTF-8', '--encoding=UTF8'];

/** What another process needs to make databases on it. */
export interface SharedPostgres {
  folder: string;
  port: number;
  password: string;
}

/**
 * A PostgreSQL of Debian's package (`postgresql`), on a free port and a Unix socket, in a folder of its own: for tests. It
 * takes connections with a password only.
 */
export class PostgresServer {
  /** Of the user `ringthrough`. Odd on purpose: it must be escaped in a URL and found in no log. */
  readonly password: string;
  readonly folder: string;
  readonly port: number;
  readonly #identity: { uid: number; gid: number } | undefined;
  #process: ChildProcess | undefined;

  private constructor({ folder, port, password }: SharedPostgres) {
    this.folder = folder;
    this.port = port;
    this.password = password;
    this.#identity = process.getuid?.() === 0 ? unprivileged() : undefined;
  }

  /** @throws when Debian's package `postgresql` is not installed */
  static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'ringthrough-postgres-'));
    const password = `p@ss/${randomUUID()}`;
    const server = new PostgresServer({ folder, port: await freePort(), password });
    try {
      server.#initialise();
      await server.startAgain();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** One that another process has started, and ends. */
  static shared(server: SharedPostgres): PostgresServer {
    return new PostgresServer(server);
  }

  shared(): SharedPostgres {
    return { folder: this.folder, port: this.port, password: this.password };
  }

  /** Of a new, empty database. @param way `socket`: over the Unix socket */
  async createDatabase(way: 'tcp' | 'socket' = 'tcp'): Promise<string> {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    await this.query(`create database ${name}`);
    return this.urlOf(name, way);
  }

  urlOf(database: string, way: 'tcp' | 'socket' = 'tcp'): string {
    const password = encodeURIComponent(this.password);
    if (way === 'tcp') return `postgres://${user}:${password}@127.0.0.1:${this.port}/${database}`;
    return `postgres://${user}:${password}@localhost:${this.port}/${database}?host=${encodeURIComponent(this.folder)}`;
  }

  /** As its administrator, in the database `postgres` unless another is given. */
  async query(sql: string, database = 'postgres'): Promise<Array<Record<string, unknown>>> {
    const client = new pg.Client({ connectionString: this.urlOf(database) });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** After a `kill`. Resolves when it takes connections. */
  async startAgain(settings: readonly string[] = []): Promise<void> {
    const options = [
      `listen_addresses=127.0.0.1`,
      `unix_socket_directories=${this.folder}`,
      'max_connections=300',
      // What is written survives the end of any process; the loss of power is nothing that a test can show.
      'fsync=off',
      'log_min_messages=fatal',
      ...settings,
    ];
    const args = ['-D', this.#data, '-p', String(this.port), ...options.flatMap((option) => ['-c', option])];
    this.#process = spawn(binary('postgres'), args, {
      ...this.#identity,
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      said += String(chunk);
    });
    const child = this.#process;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}: ${said}`);
      try {
        await this.query('select 1');
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /**
   * Ends it: SIGKILL as it stands, SIGINT at once but in order.
   * https://www.postgresql.org/docs/current/server-shutdown.html
   */
  async kill(signal: 'SIGKILL' | 'SIGINT'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill('SIGINT');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A file that only it may read, such as the key of its certificate. @returns its path */
  writeFile(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    if (this.#identity) chownSync(path, this.#identity.uid, this.#identity.gid);
    return path;
  }

  get #data(): string {
    return join(this.folder, 'data');
  }

  #initialise(): void {
    if (this.#identity) chownSync(this.folder, this.#identity.uid, this.#identity.gid);
    const passwordFile = this.writeFile('password', `${this.password}\n`);
    const where = ['-D', this.#data, '-U', user, '--no-sync'];
    const args = [...where, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, ...initdbOptions];
    const { status, stderr } = spawnSync(binary('initdb'), args, { ...this.#identity, cwd: this.folder });
    if (status !== 0) throw new Error(`initdb ended with ${status}: ${String(stderr)}`);
  }
}

/** Debian keeps each version's programs in a folder of its own; the newest is taken. */
function binary(name: string): string {
  const versions = '/usr/lib/postgresql';
  const newest = existsSync(versions)
    ? readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0]
    : undefined;
  const path = join(versions, newest ?? '', 'bin', name);
  if (!existsSync(path)) throw new Error(`${name} is missing: install Debian's package postgresql`);
  return path;
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid: number; gid: number } {
  const line = /^(?:postgres|nobody):[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return { uid: Number(line?.[1] ?? 65_534), gid: Number(line?.[2] ?? 65_534) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
