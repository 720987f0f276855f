import { join } from 'node:path';
import { type Config, variableFor } from '../config.ts';
import type { Logger } from '../log.ts';
import { StartError } from '../start-error.ts';
import { openStore, type Store } from '../store/index.ts';
import type { Teardown } from './teardown.ts';

/**
 * PostgreSQL where `database.url` says so, otherwise SQLite in the data folder.
 * @throws StartError
 */
export async function openDatabase(config: Config, log: Logger, teardown: Teardown): Promise<Store> {
  const { dataDir, database } = config;
  const { url, maxWaitingWrites, connectTimeoutSeconds, queryTimeoutSeconds, ...settings } = database;
  try {
    const store = await openStore(
      url === undefined
        ? { path: join(dataDir, 'ringthrough.db'), maxWaitingWrites }
        : {
            ...settings,
            url,
            maxWaitingWrites,
            connectTimeoutMs: connectTimeoutSeconds * 1000,
            queryTimeoutMs: queryTimeoutSeconds * 1000,
            onTrouble: (error) => log.error({ err: error }, 'trouble with the database'),
          },
    );
    teardown.add('store', () => store.destroy());
    return store;
  } catch (error) {
    const [what, key] = url === undefined ? ['data folder', ['dataDir']] : ['database', ['database', 'url']];
    const remedy = `Change ${key.join('.')} in ringthrough.yaml, or set ${variableFor(key)}.`;
    throw new StartError(`The ${what} cannot be used: ${(error as Error).message}. ${remedy}`, {
      cause: error,
    });
  }
}
