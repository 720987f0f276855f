import type { Logger } from '../log.ts';
import { newId, type Store } from '../store/index.ts';
import type { SmsCarrier, SmsResult } from './sms-webhook.ts';

/** How the rest of the house sends SMS. */
export interface SmsGateway {
  /** Resolves once the message is durable; it is then sent, and retried, even across restarts. */
  send(carrierId: string, to: string, text: string): Promise<void>;
  /** The same inside a transaction of the caller, who calls `wake` after the commit. */
  enqueue(store: Store, carrierId: string, to: string, text: string): Promise<void>;
  wake(): void;
}

export interface SmsOutboxOptions {
  store: Store;
  /** By carrier id. */
  carriers: ReadonlyMap<string, SmsCarrier>;
  log: Logger;
  firstRetryMs: number;
  maxRetryMs: number;
  giveUpAfterMs: number;
  timeoutMs: number;
  /** Messages under way at once. */
  parallel: number;
  now?: () => number;
}

/** Messages that are done with stay this long, for finding out what happened. */
const keptMs = 7 * 24 * 3_600_000;

interface Row {
  id: string;
  carrier_id: string;
  recipient: string;
  body: string;
  created_at: number;
  attempts: number;
}

/** A durable outbox in SQL with exponential back-off. Sends at least once; the id tells repetitions. */
export class SmsOutbox implements SmsGateway {
  readonly #options: SmsOutboxOptions;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #inFlight = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #started = false;

  constructor(options: SmsOutboxOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
  }

  /** Takes up what an earlier run left. */
  start(): void {
    this.#started = true;
    this.wake();
  }

  async send(carrierId: string, to: string, text: string): Promise<void> {
    await this.enqueue(this.#store, carrierId, to, text);
    this.wake();
  }

  async enqueue(store: Store, carrierId: string, to: string, text: string): Promise<void> {
    const now = this.#now();
    await store
      .insertInto('sms_outbox')
      .values({
        id: newId(),
        carrier_id: carrierId,
        recipient: to,
        body: text,
        created_at: now,
        next_attempt_at: now,
        attempts: 0,
        sent_at: null,
        failed_at: null,
      })
      .execute();
  }

  wake(): void {
    if (!this.#started || this.#abort.signal.aborted) return;
    if (this.#round) {
      this.#again = true;
      return;
    }
    this.#round = this.#dispatch()
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'SMS outbox failed'))
      .finally(() => {
        this.#round = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.wake();
      });
  }

  /** Throws out what was sent or given up some time ago; called now and then. */
  async sweep(): Promise<void> {
    const before = this.#now() - keptMs;
    await this.#store
      .deleteFrom('sms_outbox')
      .where((sms) => sms.or([sms('sent_at', '<', before), sms('failed_at', '<', before)]))
      .execute();
  }

  /** Stops sending; what is under way is cut off and tried again at the next start. */
  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#round;
    await Promise.all(this.#inFlight.values());
  }

  /** Sends what is due as far as there is room, and arms the timer for the next one. */
  async #dispatch(): Promise<void> {
    clearTimeout(this.#timer);
    const room = this.#options.parallel - this.#inFlight.size;
    // Finished messages call wake(), so a full house needs no timer.
    if (room <= 0) return;
    const waiting = await this.#waiting(room);
    const now = this.#now();
    for (const row of waiting) {
      if (this.#abort.signal.aborted) return;
      if (row.next_attempt_at > now) {
        this.#timer = setTimeout(() => this.wake(), row.next_attempt_at - now);
        return;
      }
      this.#begin(row);
    }
  }

  #waiting(limit: number): Promise<Array<Row & { next_attempt_at: number }>> {
    let query = this.#store
      .selectFrom('sms_outbox')
      .selectAll()
      .where('sent_at', 'is', null)
      .where('failed_at', 'is', null);
    if (this.#inFlight.size > 0) query = query.where('id', 'not in', [...this.#inFlight.keys()]);
    return query.orderBy('next_attempt_at').limit(limit).execute();
  }

  #begin(row: Row): void {
    const work = this.#attempt(row)
      .catch((error: unknown) => this.#options.log.error({ err: error, smsId: row.id }, 'SMS not recorded'))
      .finally(() => {
        this.#inFlight.delete(row.id);
        this.wake();
      });
    this.#inFlight.set(row.id, work);
  }

  async #attempt(row: Row): Promise<void> {
    const carrier = this.#options.carriers.get(row.carrier_id);
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#options.timeoutMs)]);
    const result: SmsResult = carrier
      ? await carrier.send({ id: row.id, to: row.recipient, text: row.body }, signal)
      : { result: 'rejected', why: 'the carrier takes no SMS' };
    if (this.#abort.signal.aborted && result.result === 'later') return;
    await this.#record(row, result);
  }

  async #record(row: Row, result: SmsResult): Promise<void> {
    const now = this.#now();
    const attempts = row.attempts + 1;
    const log = this.#options.log.child({ smsId: row.id, carrierId: row.carrier_id, attempts });
    const update = this.#store.updateTable('sms_outbox').where('id', '=', row.id);
    if (result.result === 'accepted') {
      await update.set({ attempts, sent_at: now, body: '' }).execute();
      log.info('SMS accepted by the carrier');
      return;
    }
    const { firstRetryMs, maxRetryMs, giveUpAfterMs } = this.#options;
    const delay = Math.min(firstRetryMs * 2 ** row.attempts, maxRetryMs);
    if (result.result === 'rejected' || now + delay > row.created_at + giveUpAfterMs) {
      await update.set({ attempts, failed_at: now, body: '' }).execute();
      log.warn({ why: result.why }, 'SMS given up');
      return;
    }
    await update.set({ attempts, next_attempt_at: now + delay }).execute();
    log.info({ why: result.why, retryInMs: delay }, 'SMS will be tried again');
  }
}
