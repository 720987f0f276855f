import type { Logger } from '../../log.ts';
import type { SmsDelivery, Store } from '../../store/index.ts';
import type { TakenPart } from './carrier.ts';

/** What a carrier says became of a part. */
export interface ReceivedReceipt {
  carrierId: string;
  /** The forms in which the id may have been given to us; the likeliest first. */
  providerIds: readonly string[];
  /** Whom the message was for, E.164, where the receipt tells; it decides between messages with ids alike. */
  recipient?: string | undefined;
  delivery: SmsDelivery;
  /** Of the network. */
  error?: string | undefined;
}

/** The row of the outbox, as far as it matters here. */
interface SentSms {
  id: string;
  carrier_id: string;
  recipient: string;
}

/** After these nothing else comes. */
const final: ReadonlySet<SmsDelivery> = new Set([
  'delivered',
  'expired',
  'deleted',
  'undeliverable',
  'rejected',
]);

/** What carriers have taken of our messages, and what became of it. */
export class SentParts {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #now: () => number;
  /** Which message a receipt is about, and the rows that follow from it, are one step; for each carrier. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: { store: Store; log: Logger; now: () => number }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#now = options.now;
  }

  async of(smsId: string): Promise<TakenPart[]> {
    const rows = await this.#store
      .selectFrom('sms_parts')
      .select(['part', 'parts', 'provider_id'])
      .where('sms_id', '=', smsId)
      .execute();
    return rows.map(({ part, parts, provider_id }) => ({
      part,
      parts,
      providerId: provider_id ?? undefined,
    }));
  }

  /** Durable when it resolves. Takes the receipt that was here first, if there is one. */
  took(sms: SentSms, { part, parts, providerId }: TakenPart): Promise<void> {
    return this.#inTurn(sms.carrier_id, async () => {
      const early = providerId === undefined ? undefined : await this.#early(sms, providerId);
      const row = {
        sms_id: sms.id,
        part,
        parts,
        carrier_id: sms.carrier_id,
        provider_id: providerId ?? null,
        sent_at: this.#now(),
        delivery: early?.delivery ?? null,
        delivery_at: early?.received_at ?? null,
        delivery_error: early?.error ?? null,
      };
      await this.#store
        .insertInto('sms_parts')
        .values(row)
        .onConflict((conflict) => conflict.columns(['sms_id', 'part']).doUpdateSet(row))
        .execute();
      if (early) await this.#claim(sms.id, early);
    });
  }

  /** Durable when it resolves. @returns whether the message is known; if not, the receipt waits for it */
  receipt(receipt: ReceivedReceipt): Promise<boolean> {
    return this.#inTurn(receipt.carrierId, () => this.#receipt(receipt));
  }

  async sweep(before: number): Promise<void> {
    await this.#store.deleteFrom('sms_receipts').where('received_at', '<', before).execute();
  }

  async #receipt(receipt: ReceivedReceipt): Promise<boolean> {
    const { carrierId, providerIds, delivery, error = null } = receipt;
    const row = await this.#find(receipt);
    if (!row) {
      await this.#keepEarly(receipt);
      return false;
    }
    if (row.delivery !== null && final.has(row.delivery) && !final.has(delivery)) return true;
    await this.#store
      .updateTable('sms_parts')
      .set({ delivery, delivery_at: this.#now(), delivery_error: error })
      .where('sms_id', '=', row.sms_id)
      .where('part', '=', row.part)
      .execute();
    await this.#summarise(row.sms_id);
    this.#log.info(
      { carrierId, smsId: row.sms_id, delivery, error, forms: providerIds.length },
      'SMS receipt',
    );
    return true;
  }

  /** Of several parts whose ids can be read alike: the one for that recipient, the form as it came, the newest. */
  async #find({ carrierId, providerIds, recipient }: ReceivedReceipt) {
    const rows = await this.#store
      .selectFrom('sms_parts')
      .innerJoin('sms_outbox', 'sms_outbox.id', 'sms_parts.sms_id')
      .select([
        'sms_parts.sms_id',
        'sms_parts.part',
        'sms_parts.provider_id',
        'sms_parts.delivery',
        'sms_parts.sent_at',
        'sms_outbox.recipient',
      ])
      .where('sms_parts.carrier_id', '=', carrierId)
      .where('sms_parts.provider_id', 'in', [...providerIds])
      .execute();
    const rank = (row: (typeof rows)[number]): number =>
      (recipient !== undefined && row.recipient === recipient ? 0 : 1000) +
      providerIds.indexOf(row.provider_id ?? '');
    return rows.sort((a, b) => rank(a) - rank(b) || b.sent_at - a.sent_at)[0];
  }

  async #keepEarly({ carrierId, providerIds, delivery, ...receipt }: ReceivedReceipt): Promise<void> {
    const recipient = receipt.recipient ?? null;
    const error = receipt.error ?? null;
    const received_at = this.#now();
    const rows = providerIds.map((provider_id) => ({
      carrier_id: carrierId,
      provider_id,
      recipient,
      delivery,
      error,
      received_at,
    }));
    await this.#store
      .insertInto('sms_receipts')
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(['carrier_id', 'provider_id'])
          .doUpdateSet({ recipient, delivery, error, received_at }),
      )
      .execute();
  }

  #early(sms: SentSms, providerId: string) {
    return this.#store
      .selectFrom('sms_receipts')
      .selectAll()
      .where('carrier_id', '=', sms.carrier_id)
      .where('provider_id', '=', providerId)
      .where((receipt) =>
        receipt.or([receipt('recipient', 'is', null), receipt('recipient', '=', sms.recipient)]),
      )
      .executeTakeFirst();
  }

  /** The other forms of its id must not be taken for those of another message. */
  async #claim(smsId: string, early: { carrier_id: string; recipient: string | null; received_at: number }) {
    await this.#summarise(smsId);
    await this.#store
      .deleteFrom('sms_receipts')
      .where('carrier_id', '=', early.carrier_id)
      .where('recipient', early.recipient === null ? 'is' : '=', early.recipient)
      .where('received_at', '=', early.received_at)
      .execute();
  }

  /** A message is delivered when all of its parts are, and failed when one is. */
  async #summarise(smsId: string): Promise<void> {
    const parts = await this.#store
      .selectFrom('sms_parts')
      .select(['parts', 'delivery', 'delivery_error'])
      .where('sms_id', '=', smsId)
      .execute();
    const failed = parts.find(
      ({ delivery }) => delivery !== null && delivery !== 'delivered' && final.has(delivery),
    );
    const all = parts.length === parts[0]?.parts && parts.every(({ delivery }) => delivery === 'delivered');
    const delivery: SmsDelivery = failed?.delivery ?? (all ? 'delivered' : 'enroute');
    await this.#store
      .updateTable('sms_outbox')
      .set({ delivery, delivery_at: this.#now(), delivery_error: failed?.delivery_error ?? null })
      .where('id', '=', smsId)
      .execute();
  }

  #inTurn<T>(carrierId: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(carrierId) ?? Promise.resolve()).then(work);
    this.#turns.set(
      carrierId,
      turn.catch(() => {}),
    );
    return turn;
  }
}
