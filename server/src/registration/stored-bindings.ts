import { sql } from 'kysely';
import { dialectOf, readRows, type Store } from '../store/index.ts';
import type { KnownBinding } from './binding-store.ts';
import type { DeviceIdentity } from './device-identity.ts';

/** What a restart has left of a device. */
export interface StoredDevice extends DeviceIdentity {
  /** At least one, the oldest first. */
  bindings: KnownBinding[];
}

/** Few, so that what is only needed on the way does not live long enough to burden the garbage collector. */
const rowsAtOnce = 250;

/** In the order of the columns below. */
type Row = [
  deviceId: string,
  contactUri: string,
  flowKey: string,
  callId: string,
  cseq: number,
  transport: string,
  local: string,
  remote: string,
  path: string | null,
  userAgent: string | null,
  registeredAt: number,
  expiresAt: number,
  silent: 0 | 1,
  accountId: string,
  deviceName: string,
  sipUser: string,
];

/**
 * All bindings, by device, some devices at a time. There may be a million: rows are read some at a time too, and as arrays.
 */
export async function* storedDevices(store: Store): AsyncGenerator<StoredDevice[]> {
  // The last device of a page may go on in the next one.
  let device: StoredDevice | undefined;
  let rows = await page(store, ['', '', '']);
  while (rows.length > 0) {
    const whole: StoredDevice[] = [];
    for (const row of rows) {
      if (device?.deviceId === row[0]) {
        device.bindings.push(bindingOf(row));
        continue;
      }
      if (device !== undefined) whole.push(oldestFirst(device));
      device = { ...identityOf(row), bindings: [bindingOf(row)] };
    }
    yield whole;
    const last = rows.at(-1);
    rows = last === undefined ? [] : await page(store, [last[0], last[1], last[2]]);
  }
  if (device !== undefined) yield [oldestFirst(device)];
}

/** The rows behind one, in the order of both tables. */
async function page(
  store: Store,
  [deviceId, contactUri, flowKey]: [deviceId: string, contactUri: string, flowKey: string],
): Promise<Row[]> {
  // SQLite's planner has to be told: the index has all that is asked of a device.
  const hint = dialectOf(store) === 'sqlite' ? sql`indexed by devices_identity` : sql``;
  const query = sql`
    select b.device_id, b.contact_uri, b.flow_key, b.call_id, b.cseq, b.transport, b.local, b.remote, b.path,
      b.user_agent, b.registered_at, b.expires_at, b.silent, d.account_id, d.name, d.sip_user
    from bindings b join devices d ${hint} on d.id = b.device_id
    where (b.device_id, b.contact_uri, b.flow_key) > (${deviceId}, ${contactUri}, ${flowKey})
    order by b.device_id, b.contact_uri, b.flow_key
    limit ${sql.lit(rowsAtOnce)}`;
  return (await readRows(store, query.compile(store))) as Row[];
}

function oldestFirst(device: StoredDevice): StoredDevice {
  if (device.bindings.length > 1) device.bindings.sort((a, b) => a.registeredAt - b.registeredAt);
  return device;
}

function identityOf(row: Row): DeviceIdentity {
  return { deviceId: row[0], accountId: row[13], deviceName: row[14], sipUser: row[15] };
}

function bindingOf(row: Row): KnownBinding {
  return {
    contactUri: row[1],
    callId: row[3],
    cseq: row[4],
    instance: row[2] === '' ? undefined : row[2],
    flowKey: row[2],
    transport: row[5],
    local: row[6],
    remote: row[7],
    path: row[8] ?? undefined,
    userAgent: row[9] ?? undefined,
    registeredAt: row[10],
    expiresAt: row[11],
    silent: row[12] === 1,
  };
}
