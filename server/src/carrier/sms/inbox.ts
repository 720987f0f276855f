import { createHash } from 'node:crypto';
import type { Logger } from '../../log.ts';
import { newId, type Store } from '../../store/index.ts';

/** An SMS that a person sent to a number of ours. */
export interface InboundSms {
  id: string;
  /** The carrier whose SMS centre it came from: it vouches for `from`, as far as that is a number of its own. */
  carrierId: string;
  /** E.164 where it is a number that can be written so; otherwise as it came. */
  from: string;
  /** The same. */
  to: string;
  text: string;
  /** Unix milliseconds. */
  receivedAt: number;
}

/** Resolves once it has done with the message; rejects when it has to have it again. */
export type SmsListener = (sms: InboundSms) => Promise<void>;

/** A whole message as an adapter took it. */
export interface ReceivedSms {
  carrierId: string;
  /** Of one message of the carrier, the same whenever it sends it again; absent where the protocol has none. */
  key?: string;
  /** Of SMPP: the connection. The same words over another one, soon after, are the same message sent again. */
  link?: string;
  from: string;
  to: string;
  text: string;
}

export interface SmsInboxOptions {
  store: Store;
  log: Logger;
  firstRetryMs: number;
  maxRetryMs: number;
  /** Then what a listener fails at is left. */
  giveUpAfterMs: number;
  /** For a listener. */
  timeoutMs: number;
  /** The same words over a new connection within this time: sent again, as the answer was lost. */
  duplicateMs: number;
  now?: () => number;
}

/** Messages that are done with stay this long, to recognise that they come again. */
const keptMs = 7 * 24 * 3_600_000;
const atOnce = 16;

/**
 * SMS from people to us: stored before they are acknowledged, handed to every listener at least once, the oldest
 * first. As long as nobody listens they wait.
 */
export class SmsInbox {
  readonly #options: SmsInboxOptions;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #listeners = new Set<SmsListener>();
  readonly #abort = new AbortController();
  /** Looks for a repetition and the row that it would make are one step. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #started = false;
  #stored = 0;
  #duplicates = 0;

  constructor(options: SmsInboxOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
  }

  /** Adds a listener; returns how to stop. Subscribe before `start`, or it misses what an earlier run has left. */
  subscribe(listener: SmsListener): () => void {
    this.#listeners.add(listener);
    this.#wake();
    return () => this.#listeners.delete(listener);
  }

  /** Hands out what an earlier run left. */
  start(): void {
    this.#started = true;
    this.#wake();
  }

