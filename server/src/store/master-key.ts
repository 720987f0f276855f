import { hkdfSync, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const keyBytes = 32;

/**
 * The secret of this installation, made at the first start and kept beside the database, readable by its owner only.
 * Losing it makes codes under way and digest nonces void, nothing else.
 * @throws when the file cannot be read or made, or is not a key
 */
export function loadMasterKey(dataDir: string): Buffer {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, 'master.key');
  const known = read(path);
  if (known) return known;
  // Written aside and linked into place: a crash leaves no half key, and of two starters the first one wins.
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, randomBytes(keyBytes));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return read(path) as Buffer;
}

/** A key for one purpose (RFC 5869), so that no two uses share one. */
export function deriveKey(master: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', purpose, keyBytes));
}

function read(path: string): Buffer | undefined {
  try {
    const key = readFileSync(path);
    if (key.length !== keyBytes) throw new Error(`${path} is not a key of ${keyBytes} bytes`);
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
