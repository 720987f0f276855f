import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { freePort } from '../../../interop/support/ports.ts';
import { Process } from '../../../interop/support/process.ts';
import { deviceOf, ha1Of, REALM } from './people.ts';
import { firstAnswer } from './probe.ts';

export interface KamailioRegistrarOptions {
  /** usrloc's db_mode 0, which forgets everything at the end, or 1, which writes each binding to SQLite first. */
  mode: 'memory' | 'write-through';
  devices: number;
  processor?: number;
}

const schemas = '/usr/share/kamailio/db_sqlite';

/**
 * Kamailio as a registrar that does the same: digest with qop=auth and counted nonces, HA1s in memory (htable), bindings
 * in usrloc. Its answers are stateless.
 */
export class KamailioRegistrar {
  readonly port: number;
  readonly #process: Process;
  readonly #folder: string;

  private constructor(port: number, process: Process, folder: string) {
    this.port = port;
    this.#process = process;
    this.#folder = folder;
  }

  /** Undefined where Kamailio or its SQLite module is not installed. */
  static async start(options: KamailioRegistrarOptions): Promise<KamailioRegistrar | undefined> {
    if (spawnSync('kamailio', ['-v']).status !== 0) return undefined;
    let create: string[];
    try {
      create = ['standard', 'usrloc', 'htable'].map((name) =>
        readFileSync(`${schemas}/${name}-create.sql`, 'utf8'),
      );
    } catch {
      return undefined;
    }
    const folder = mkdtempSync(join(tmpdir(), 'kamailio-'));
    const file = join(folder, 'kamailio.db');
    fill(file, create, options.devices);
    const port = await freePort();
    const config = join(folder, 'kamailio.cfg');
    writeFileSync(config, configuration(port, file, options.mode));
    const pinned = options.processor === undefined ? [] : ['taskset', '-c', String(options.processor)];
    const [command = 'kamailio', ...args] = [
      ...pinned,
      'kamailio',
      '-f',
      config,
      '-DD',
      '-E',
      '-Y',
      folder,
      '-w',
      folder,
      '-m',
      '512',
      '-M',
      '64',
    ];
    const process = new Process(command, args, { cwd: folder });
    const kamailio = new KamailioRegistrar(port, process, folder);
    try {
      await firstAnswer(port, 20_000);
      return kamailio;
    } catch (error) {
      await kamailio.stop();
      throw new Error(`Kamailio does not answer: ${process.output.slice(-2000)}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function fill(file: string, create: readonly string[], devices: number): void {
  const database = new DatabaseSync(file);
  // The cheapest way to be durable that SQLite has. Several processes would find it locked: then there is one.
  database.exec('PRAGMA journal_mode = WAL');
  for (const sql of create) database.exec(sql);
  database.exec('BEGIN');
  const insert = database.prepare(
    'insert into htable (key_name, key_type, value_type, key_value, expires) values (?, 0, 0, ?, 0)',
  );
  for (let index = 0; index < devices; index++) {
    const { user } = deviceOf(index);
    insert.run(user, ha1Of('md5', user));
  }
  database.exec('COMMIT');
  database.close();
}

function configuration(port: number, file: string, mode: 'memory' | 'write-through'): string {
  const url = `sqlite:///${file}`;
  return `#!KAMAILIO
debug=0
log_stderror=yes
children=${mode === 'memory' ? 4 : 1}
auto_aliases=no
disable_tcp=yes
listen=udp:127.0.0.1:${port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "auth.so"
loadmodule "htable.so"
loadmodule "db_sqlite.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("auth", "qop", "auth")
modparam("auth", "nonce_count", 1)
modparam("auth", "nonce_expire", 300)
modparam("htable", "db_url", "${url}")
modparam("htable", "htable", "ha1=>size=16;dbtable=htable;")
modparam("usrloc", "db_mode", ${mode === 'memory' ? 0 : 1})
modparam("usrloc", "db_url", "${url}")
modparam("usrloc", "hash_size", 16)
modparam("registrar", "max_expires", 3600)

request_route {
  if (!mf_process_maxfwd_header("10") || !sanity_check()) exit;
  if (!is_method("REGISTER")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  force_rport();
  if ($au == $null || !pv_www_authenticate("${REALM}", "$sht(ha1=>$au)", "1")) {
    www_challenge("${REALM}", "1");
    exit;
  }
  if ($au != $tU) { sl_send_reply("403", "Forbidden"); exit; }
  if (!save("location")) sl_reply_error();
}
`;
}
