import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseConfig } from '../../../config.ts';
import { createLogger } from '../../../log.ts';
import { openStore, type Store } from '../../../store/index.ts';
import { CarrierCatalogue } from '../../catalogue.ts';
import type { InboundSms } from '../inbox.ts';
import { SmsService } from '../service.ts';

/** Times of tests: a try is repeated at once, and what does not come is given up soon. */
const quick = {
  firstReconnectSeconds: 0.001,
  maxReconnectSeconds: 0.02,
  throttledSeconds: 0.01,
  maxThrottledSeconds: 0.05,
};

/** SMS of one carrier over SMPP, on a database file of its own, with what was heard and logged. */
export class SmsHouse {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringthrough-smpp-'));
  readonly heard: InboundSms[] = [];
  readonly logLines: string[] = [];
  store!: Store;
  sms!: SmsService;
  catalogue!: CarrierCatalogue;
  now: () => number = Date.now;

  static async open(smpp: Record<string, unknown>, sms: Record<string, unknown> = {}): Promise<SmsHouse> {
    const house = new SmsHouse();
    house.store = await openStore({ path: join(house.folder, 'test.db') });
    house.begin(smpp, sms);
    return house;
  }

  /** Another run on the same database. */
  async restart(smpp: Record<string, unknown>): Promise<void> {
    await this.sms.close();
    this.begin(smpp);
  }

  begin(smpp: Record<string, unknown>, sms: Record<string, unknown> = {}): void {
    const config = configOf(smpp, sms);
    this.catalogue = new CarrierCatalogue(config.carriers);
    const log = createLogger(
      { level: 'trace', destination: 'none' },
      { write: (line) => this.logLines.push(line) },
    );
    const { store, catalogue } = this;
    this.sms = new SmsService({
      settings: config.sms,
      catalogue,
      store,
      log,
      postToSelf: async () => ({ status: 404 }),
      now: () => this.now(),
    });
    this.sms.inbox.subscribe(async (one) => void this.heard.push(one));
    this.sms.start();
  }

  rows() {
    return this.store.selectFrom('sms_outbox').selectAll().orderBy('created_at').execute();
  }

  async isSent(): Promise<boolean> {
    const rows = await this.rows();
    return rows.length > 0 && rows.every(({ sent_at }) => sent_at !== null);
  }

  async close(): Promise<void> {
    await this.sms.close();
    await this.store.destroy();
    rmSync(this.folder, { recursive: true });
  }
}

/** One carrier in the US over SMPP. */
export function configOf(smpp: Record<string, unknown>, sms: Record<string, unknown> = {}) {
  const us = {
    id: 'us',
    name: 'US',
    country: 'US',
    family: 'gsm',
    prefixes: ['+1'],
    cNumber: '+14155559000',
  };
  const trunks = [{ host: '192.0.2.1' }];
  const link = { host: '127.0.0.1', systemId: 'us', password: 'secret', ...quick, ...smpp };
  return parseConfig(
    stringify({
      lab: { enabled: false },
      sms: { firstRetrySeconds: 0.01, maxRetrySeconds: 0.05, ...sms },
      carriers: [{ ...us, trunks, sms: { smpp: link } }],
    }),
  );
}
