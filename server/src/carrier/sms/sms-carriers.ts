import type { Config } from '../../config.ts';
import type { Logger } from '../../log.ts';
import type { Carrier } from '../catalogue.ts';
import type { SmsCarrier } from './carrier.ts';
import { HttpCarrier, type PostToSelf } from './http-carrier.ts';
import type { SmsInbox } from './inbox.ts';
import type { InboxParts } from './inbox-parts.ts';
import type { SmsCarrierMap } from './outbox.ts';
import type { SentParts } from './sent-parts.ts';
import { SmppCarrier } from './smpp-carrier.ts';
import { SmppIncoming } from './smpp-incoming.ts';

export interface SmsCarriersOptions {
  settings: Config['sms'];
  log: Logger;
  postToSelf: PostToSelf;
  now?: () => number;
}

/** Where what comes in over a carrier's own connection goes to. */
export interface SmsCarrierParts {
  inbox: SmsInbox;
  inboxParts: InboxParts;
  sentParts: SentParts;
  /** A carrier takes messages (again). */
  wake: () => void;
}

interface Entry {
  /** What it was made from. */
  made: string;
  carrier: SmsCarrier;
}

/** Every carrier that takes SMS, as the catalogue has it now. */
export class SmsCarriers implements SmsCarrierMap {
  readonly #options: SmsCarriersOptions;
  readonly #entries = new Map<string, Entry>();
  #wanted: readonly Carrier[];
  #parts: SmsCarrierParts | undefined;
  #leaving: Promise<unknown> = Promise.resolve();

  constructor(options: SmsCarriersOptions, carriers: readonly Carrier[]) {
    this.#options = options;
    this.#wanted = carriers;
  }

  get(carrierId: string): SmsCarrier | undefined {
    return this.#entries.get(carrierId)?.carrier;
  }

  *entries(): Iterable<[string, SmsCarrier]> {
    for (const [id, { carrier }] of this.#entries) yield [id, carrier];
  }

  /** Opens the connections. */
  start(parts: SmsCarrierParts): void {
    this.#parts = parts;
    this.replace(this.#wanted);
  }

  /** The catalogue changed: carriers whose SMS settings are as they were keep their connections. */
  replace(carriers: readonly Carrier[]): void {
    this.#wanted = carriers;
    const parts = this.#parts;
    if (!parts) return;
    const wanted = new Map(carriers.filter(({ sms }) => sms !== undefined).map((one) => [one.id, one]));
    for (const [id, { made, carrier }] of [...this.#entries]) {
      const config = wanted.get(id);
      if (config && fingerprint(config) === made) continue;
      this.#entries.delete(id);
      this.#leaving = Promise.all([this.#leaving, carrier.close()]);
    }
    for (const [id, config] of wanted) {
      if (this.#entries.has(id)) continue;
      const carrier = this.#create(config, parts);
      this.#entries.set(id, { made: fingerprint(config), carrier });
      carrier.start(parts.wake);
    }
    parts.wake();
  }

  /** Unbinds from all. */
  async close(): Promise<void> {
    this.#parts = undefined;
    const carriers = [...this.#entries.values()].map(({ carrier }) => carrier.close());
    await Promise.all([this.#leaving, ...carriers]);
  }

  #create({ id, country, cNumber, sms }: Carrier, parts: SmsCarrierParts): SmsCarrier {
    const { settings, log, postToSelf, now } = this.#options;
    const from = sms?.from ?? cNumber;
    if (!sms?.smpp) {
      const { url = '', token = '' } = sms ?? {};
      const timeoutMs = settings.timeoutSeconds * 1000;
      return new HttpCarrier({ url, token, from, timeoutMs, parallel: settings.parallel, postToSelf });
    }
    return new SmppCarrier({
      carrierId: id,
      country,
      config: sms.smpp,
      from,
      validityMs: (sms.validitySeconds ?? Number.POSITIVE_INFINITY) * 1000,
      incoming: new SmppIncoming({ carrierId: id, country, log, ...parts }),
      log,
      alarmAfterMs: settings.alarmAfterSeconds * 1000,
      ...(now ? { now } : {}),
    });
  }
}

const fingerprint = ({ country, cNumber, sms }: Carrier): string => JSON.stringify([country, cNumber, sms]);
