import { carrierSchema } from '../config.ts';
import type { Logger } from '../log.ts';
import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';
import type { Carrier, CarrierCatalogue, CatalogueSource } from './catalogue.ts';

export interface CatalogueEditorOptions {
  store: Store;
  catalogue: CarrierCatalogue;
  log: Logger;
  /** Whether trunks may prove themselves by certificate: `sip.tls.ca` is there. */
  canVerifyTrunks: boolean;
  now?: () => number;
}

export interface CatalogueEntry {
  carrier: Carrier;
  /** The source that counts for this id. */
  source: CatalogueSource;
  /** Its trunks or SMS centre are not those that the service was started with: they are in use after a restart. */
  restartNeeded: boolean;
}

/**
 * Carriers that operators enter while the service runs. They are in the database; what configuration or file say of the
 * same id goes before them, and cannot be changed here. Who did it is in the log, and what changed, but no secrets.
 */
export class CatalogueEditor {
  readonly #options: CatalogueEditorOptions;
  readonly #now: () => number;
  /** What each carrier was started with, of what is taken at the start. */
  #started: ReadonlyMap<string, string> = new Map();

  constructor(options: CatalogueEditorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Reads the operators' carriers; once, after the file was read and before trunks are opened. */
  async open(): Promise<void> {
    const { catalogue } = this.#options;
    await this.#load();
    this.#started = new Map(catalogue.all().map((carrier) => [carrier.id, fixedPart(carrier)]));
  }

  list(): CatalogueEntry[] {
    return this.#options.catalogue.all().map((carrier) => this.#entry(carrier));
  }

  /** @throws Problem `no-such-carrier` */
  get(id: string): CatalogueEntry {
    const carrier = this.#options.catalogue.byId(id);
    if (!carrier) throw new Problem('no-such-carrier');
    return this.#entry(carrier);
  }

  /** @throws Problem `carrier-exists`, `bad-request` */
  async create(carrier: Carrier, by: string): Promise<CatalogueEntry> {
    this.#check(carrier);
    if (this.#options.catalogue.byId(carrier.id))
      throw new Problem('carrier-exists', 'Choose another id, or PUT.');
    const now = this.#now();
    const row = { id: carrier.id, definition: JSON.stringify(carrier), created_at: now, changed_at: now };
    const made = await this.#options.store
      .insertInto('catalogue_carriers')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .returning('id')
      .executeTakeFirst();
    if (!made) throw new Problem('carrier-exists', 'Choose another id, or PUT.');
    await this.#changed('created', carrier.id, by);
    return this.get(carrier.id);
  }

  /** @throws Problem `no-such-carrier`, `carrier-not-editable`, `bad-request` */
  async replace(carrier: Carrier, by: string): Promise<CatalogueEntry> {
    this.#check(carrier);
    this.#mayEdit(carrier.id);
    await this.#options.store
      .updateTable('catalogue_carriers')
      .set({ definition: JSON.stringify(carrier), changed_at: this.#now() })
      .where('id', '=', carrier.id)
      .execute();
    await this.#changed('changed', carrier.id, by);
    return this.get(carrier.id);
  }

  /** @throws Problem `no-such-carrier`, `carrier-not-editable`, `carrier-in-use` */
  async remove(id: string, by: string): Promise<void> {
    this.#mayEdit(id);
    const { store } = this.#options;
    const used = await store.transaction().execute(async (trx) => {
      const number = await trx
        .selectFrom('numbers')
        .select('e164')
        .where('carrier_id', '=', id)
        .limit(1)
        .executeTakeFirst();
      if (!number) await trx.deleteFrom('catalogue_carriers').where('id', '=', id).execute();
      return number !== undefined;
    });
    if (used) throw new Problem('carrier-in-use', 'Give its numbers to another carrier first.');
    await this.#changed('removed', id, by);
  }

  #entry(carrier: Carrier): CatalogueEntry {
    const source = this.#options.catalogue.sourceOf(carrier.id) ?? 'operator';
    const before = this.#started.get(carrier.id);
    const nothing = carrier.trunks.length === 0 && carrier.sms === undefined;
    const restartNeeded = before === undefined ? !nothing : before !== fixedPart(carrier);
    return { carrier, source, restartNeeded };
  }

  #mayEdit(id: string): void {
    const source = this.#options.catalogue.sourceOf(id);
    if (source === undefined) throw new Problem('no-such-carrier');
    if (source !== 'operator') throw new Problem('carrier-not-editable', `Change it in its ${source}.`);
  }

  #check(carrier: Carrier): void {
    const { canVerifyTrunks } = this.#options;
    if (canVerifyTrunks || !carrier.trunks.some(({ tls }) => tls !== undefined)) return;
    throw new Problem(
      'bad-request',
      'A trunk with tls needs sip.tls with ca: whose certificates are believed.',
    );
  }

  async #load(): Promise<void> {
    const rows = await this.#options.store
      .selectFrom('catalogue_carriers')
      .select(['id', 'definition'])
      .orderBy('created_at')
      .orderBy('id')
      .execute();
    const carriers = rows.flatMap((row) => this.#read(row));
    this.#options.catalogue.replace('operator', carriers);
  }

  /** What another version has written may not fit any more. */
  #read({ id, definition }: { id: string; definition: string }): Carrier[] {
    const result = carrierSchema.safeParse(JSON.parse(definition));
    if (result.success) return [result.data];
    const faults = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    this.#options.log.error({ carrier: id, faults }, 'a carrier of the operators cannot be used');
    return [];
  }

  async #changed(what: 'created' | 'changed' | 'removed', carrier: string, by: string): Promise<void> {
    this.#options.log.warn({ audit: true, what, carrier, by }, 'an operator edited the catalogue');
    await this.#load();
  }
}

/** What trunks, and calls over them, and SMS keep from the start. */
function fixedPart({ cNumber, trunks, sms, ringTimeoutSeconds, trustIdentity }: Carrier): string {
  return trunks.length === 0 && sms === undefined
    ? ''
    : JSON.stringify({ cNumber, trunks, sms, ringTimeoutSeconds, trustIdentity });
}
