import type { Config } from '../../config.ts';
import type { Logger } from '../../log.ts';
import type { Store } from '../../store/index.ts';
import type { CarrierCatalogue } from '../catalogue.ts';
import type { PostToSelf } from './http-carrier.ts';
import { SmsHttpInbound } from './http-inbound.ts';
import { SmsInbox } from './inbox.ts';
import { InboxParts } from './inbox-parts.ts';
import { type SmsGateway, type SmsOptions, SmsOutbox } from './outbox.ts';
import { SmsCarriers } from './sms-carriers.ts';

export interface SmsServiceOptions {
  settings: Config['sms'];
  catalogue: CarrierCatalogue;
  store: Store;
  log: Logger;
  /** Where an SMS URL that is a path only leads. */
  postToSelf: PostToSelf;
  now?: () => number;
}

/** For /metrics. */
export interface SmsStats {
  sent: number;
  failed: number;
  received: number;
  duplicates: number;
  carriers: Array<{ carrierId: string; up: boolean; throttled: number }>;
}

/** SMS, out and in: outbox, inbox, and the carriers that take and bring them. */
export class SmsService implements SmsGateway {
  readonly inbox: SmsInbox;
  /** What carriers post to us. */
  readonly webhooks: SmsHttpInbound;
  readonly #options: SmsServiceOptions;
  readonly #outbox: SmsOutbox;
  readonly #inboxParts: InboxParts;
  readonly #carriers: SmsCarriers;
  #unsubscribe: () => void = () => {};
  #partsTimer: NodeJS.Timeout | undefined;

  constructor(options: SmsServiceOptions) {
    this.#options = options;
    const { settings, catalogue, store, log, now = Date.now } = options;
    const retries = {
      firstRetryMs: settings.firstRetrySeconds * 1000,
      maxRetryMs: settings.maxRetrySeconds * 1000,
      giveUpAfterMs: settings.giveUpAfterSeconds * 1000,
    };
    const timeoutMs = settings.timeoutSeconds * 1000;
    const duplicateMs = settings.duplicateSeconds * 1000;
    this.#carriers = new SmsCarriers({ ...options, now }, catalogue.all());
    this.#outbox = new SmsOutbox({ store, log, ...retries, carriers: this.#carriers, now });
    this.inbox = new SmsInbox({ store, log, ...retries, timeoutMs, duplicateMs, now });
    const { inbox } = this;
    this.#inboxParts = new InboxParts({ store, inbox, log, waitMs: settings.partsSeconds * 1000, now });
    const byId = (carrierId: string) => catalogue.byId(carrierId);
    this.webhooks = new SmsHttpInbound({ byId, inbox, sentParts: this.#outbox.parts, now });
  }

  /** Opens connections to SMS centres, and takes up what an earlier run left. */
  start(): void {
    const { catalogue, settings, log } = this.#options;
    this.#carriers.start({
      inbox: this.inbox,
      inboxParts: this.#inboxParts,
      sentParts: this.#outbox.parts,
      wake: () => this.#outbox.wake(),
    });
    this.#unsubscribe = catalogue.onChange(() => this.#carriers.replace(catalogue.all()));
    this.#outbox.start();
    this.inbox.start();
    const expire = () =>
      this.#inboxParts
        .expire()
        .catch((error: unknown) => log.error({ err: error }, 'parts of received SMS not looked at'));
    this.#partsTimer = setInterval(expire, Math.min(Math.max(settings.partsSeconds * 100, 1000), 60_000));
  }

  send(carrierId: string, to: string, text: string, options?: SmsOptions): Promise<void> {
    return this.#outbox.send(carrierId, to, text, options);
  }

  enqueue(store: Store, carrierId: string, to: string, text: string, options?: SmsOptions): Promise<void> {
    return this.#outbox.enqueue(store, carrierId, to, text, options);
  }

  wake(): void {
    this.#outbox.wake();
  }

  /** Messages that no carrier has taken yet, by carrier. */
  waiting(): Promise<Array<{ carrierId: string; count: number }>> {
    return this.#outbox.waiting();
  }

  stats(): SmsStats {
    const { stored, duplicates } = this.inbox.stats();
    const carriers = [...this.#carriers.entries()].map(([carrierId, carrier]) => ({
      carrierId,
      ...carrier.stats(),
    }));
    return { ...this.#outbox.stats(), received: stored, duplicates, carriers };
  }

  /** Throws out what was done with some time ago; called now and then. */
  async sweep(): Promise<void> {
    await this.#outbox.sweep();
    await this.inbox.sweep();
  }

  /**
   * Stops sending and taking. What is under way is waited for a moment, so that nothing is sent twice; what is enqueued
   * after this is sent at the next start. Idempotent.
   */
  async close(): Promise<void> {
    this.#unsubscribe();
    clearInterval(this.#partsTimer);
    await this.#outbox.close();
    await this.#carriers.close();
    await this.inbox.close();
  }
}
