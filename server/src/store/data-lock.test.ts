import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DataInUseError, lockDataDir } from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('gives a data folder to one at a time', () => {
  const data = join(folder, 'data');
  const free = lockDataDir(data);
  expect(() => lockDataDir(data)).toThrow(DataInUseError);
  lockDataDir(join(folder, 'other'))();
  free();
  lockDataDir(data)();
});
