import { createPrivateKey, X509Certificate } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { variableFor } from '../config.ts';
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
 * @param setting what names the files, such as `sip.tls`
 * @param log hears of a certificate that is not valid now; it is used all the same, as a clock may be wrong
 * @throws StartError that says what to do
 */
export async function readTlsFiles(files: TlsFileNames, setting: string, log?: Logger): Promise<TlsMaterial> {
  const read = async (member: 'cert' | 'key' | 'ca', name: string) => {
    const key = [...setting.split('.'), member];
    const bytes = await readFile(name).catch((error: unknown) => {
      throw failure(key, `the file ${name} ${whyUnreadable(error)}`, error);
    });
    return { bytes, key, name };
  };
  const [cert, key] = await Promise.all([read('cert', files.cert), read('key', files.key)]);
  const ca = files.ca === undefined ? undefined : await read('ca', files.ca);
  const certificate = parsed(cert, 'certificate', (bytes) => new X509Certificate(bytes));
  const privateKey = parsed(key, 'key without a passphrase', createPrivateKey);
  if (ca) parsed(ca, 'certificate', (bytes) => new X509Certificate(bytes));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw failure(key.key, `the key in ${key.name} does not belong to the certificate in ${cert.name}`);
  }
  const material = { cert: cert.bytes, key: key.bytes, ...(ca ? { ca: ca.bytes } : {}) };
  try {
    createSecureContext(material);
  } catch (error) {
    throw failure(cert.key, (error as Error).message, error);
  }
  const { validFromDate, validToDate } = certificate;
  if (log && (validFromDate.getTime() > Date.now() || validToDate.getTime() < Date.now())) {
    log.warn({ setting, from: validFromDate, to: validToDate }, 'the certificate is not valid now');
  }
  return material;
}

function parsed<T>(
  { bytes, key, name }: { bytes: Buffer; key: string[]; name: string },
  what: string,
  parse: (bytes: Buffer) => T,
): T {
  try {
    return parse(bytes);
  } catch (error) {
    throw failure(key, `the file ${name} holds no ${what} in PEM form`, error);
  }
}

function failure(key: string[], why: string, cause?: unknown): StartError {
  const setting = key.slice(0, -1).join('.');
  const remedy = `Change ${key.join('.')} in ringthrough.yaml, or set ${variableFor(key)}.`;
  return new StartError(`The certificate of ${setting} cannot be used: ${why}. ${remedy}`, { cause });
}

function whyUnreadable(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'is not there';
    case 'EACCES':
      return 'may not be read by this user';
    default:
      return `cannot be read (${(error as Error).message})`;
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
        const material = await readTlsFiles(files, setting, log);
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
