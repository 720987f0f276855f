import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Another process uses the data folder. */
export class DataInUseError extends Error {
  constructor(dataDir: string, options?: ErrorOptions) {
    super(`${dataDir} is in use by another Ringthrough`, options);
    this.name = 'DataInUseError';
  }
}

/**
 * Takes the data folder for this process: two servers on one database would send every SMS twice and ring nobody
 * right. The lock is SQLite's own, on a file beside the database, so the system frees it however the process ends.
 * @returns gives the folder back
 * @throws DataInUseError
 */
export function lockDataDir(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = new DatabaseSync(join(dataDir, 'lock'), { timeout: 0 });
  try {
    file.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) {
      throw new DataInUseError(dataDir, { cause: error });
    }
    throw error;
  }
  return () => file.close();
}

/** https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;
