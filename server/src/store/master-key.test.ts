import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveKey, loadMasterKey } from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-key-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('master key', () => {
  it('is made once, for the owner only, and kept', () => {
    const data = join(folder, 'data');
    const key = loadMasterKey(data);
    expect(key).toHaveLength(32);
    expect(loadMasterKey(data)).toEqual(key);
    expect(readdirSync(data)).toEqual(['master.key']);
    expect(statSync(join(data, 'master.key')).mode & 0o777).toBe(0o600);
  });

  it('refuses a file that is no key', () => {
    writeFileSync(join(folder, 'master.key'), 'short');
    expect(() => loadMasterKey(folder)).toThrow(/is not a key/);
  });

  it('gives each purpose a key of its own', () => {
    const key = loadMasterKey(folder);
    expect(deriveKey(key, 'codes')).toEqual(deriveKey(key, 'codes'));
    expect(deriveKey(key, 'codes')).not.toEqual(deriveKey(key, 'nonces'));
  });
});