  /** Since the start. */
  stats(): { stored: number; duplicates: number } {
    return { stored: this.#stored, duplicates: this.#duplicates };
  }

  /** Durable when it resolves; the listeners have it later. @throws when it cannot be stored */
  accept(sms: ReceivedSms): Promise<'stored' | 'duplicate'> {
    return this.inTurn(() => this.#accept(sms));
  }

  /** One after the other, with every `accept`: what is decided from rows that were read is written before the next. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** @internal of `accept` and of those in their turn. */
  async acceptInTurn(sms: ReceivedSms): Promise<'stored' | 'duplicate'> {
    return this.#accept(sms);
  }

  /** Throws out what is long done; called now and then. */
  async sweep(): Promise<void> {
    const before = this.#now() - keptMs;
    await this.#store.deleteFrom('sms_inbox').where('delivered_at', '<', before).execute();
  }

  /** Waits for listeners that have a message. Idempotent. */
  async close(): Promise<void> {
    this.#abort.abort();
    clearTimeout(this.#timer);
    await this.#turn;
    await this.#round;
  }

  async #accept(sms: ReceivedSms): Promise<'stored' | 'duplicate'> {
    const now = this.#now();
    const contentHash = hashOf(sms);
    if (await this.#isRepetition(sms, contentHash, now)) {
      this.#duplicates += 1;
      return 'duplicate';
    }
    const id = newId();
    const { numInsertedOrUpdatedRows } = await this.#store
      .insertInto('sms_inbox')
      .values({
        id,
        carrier_id: sms.carrierId,
        dedup_key: sms.key === undefined ? `id:${id}` : `key:${sms.key}`,
        content_hash: contentHash,
        link: sms.link ?? null,
        sender: sms.from,
        recipient: sms.to,
        body: sms.text,
        received_at: now,
        next_attempt_at: now,
        attempts: 0,
        delivered_at: null,
      })
      .onConflict((conflict) => conflict.columns(['carrier_id', 'dedup_key']).doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows === 0n) {
      this.#duplicates += 1;
      return 'duplicate';
    }
    this.#stored += 1;
    this.#wake();
    return 'stored';
  }

  /** Over the same connection the sender knows our answer, and the same words are said twice. */
  async #isRepetition({ carrierId, key, link }: ReceivedSms, contentHash: string, now: number) {
    if (key !== undefined || link === undefined) return false;
    const earlier = await this.#store
      .selectFrom('sms_inbox')
      .select('id')
      .where('carrier_id', '=', carrierId)
      .where('content_hash', '=', contentHash)
      .where('received_at', '>', now - this.#options.duplicateMs)
      .where('link', '!=', link)
      .executeTakeFirst();
    return earlier !== undefined;
  }

  #wake(): void {
    if (!this.#started || this.#abort.signal.aborted || this.#listeners.size === 0) return;
    if (this.#round) {
      this.#again = true;
      return;
    }
    this.#round = this.#handOut()
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'SMS inbox failed');
        // Such as a database that is away: nothing else would look again.
        this.#arm(this.#options.maxRetryMs);
      })
      .finally(() => {
        this.#round = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#wake();
      });
  }

  async #handOut(): Promise<void> {
    clearTimeout(this.#timer);
    const rows = await this.#store
      .selectFrom('sms_inbox')
      .selectAll()
      .where('delivered_at', 'is', null)
      .orderBy('next_attempt_at')
      .orderBy('received_at')
      .limit(atOnce)
      .execute();
    const now = this.#now();
    const due = rows.filter((row) => row.next_attempt_at <= now);
    await Promise.all(due.map((row) => this.#tell(row)));
    if (this.#abort.signal.aborted) return;
    const next = rows.find((row) => row.next_attempt_at > now);
    if (due.length > 0) this.#again = true;
    else if (next) this.#arm(next.next_attempt_at - now);
  }

  #arm(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), delayMs);
  }

  async #tell(row: InboxRow): Promise<void> {
    const { id, carrier_id, sender, recipient, body, received_at } = row;
    const sms = {
      id,
      carrierId: carrier_id,
      from: sender,
      to: recipient,
      text: body,
      receivedAt: received_at,
    };
    const told = Promise.all([...this.#listeners].map((listener) => listener(sms)));
    const failure = await within(told, this.#options.timeoutMs).then(
      () => undefined,
      (error: unknown) => error ?? new Error('failed'),
    );
    const now = this.#now();
    const update = this.#store.updateTable('sms_inbox').where('id', '=', id);
    if (failure === undefined) {
      await update.set({ delivered_at: now, body: '' }).execute();
      return;
    }
    const { firstRetryMs, maxRetryMs, giveUpAfterMs, log } = this.#options;
    const delay = Math.min(firstRetryMs * 2 ** row.attempts, maxRetryMs);
    const attempts = row.attempts + 1;
    if (now + delay > received_at + giveUpAfterMs) {
      log.error({ err: failure, smsId: id, attempts }, 'received SMS given up: nobody could deal with it');
      await update.set({ attempts, delivered_at: now, body: '' }).execute();
      return;
    }
    log.warn({ err: failure, smsId: id, attempts, retryInMs: delay }, 'received SMS not dealt with');
    await update.set({ attempts, next_attempt_at: now + delay }).execute();
  }
}

interface InboxRow {
  id: string;
  carrier_id: string;
  sender: string;
  recipient: string;
  body: string;
  received_at: number;
  attempts: number;
}

const hashOf = ({ from, to, text }: ReceivedSms): string =>
  createHash('sha256')
    .update(JSON.stringify([from, to, text]))
    .digest('hex');

function within(work: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the listener took too long')), timeoutMs);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}
