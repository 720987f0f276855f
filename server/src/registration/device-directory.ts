import type { Store } from '../store/index.ts';
import type { Binding } from './register-contacts.ts';

/** A device as SIP knows it. */
export interface DeviceIdentity {
  deviceId: string;
  accountId: string;
  deviceName: string;
  sipUser: string;
}

export interface DeviceWithSecret extends DeviceIdentity {
  /** RFC 8760: HA1 = H(user:realm:password), hex, per algorithm. */
  ha1: { md5: string; sha256: string };
}

/** A binding, and whether its device answers. */
export interface KnownBinding extends Binding {
  silent: boolean;
}

export interface StoredBinding extends DeviceIdentity {
  binding: KnownBinding;
}

/** The devices and bindings tables, as the registrar uses them. */
export class DeviceDirectory {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async bySipUser(sipUser: string): Promise<DeviceWithSecret | undefined> {
    const row = await this.#store
      .selectFrom('devices')
      .select(['id', 'account_id', 'name', 'sip_user', 'ha1_md5', 'ha1_sha256'])
      .where('sip_user', '=', sipUser)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      deviceId: row.id,
      accountId: row.account_id,
      deviceName: row.name,
      sipUser: row.sip_user,
      ha1: { md5: row.ha1_md5, sha256: row.ha1_sha256 },
    };
  }

  /** Notes that a binding's device does not answer, or that it does again. */
  async saveSilence(deviceId: string, binding: KnownBinding, now: number): Promise<void> {
    const { contactUri, silent } = binding;
    await this.#store
      .updateTable('bindings')
      .set({ silent: silent ? 1 : 0 })
      .where('device_id', '=', deviceId)
      .where('contact_uri', '=', contactUri)
      .execute();
    if (silent) return;
    await this.#store.updateTable('devices').set({ last_seen_at: now }).where('id', '=', deviceId).execute();
  }

  /** Replaces the bindings of a device and notes that it was seen. Durable when it resolves. */
  async save(deviceId: string, bindings: readonly KnownBinding[], seenAt: number): Promise<void> {
    await this.#store.transaction().execute(async (trx) => {
      await trx.deleteFrom('bindings').where('device_id', '=', deviceId).execute();
      if (bindings.length > 0) {
        await trx
          .insertInto('bindings')
          .values(bindings.map((binding) => row(deviceId, binding)))
          .execute();
      }
      await trx.updateTable('devices').set({ last_seen_at: seenAt }).where('id', '=', deviceId).execute();
    });
  }

  /**
   * What is left after a restart: UDP bindings that have not expired. Bindings of a connection died with it; they
   * and the expired ones are deleted.
   */
  async restore(now: number): Promise<StoredBinding[]> {
    await this.#store
      .deleteFrom('bindings')
      .where((where) => where.or([where('transport', '!=', 'udp'), where('expires_at', '<=', now)]))
      .execute();
    const rows = await this.#store
      .selectFrom('bindings')
      .innerJoin('devices', 'devices.id', 'bindings.device_id')
      .selectAll('bindings')
      .select(['devices.account_id', 'devices.name', 'devices.sip_user'])
      .orderBy('bindings.registered_at')
      .execute();
    return rows.map((row) => ({
      deviceId: row.device_id,
      accountId: row.account_id,
      deviceName: row.name,
      sipUser: row.sip_user,
      binding: {
        contactUri: row.contact_uri,
        callId: row.call_id,
        cseq: row.cseq,
        instance: undefined,
        transport: row.transport,
        local: row.local,
        remote: row.remote,
        userAgent: row.user_agent ?? undefined,
        registeredAt: row.registered_at,
        expiresAt: row.expires_at,
        silent: row.silent === 1,
      },
    }));
  }
}

function row(deviceId: string, binding: KnownBinding) {
  return {
    device_id: deviceId,
    contact_uri: binding.contactUri,
    call_id: binding.callId,
    cseq: binding.cseq,
    transport: binding.transport,
    local: binding.local,
    remote: binding.remote,
    user_agent: binding.userAgent ?? null,
    registered_at: binding.registeredAt,
    expires_at: binding.expiresAt,
    silent: binding.silent ? (1 as const) : (0 as const),
  };
}
