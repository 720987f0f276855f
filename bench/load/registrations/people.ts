import { hash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

/** Of the realm, the password is the same for all; HA1 differs, for it has the user name in it. */
export const REALM = 'ringthrough';
const PASSWORD = 'benchmark';
const AGENTS = ['Linphone/5.2.5 (belle-sip/5.3.29)', 'Z 5.6.4 v2.10.20.5', 'baresip v3.9.0 (x86_64/linux)'];

/** Ids as the product makes them: random text, always the same for the same number. */
export function deviceOf(index: number): { id: string; account: string; user: string } {
  const text = hash('sha1', `device ${index}`);
  return { id: `d${text.slice(0, 19)}`, account: `a${text.slice(19, 38)}`, user: `d${text.slice(5, 20)}` };
}

/** HA1 of RFC 7616 section 3.4.2, hex. */
export function ha1Of(algorithm: 'md5' | 'sha256', user: string): string {
  return hash(algorithm, `${user}:${REALM}:${PASSWORD}`);
}

/**
 * Writes accounts with one softphone each into the database of a server that does not run.
 * @param boundAt they have UDP bindings that do not expire soon, each with an address of 127.0.0.0/8 and this port
 */
export function seed(file: string, devices: number, boundAt?: number): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA foreign_keys = OFF; BEGIN');
  const account = database.prepare('insert into accounts values (?, ?, ?)');
  const device = database.prepare(
    `insert into devices (id, account_id, name, system, kind, sip_user, ha1_md5, ha1_sha256, created_at)
     values (?, ?, 'Desk phone', 'softphone', 'softphone', ?, ?, ?, ?)`,
  );
  const binding = database.prepare(
    `insert into bindings (device_id, contact_uri, call_id, cseq, transport, local, remote, user_agent,
       registered_at, expires_at)
     values (?, ?, ?, ?, 'udp', '203.0.113.1:5060', ?, ?, ?, ?)`,
  );
  const now = Date.now();
  for (let index = 0; index < devices; index++) {
    const { id, account: accountId, user } = deviceOf(index);
    account.run(accountId, 'x', now);
    device.run(id, accountId, user, ha1Of('md5', user), ha1Of('sha256', user), now);
    if (boundAt === undefined) continue;
    // One address in Contact and another one seen from outside: two texts, as behind most NATs.
    const port = 1024 + (index % 60_000);
    const contact = `sip:${user}@192.168.${index % 256}.${index % 200}:${port};transport=udp`;
    const remote = `127.${2 + ((index >> 16) & 63)}.${(index >> 8) & 255}.${index & 255}:${boundAt}`;
    const agent = AGENTS[index % AGENTS.length] ?? '';
    const expires = now + 7_200_000 + (index % 3_600_000);
    binding.run(id, contact, hash('md5', `call ${index}`), 1 + (index % 500), remote, agent, now, expires);
  }
  database.exec('COMMIT');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

/** The CSeq of each stored binding, by device id. */
export function storedSequences(file: string): Map<string, number> {
  const database = new DatabaseSync(file);
  const rows = database.prepare('select device_id, cseq from bindings').all();
  database.close();
  return new Map(rows.map(({ device_id, cseq }) => [String(device_id), Number(cseq)]));
}
