import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const openssl = (...options: string[]) => promisify(execFile)('openssl', options);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** A certificate authority of a test, made by `openssl` in a folder of its own; `remove` takes the folder away. */
export class TestAuthority {
  readonly folder: string;
  /** Its certificate, PEM. */
  readonly ca: string;
  #issued = 0;

  private constructor(folder: string, ca: string) {
    this.folder = folder;
    this.ca = ca;
  }

  /** Whether this machine has `openssl`. Without it the tests of TLS are skipped, but never in CI. */
  static get available(): boolean {
    const found = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;
    if (!found && process.env.CI) throw new Error('openssl is missing; in CI no test is skipped');
    return found;
  }

  static async create(): Promise<TestAuthority> {
    const folder = await mkdtemp(join(tmpdir(), 'ringthrough-ca-'));
    const [cert, key] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
    await openssl('req', '-x509', ...newKey, '-keyout', key, '-out', cert, '-subj', '/CN=Test authority');
    return new TestAuthority(folder, await readFile(cert, 'utf8'));
  }

  /** A certificate and its key, PEM. @param altNames such as `IP:127.0.0.1` or `DNS:sip.example` */
  async issue(name: string, ...altNames: string[]): Promise<{ cert: string; key: string }> {
    const base = join(this.folder, `issued-${++this.#issued}`);
    const by = ['-CA', join(this.folder, 'ca.pem'), '-CAkey', join(this.folder, 'ca.key')];
    const alt = altNames.length > 0 ? ['-addext', `subjectAltName=${altNames.join(',')}`] : [];
    const out = ['-keyout', `${base}.key`, '-out', `${base}.pem`, '-subj', `/CN=${name}`];
    await openssl('req', '-x509', ...newKey, ...by, ...alt, ...out);
    return { cert: await readFile(`${base}.pem`, 'utf8'), key: await readFile(`${base}.key`, 'utf8') };
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
