import { CompiledQuery, sql } from 'kysely';
import { type Store, writeTogether } from '../store/index.ts';
import type { DeviceIdentity } from './device-identity.ts';
import type { Binding } from './register-contacts.ts';

/** A binding, and whether its device answers. */
export interface KnownBinding extends Binding {
  silent: boolean;
}

/** What a restart has left of a device. */
export interface StoredDevice extends DeviceIdentity {
  /** At least one, the oldest first. */
  bindings: KnownBinding[];
}

/** What is to be written of a device. */
export interface BindingChanges {
  /** New, or different from what is stored. */
  bound: readonly KnownBinding[];
  /** Stored, and to be no more. */
  gone: readonly KnownBinding[];
  /** Unix milliseconds; absent when that need not be written. */
  seenAt: number | undefined;
}

/** Rows that are read in one go at the start; then others have their turn. */
const rowsAtOnce = 2000;

/** The bindings table, and when devices were seen. What resolves is durable; many devices share one commit. */
export class BindingStore {
  readonly #store: Store;
  /** What every REGISTER executes, compiled once. */
  readonly #bindSql: string;

  constructor(store: Store) {
    this.#store = store;
    this.#bindSql = bindSql(store);
  }

  /** All of it or nothing. */
  async save(deviceId: string, { bound, gone, seenAt }: BindingChanges): Promise<void> {
    const deletes = gone.map(({ contactUri, flowKey }) =>
      this.#store
        .deleteFrom('bindings')
        .where('device_id', '=', deviceId)
        .where('contact_uri', '=', contactUri)
        .where('flow_key', '=', flowKey),
    );
    const upserts = bound.map((binding) => {
      const query = CompiledQuery.raw(this.#bindSql, Object.values(row(deviceId, binding)));
      return { compile: () => query };
    });
    const seen = seenAt === undefined ? [] : [this.#seen(deviceId, seenAt)];
    await writeTogether(this.#store, [...deletes, ...upserts, ...seen]);
  }

  /** Notes that a binding's device does not answer, or that it does again. */
  async saveSilence(deviceId: string, binding: KnownBinding, now: number): Promise<void> {
    const { contactUri, flowKey, silent } = binding;
    const noted = this.#store
      .updateTable('bindings')
      .set({ silent: silent ? 1 : 0 })
      .where('device_id', '=', deviceId)
      .where('contact_uri', '=', contactUri)
      .where('flow_key', '=', flowKey);
    await writeTogether(this.#store, silent ? [noted] : [noted, this.#seen(deviceId, now)]);
  }

  /**
   * What is left after a restart, some devices at a time: bindings over UDP and behind edge proxies that have not
   * expired. Bindings of a connection died with it; they and the expired ones are deleted.
   */
  async *restore(now: number): AsyncGenerator<StoredDevice[]> {
    await this.#store
      .deleteFrom('bindings')
      .where((where) =>
        where.or([
          where.and([where('transport', '!=', 'udp'), where('path', 'is', null)]),
          where('expires_at', '<=', now),
        ]),
      )
      .execute();
    // The last device of a page may go on in the next one.
    let open: StoredDevice[] = [];
    let rows = await readPage(this.#store, undefined);
    while (rows.length > 0) {
      for (const one of rows) {
        const last = open.at(-1);
        if (last?.deviceId === one.device_id) last.bindings.push(storedBinding(one));
        else open.push({ ...identity(one), bindings: [storedBinding(one)] });
      }
      const last = rows.at(-1);
      const whole = open;
      open = whole.splice(-1);
      yield whole.map(oldestFirst);
      rows = await readPage(this.#store, last);
    }
    yield open.map(oldestFirst);
  }

  #seen(deviceId: string, at: number) {
    // It may have been seen elsewhere since.
    return this.#store
      .updateTable('devices')
      .set({ last_seen_at: at })
      .where('id', '=', deviceId)
      .where((where) => where.or([where('last_seen_at', 'is', null), where('last_seen_at', '<', at)]));
  }
}

type PageRow = Awaited<ReturnType<typeof readPage>>[number];

/** Before all others. */
const noRow = { device_id: '', contact_uri: '', flow_key: '' };

/** The rows behind this one, in the order of the table. */
function readPage(
  store: Store,
  last: { device_id: string; contact_uri: string; flow_key: string } | undefined,
) {
  const { device_id: deviceId, contact_uri: contactUri, flow_key: flowKey } = last ?? noRow;
  return store
    .selectFrom('bindings')
    .innerJoin('devices', 'devices.id', 'bindings.device_id')
    .selectAll('bindings')
    .select(['devices.account_id', 'devices.name', 'devices.sip_user'])
    .where(
      sql<boolean>`(bindings.device_id, bindings.contact_uri, bindings.flow_key) > (${deviceId}, ${contactUri}, ${flowKey})`,
    )
    .orderBy('bindings.device_id')
    .orderBy('bindings.contact_uri')
    .orderBy('bindings.flow_key')
    .limit(rowsAtOnce)
    .execute();
}

function oldestFirst(device: StoredDevice): StoredDevice {
  device.bindings.sort((a, b) => a.registeredAt - b.registeredAt);
  return device;
}

function identity({ device_id, account_id, name, sip_user }: PageRow): DeviceIdentity {
  return { deviceId: device_id, accountId: account_id, deviceName: name, sipUser: sip_user };
}

function storedBinding(row: PageRow): KnownBinding {
  return {
    contactUri: row.contact_uri,
    callId: row.call_id,
    cseq: row.cseq,
    instance: row.flow_key === '' ? undefined : row.flow_key,
    flowKey: row.flow_key,
    transport: row.transport,
    local: row.local,
    remote: row.remote,
    path: row.path ?? undefined,
    userAgent: row.user_agent ?? undefined,
    registeredAt: row.registered_at,
    expiresAt: row.expires_at,
    silent: row.silent === 1,
  };
}

function row(deviceId: string, binding: KnownBinding) {
  return {
    device_id: deviceId,
    contact_uri: binding.contactUri,
    flow_key: binding.flowKey,
    call_id: binding.callId,
    cseq: binding.cseq,
    transport: binding.transport,
    local: binding.local,
    remote: binding.remote,
    path: binding.path ?? null,
    user_agent: binding.userAgent ?? null,
    registered_at: binding.registeredAt,
    expires_at: binding.expiresAt,
    silent: binding.silent ? (1 as const) : (0 as const),
  };
}

/** With a parameter for each column of `row`, in that order. */
function bindSql(store: Store): string {
  const nobody: KnownBinding = {
    contactUri: '',
    callId: '',
    cseq: 0,
    instance: undefined,
    flowKey: '',
    transport: '',
    local: '',
    remote: '',
    path: undefined,
    userAgent: undefined,
    registeredAt: 0,
    expiresAt: 0,
    silent: false,
  };
  const { device_id: _, contact_uri: __, flow_key: ___, ...others } = row('', nobody);
  const columns = Object.keys(others) as Array<keyof typeof others>;
  return store
    .insertInto('bindings')
    .values(row('', nobody))
    .onConflict((conflict) =>
      conflict
        .columns(['device_id', 'contact_uri', 'flow_key'])
        .doUpdateSet((update) =>
          Object.fromEntries(columns.map((column) => [column, update.ref(`excluded.${column}`)])),
        ),
    )
    .compile().sql;
}
