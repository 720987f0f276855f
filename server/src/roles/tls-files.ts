import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Logger } from '../log.ts';
import { StartError } from '../start-error.ts';

export interface TlsFileNames {
  cert: string;
  key: string;
  ca?: string | undefined;
}

/** What is in the files, PEM. */
export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  ca?: Buffer;
}

/**
 * Reads a certificate with its key, and makes sure that they belong together.
 * @param key the setting that names the files, such as `sip.tls`
 * @throws StartError
 */
export async function readTlsFiles({ cert, key, ca }: TlsFileNames, setting: string): Promise<TlsMaterial> {
  try {
    const [certificate, privateKey] = await Promise.all([readFile(cert), readFile(key)]);
    const material = { cert: certificate, key: privateKey, ...(ca ? { ca: await readFile(ca) } : {}) };
    createSecureContext(material);
    return material;
  } catch (error) {
    const { message } = error as Error;
    throw new StartError(`The certificate of ${setting} cannot be used: ${message}.`, { cause: error });
  }
}

export interface TlsWatchOptions {
  files: TlsFileNames;
  /** Such as `sip.tls`. */
  setting: string;
  log: Logger;
  /** Takes the new certificate into use. */
  apply(material: TlsMaterial): void;
  /** How often the files are looked at. */
  intervalMs?: number;
}

/**
 * Takes renewed certificates into use: when one of the files changes (links are followed, as certbot and Kubernetes
 * leave them) and on SIGHUP. What cannot be used is reported, and the old one stays. Returns how to stop.
 */
export function watchTlsFiles(options: TlsWatchOptions): () => void {
  const { files, setting, log, apply, intervalMs = 5_000 } = options;
  let stopped = false;
  // One at a time: certificate and key are two files, and change one after the other.
  let queue = Promise.resolve();
  const reload = () => {
    queue = queue.then(async () => {
      try {
        const material = await readTlsFiles(files, setting);
        if (stopped) return;
        apply(material);
        log.info({ setting }, 'new certificate in use');
      } catch (error) {
        log.warn({ err: error, setting }, 'new certificate not usable, the old one stays');
      }
    });
  };
  const names = [files.cert, files.key, ...(files.ca ? [files.ca] : [])];
  for (const name of names) watchFile(name, { interval: intervalMs, persistent: false }, reload);
  process.on('SIGHUP', reload);
  return () => {
    stopped = true;
    for (const name of names) unwatchFile(name, reload);
    process.off('SIGHUP', reload);
  };
}
