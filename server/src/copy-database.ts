import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from './config.ts';
import { copyStore, lockDataDir, openStore } from './store/index.ts';

/**
 * `npm run copy-database`: from SQLite in the data folder into the PostgreSQL of `database.url`. The server does not run
 * meanwhile; SQLite stays as it is.
 */
async function main(): Promise<void> {
  const { config } = loadConfig({ cwd: process.cwd(), environment: process.env });
  const { url, passwordFile, tls } = config.database;
  const path = join(config.dataDir, 'ringthrough.db');
  if (url === undefined) throw new Error('Set database.url, or RINGTHROUGH_DATABASE_URL: where to copy to.');
  if (!existsSync(path)) throw new Error(`There is no ${path}: nothing to copy.`);
  const unlock = lockDataDir(config.dataDir);
  const from = await openStore({ path });
  try {
    const to = await openStore({ url, passwordFile, tls });
    try {
      const counts = Object.entries(await copyStore(from, to)).filter(([, rows]) => rows > 0);
      for (const [table, rows] of counts) process.stdout.write(`${table}: ${rows}\n`);
      process.stdout.write('Copied. Voice messages and the key stay in the data folder: keep it.\n');
    } finally {
      await to.destroy();
    }
  } finally {
    await from.destroy();
    unlock();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
});
