import { type Kysely, type Migration, sql } from 'kysely';

/** With each device that is deleted the calls that it has answered are looked for: signing out is to wait for no scan. */
export const answeredDevices: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create index calls_answered_device on calls (answered_device_id)
      where answered_device_id is not null`.execute(db);
  },
};
