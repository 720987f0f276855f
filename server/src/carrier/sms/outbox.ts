import { randomInt } from 'node:crypto';
import type { Logger } from '../../log.ts';
import { newId, type Store } from '../../store/index.ts';
import type { SmsCarrier, SmsResult } from './carrier.ts';
import { SentParts } from './sent-parts.ts';

export interface SmsOptions {
  /** After so long it is of no use any more: it is given up, and the carrier is told to. */
  validForMs?: number;
}

/** How the rest of the house sends SMS. */
export interface SmsGateway {
  /** Resolves once the message is durable; it is then sent, and retried, even across restarts. */
  send(carrierId: string, to: string, text: string, options?: SmsOptions): Promise<void>;
  /** The same inside a transaction of the caller, who calls `wake` after the commit. */
  enqueue(store: Store, carrierId: string, to: string, text: string, options?: SmsOptions): Promise<void>;
  wake(): void;
}

/** The carriers that take SMS now; they may change. */
export interface SmsCarrierMap {
  get(carrierId: string): SmsCarrier | undefined;
  entries(): Iterable<[string, SmsCarrier]>;
}

export interface SmsOutboxOptions {
  store: Store;
  carriers: SmsCarrierMap;
  log: Logger;
  firstRetryMs: number;
  maxRetryMs: number;
  giveUpAfterMs: number;
  now?: () => number;
}

/** Since the start. */
export interface SmsOutboxStats {
  sent: number;
  failed: number;
}

/** Messages that are done with stay this long, for finding out what happened. */
const keptMs = 7 * 24 * 3_600_000;
/** A timer of Node holds 24 days. */
const longestTimerMs = 3_600_000;

interface Row {
  id: string;
  carrier_id: string;
  recipient: string;
  body: string;
  created_at: number;
  next_attempt_at: number;
  attempts: number;
  reference: number;
  expires_at: number | null;
}

/**
 * A durable outbox in SQL with exponential back-off. Sends at least once; the id tells repetitions, and parts that a
 * carrier has answered for are never sent again. Each carrier has a line of its own: one that is slow or gone holds up
 * nobody else.
 */
export class SmsOutbox implements SmsGateway {
  readonly parts: SentParts;
  readonly #options: SmsOutboxOptions;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #inFlight = new Map<string, { carrierId: string; work: Promise<void> }>();
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #started = false;
  #reference = randomInt(256);
  #sent = 0;
  #failed = 0;

