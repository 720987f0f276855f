import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { Process } from './process.ts';

/** Debian puts it where only root's PATH leads. */
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** A DNS server of its own: dnsmasq, with the records of a test and nothing behind it. */
export class Dnsmasq {
  readonly port: number;
  readonly #folder: string;
  #process: Process | undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** @param records lines of dnsmasq.conf, such as `srv-host=_sip._udp.a.test,b.test,5060,0,1` */
  static async start(records: string[], ttlSeconds = 60): Promise<Dnsmasq> {
    const server = new Dnsmasq(await freePort(), mkdtempSync(join(tmpdir(), 'dnsmasq-')));
    await server.#start(records, ttlSeconds);
    return server;
  }

  /** As `sip.dns.servers` has it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Other records from now on. */
  async change(records: string[], ttlSeconds = 60): Promise<void> {
    await this.#process?.stop();
    await this.#start(records, ttlSeconds);
  }

  /** Nobody answers any more. */
  async silence(): Promise<void> {
    await this.#process?.stop();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(records: string[], ttlSeconds: number): Promise<void> {
    const file = join(this.#folder, 'dnsmasq.conf');
    const base = [
      'no-resolv',
      'no-hosts',
      'no-poll',
      'bind-interfaces',
      'local=/test/',
      'listen-address=127.0.0.1',
    ];
    writeFileSync(file, `${[...base, `local-ttl=${ttlSeconds}`, ...records].join('\n')}\n`);
    const options = [
      '--keep-in-foreground',
      '--log-facility=-',
      `--port=${this.port}`,
      `--user=${userInfo().username}`,
    ];
    this.#process = new Process('dnsmasq', [...options, '--pid-file=', `--conf-file=${file}`], {
      env: environment,
    });
    await this.#process.waitFor(/started, version/);
  }
}
