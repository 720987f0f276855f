import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { type Config, ConfigError, parseConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Carrier, CarrierCatalogue } from './catalogue.ts';

export interface CatalogueFileOptions {
  path: string;
  config: Config;
  catalogue: CarrierCatalogue;
  log: Logger;
  /** How often the file is looked at. */
  intervalMs?: number;
}

/**
 * The file `catalogue.file`: `carriers:` as in the configuration. It is read at the start, where a fault stops the start,
 * and when it changes or on SIGHUP, where what cannot be used is reported and the old list stays.
 */
export class CatalogueFile {
  readonly #options: CatalogueFileOptions;
  readonly #reload = () => {
    this.#queue = this.#queue.then(() => this.#readAgain());
  };
  #queue = Promise.resolve();
  #stopped = false;

  constructor(options: CatalogueFileOptions) {
    this.#options = options;
  }

  /** @throws ConfigError that names file, line and fault */
  async open(): Promise<void> {
    const { path, catalogue, intervalMs = 5000 } = this.#options;
    catalogue.replace('file', await this.#read());
    watchFile(path, { interval: intervalMs, persistent: false }, this.#reload);
    process.on('SIGHUP', this.#reload);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    unwatchFile(this.#options.path, this.#reload);
    process.off('SIGHUP', this.#reload);
    await this.#queue;
  }

  async #readAgain(): Promise<void> {
    const { catalogue, log } = this.#options;
    try {
      const carriers = await this.#read();
      if (this.#stopped) return;
      catalogue.replace('file', carriers);
      log.info({ carriers: carriers.length }, 'the file of carriers was read again');
    } catch (error) {
      log.error(
        { reason: (error as Error).message },
        'the file of carriers cannot be used, the old list stays',
      );
    }
  }

  async #read(): Promise<Carrier[]> {
    const { path, config } = this.#options;
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      throw new ConfigError([`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`]);
    });
    return carriersIn(text, path, config);
  }
}

/** The same checks as in the configuration, with its `sip.tls` for trunks that prove themselves by certificate. */
function carriersIn(text: string, name: string, { sip }: Config): Carrier[] {
  const settings = [
    { variable: 'lab.enabled', path: ['lab', 'enabled'], value: false },
    ...(sip.tls ? [{ variable: 'sip.tls', path: ['sip', 'tls'], value: sip.tls }] : []),
  ];
  const { carriers } = parseConfig(text, { name, settings });
  const others = Object.keys((parse(text) as object | null) ?? {}).filter((key) => key !== 'carriers');
  if (others.length > 0)
    throw new ConfigError(others.map((key) => `${name}: ${key}: only carriers are here`));
  return carriers;
}
