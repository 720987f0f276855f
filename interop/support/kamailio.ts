import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Process } from './process.ts';

const examples = fileURLToPath(new URL('../../deploy/kamailio/', import.meta.url));

export interface KamailioOptions {
  /** An example configuration of deploy/kamailio. */
  example: 'border' | 'edge';
  /** Its settings.cfg: what is defined there; true defines a name and nothing more. */
  settings: Record<string, string | true>;
  /** Lines of its dispatcher.list. */
  dispatcher?: string[];
}

/** A real Kamailio with one of the example configurations, in the foreground, logging to stderr. */
export class Kamailio {
  readonly process: Process;
  readonly #folder: string;

  private constructor(process: Process, folder: string) {
    this.process = process;
    this.#folder = folder;
  }

  static async start({ example, settings, dispatcher = [] }: KamailioOptions): Promise<Kamailio> {
    const folder = mkdtempSync(join(tmpdir(), 'kamailio-'));
    const config = join(folder, 'kamailio.cfg');
    const list = join(folder, 'dispatcher.list');
    const all: typeof settings = { ...settings, SERVERS: `"${list}"` };
    const defines = Object.entries(all).map(
      ([name, value]) => `#!define ${name}${value === true ? '' : ` ${value}`}`,
    );
    copyFileSync(join(examples, `${example}.cfg`), config);
    writeFileSync(join(folder, 'settings.cfg'), `${defines.join('\n')}\n`);
    writeFileSync(list, `${dispatcher.join('\n')}\n`);
    const memory = ['-m', '32', '-M', '4'];
    const foreground = ['-DD', '-E', '-Y', folder, '-w', folder];
    const process = new Process('kamailio', ['-f', config, ...foreground, ...memory], { cwd: folder });
    const kamailio = new Kamailio(process, folder);
    try {
      await process.waitFor(/controller is ready|proxy is ready/);
      return kamailio;
    } catch (error) {
      await kamailio.stop();
      throw error;
    }
  }

  /** What it wrote to its log since a mark, which is how much it had written then. */
  logSince(mark: number): string {
    return this.process.output.slice(mark);
  }

  get mark(): number {
    return this.process.output.length;
  }

  async stop(): Promise<void> {
    await this.process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
