import type { Kysely, Migration } from 'kysely';
import { executeDdl } from './ddl.ts';

/** The start reads who is behind each binding, in the order of ids: from here it need not look at each device's row. */
export const deviceIdentities: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await executeDdl(db, `create index devices_identity on devices (id, account_id, name, sip_user)`);
  },
};
