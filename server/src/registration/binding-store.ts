import { CompiledQuery } from 'kysely';
import { type Store, writeTogether } from '../store/index.ts';
import type { Binding } from './register-contacts.ts';

/** A binding, and whether its device answers. */
export interface KnownBinding extends Binding {
  silent: boolean;
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

  /** At the start: bindings of a connection died with it, and what has expired meanwhile is gone as well. */
  async forgetDead(now: number): Promise<void> {
    await this.#store
      .deleteFrom('bindings')
      .where((where) =>
        where.or([
          where.and([where('transport', '!=', 'udp'), where('path', 'is', null)]),
          where('expires_at', '<=', now),
        ]),
      )
      .execute();
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