  constructor(options: SmsOutboxOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
    this.parts = new SentParts({ store: options.store, log: options.log, now: this.#now });
  }

  /** Takes up what an earlier run left. */
  start(): void {
    this.#started = true;
    this.wake();
  }

  stats(): SmsOutboxStats {
    return { sent: this.#sent, failed: this.#failed };
  }

  /** Messages that no carrier has taken yet, by carrier. */
  async waiting(): Promise<Array<{ carrierId: string; count: number }>> {
    const rows = await this.#store
      .selectFrom('sms_outbox')
      .select((sms) => ['carrier_id', sms.fn.countAll<number>().as('count')])
      .where('sent_at', 'is', null)
      .where('failed_at', 'is', null)
      .groupBy('carrier_id')
      .execute();
    return rows.map(({ carrier_id, count }) => ({ carrierId: carrier_id, count: Number(count) }));
  }

  async send(carrierId: string, to: string, text: string, options?: SmsOptions): Promise<void> {
    await this.enqueue(this.#store, carrierId, to, text, options);
    this.wake();
  }

  async enqueue(
    store: Store,
    carrierId: string,
    to: string,
    text: string,
    { validForMs = Number.POSITIVE_INFINITY }: SmsOptions = {},
  ): Promise<void> {
    const now = this.#now();
    this.#reference = (this.#reference + 1) % 256;
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
        reference: this.#reference,
        expires_at: now + Math.min(validForMs, this.#options.giveUpAfterMs),
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
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'SMS outbox failed');
        // Such as a database that is away: nothing else would look again.
        this.#arm(this.#now() + this.#options.maxRetryMs);
      })
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
    await this.parts.sweep(before);
  }

  /** Stops sending; what is under way and has no answer soon is sent again at the next start. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#round;
    await Promise.all([...this.#inFlight.values()].map(({ work }) => work));
  }

  /** Sends what is due as far as there is room, and arms the timer for what comes next. */
  async #dispatch(): Promise<void> {
    clearTimeout(this.#timer);
    let next = await this.#giveUpExpired();
    for (const [carrierId, carrier] of this.#options.carriers.entries()) {
      // It wakes us when it is ready, and a message that is done does when there was no room.
      const room = carrier.ready ? carrier.parallel - this.#underWay(carrierId) : 0;
      if (room <= 0) continue;
      for (const row of await this.#waiting(carrierId, room)) {
        if (this.#abort.signal.aborted) return;
        if (row.next_attempt_at <= this.#now()) this.#begin(row);
        else next = Math.min(next, row.next_attempt_at);
      }
    }
    this.#arm(next);
  }

  #arm(at: number): void {
    if (this.#abort.signal.aborted || at === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(at - this.#now(), 0), longestTimerMs));
  }

  #underWay(carrierId: string): number {
    return [...this.#inFlight.values()].filter((one) => one.carrierId === carrierId).length;
  }

  #open(limit: number) {
    let query = this.#store
      .selectFrom('sms_outbox')
      .selectAll()
      .where('sent_at', 'is', null)
      .where('failed_at', 'is', null);
    if (this.#inFlight.size > 0) query = query.where('id', 'not in', [...this.#inFlight.keys()]);
    return query.limit(limit);
  }

  #waiting(carrierId: string, limit: number): Promise<Row[]> {
    return this.#open(limit)
      .where('carrier_id', '=', carrierId)
      .orderBy('next_attempt_at')
      .orderBy('created_at')
      .execute();
  }

  /** Of carriers that are not ready, too, and of those that are gone. @returns when the next one expires */
  async #giveUpExpired(): Promise<number> {
    const now = this.#now();
    const known = [...this.#options.carriers.entries()].map(([id]) => id);
    const gone =
      known.length > 0
        ? await this.#open(100).where('carrier_id', 'not in', known).execute()
        : await this.#open(100).execute();
    for (const row of gone) await this.#giveUp(row, 'the carrier takes no SMS');
    const first = await this.#open(100).orderBy('expires_at').execute();
    const expired = first.filter(({ expires_at }) => expires_at !== null && expires_at <= now);
    for (const row of expired) await this.#giveUp(row, 'expired');
    if (gone.length === 100 || expired.length === 100) this.#again = true;
    return first.find((row) => !expired.includes(row))?.expires_at ?? Number.POSITIVE_INFINITY;
  }

  #begin(row: Row): void {
    const work = this.#attempt(row).then(
      () => {
        this.#inFlight.delete(row.id);
        this.wake();
      },
      (error: unknown) => {
        this.#options.log.error({ err: error, smsId: row.id }, 'SMS not recorded');
        this.#inFlight.delete(row.id);
        // The database is away, or full: not at once again.
        this.#arm(this.#now() + this.#options.firstRetryMs);
      },
    );
    this.#inFlight.set(row.id, { carrierId: row.carrier_id, work });
  }

  async #attempt(row: Row): Promise<void> {
    const carrier = this.#options.carriers.get(row.carrier_id);
    if (!carrier) return;
    const sms = {
      id: row.id,
      to: row.recipient,
      text: row.body,
      reference: row.reference,
      validUntil: row.expires_at ?? row.created_at + this.#options.giveUpAfterMs,
    };
    const taken = await this.parts.of(row.id);
    const progress = { taken, took: (part: Parameters<SentParts['took']>[1]) => this.parts.took(row, part) };
    const result = await carrier.send(sms, progress, this.#abort.signal);
    if (this.#abort.signal.aborted && result.result === 'later') return;
    await this.#record(row, result);
  }

  async #record(row: Row, result: SmsResult): Promise<void> {
    const now = this.#now();
    if (result.result === 'rejected') return this.#giveUp(row, result.why);
    const log = this.#options.log.child({ smsId: row.id, carrierId: row.carrier_id });
    const update = this.#store.updateTable('sms_outbox').where('id', '=', row.id);
    const attempts = row.attempts + 1;
    if (result.result === 'accepted') {
      await update.set({ attempts, sent_at: now, body: '', error: null }).execute();
      this.#sent += 1;
      log.info({ attempts }, 'SMS accepted by the carrier');
      return;
    }
    const { firstRetryMs, maxRetryMs } = this.#options;
    const { why, retryInMs } = result;
    // A carrier that has too much has said when; the message is as good as new.
    const delay = retryInMs ?? Math.min(firstRetryMs * 2 ** row.attempts, maxRetryMs);
    if (now + delay > (row.expires_at ?? Number.POSITIVE_INFINITY)) return this.#giveUp(row, why);
    const counted = retryInMs === undefined ? attempts : row.attempts;
    await update.set({ attempts: counted, next_attempt_at: now + delay, error: why }).execute();
    log.info({ why, attempts: counted, retryInMs: delay }, 'SMS will be tried again');
  }

  async #giveUp(row: Row, why: string): Promise<void> {
    const attempts = why === 'expired' ? row.attempts : row.attempts + 1;
    await this.#store
      .updateTable('sms_outbox')
      .set({ attempts, failed_at: this.#now(), body: '', error: why })
      .where('id', '=', row.id)
      .execute();
    this.#failed += 1;
    this.#options.log.warn({ smsId: row.id, carrierId: row.carrier_id, attempts, why }, 'SMS given up');
  }
}
