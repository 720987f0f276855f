import type { Kysely, Migration } from 'kysely';
import { executeDdl } from './ddl.ts';

/** Registered, but the device does not answer. */
export const silentBindings: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await executeDdl(db, `alter table bindings add column silent integer not null default 0`);
  },
};
