/** An SMS as the handset's inbox shows it. */
export interface InboxSms {
  id: string;
  from: string;
  text: string;
  /** When the centre took it over. */
  acceptedAt: number;
  deliveredAt: number;
}

export interface AcceptedSms {
  id: string;
  from: string;
  to: string;
  text: string;
  acceptedAt: number;
}

/** Where an SMS has got to. `stored`: the centre keeps it until it can go on. */
export type SmsState = 'stored' | 'delivered' | 'failed';

/** One SMS in the centre's list, whichever way it goes. */
export interface SmsRecord {
  id: string;
  from: string;
  to: string;
  text: string;
  /** From a handset, or from Ringthrough. */
  origin: 'handset' | 'ringthrough';
  state: SmsState;
  acceptedAt: number;
  deliveredAt: number | null;
  /** Of the delivery receipt that the sender asked for. */
  receipt: 'none' | 'asked' | 'returned';
}

export interface SmsCentreSnapshot {
  waiting: AcceptedSms[];
  inboxes: Record<string, InboxSms[]>;
  seen: string[];
  /** Absent in files of older versions. */
  records?: SmsRecord[];
}

export interface SmsCentreOptions {
  now: () => number;
  /** Is there such a SIM, and can a message reach it now? `elsewhere`: Ringthrough takes it. */
  reach: (number: string) => 'unknown' | 'reachable' | 'unreachable' | 'elsewhere';
  onDelivered: (number: string, sms: InboxSms) => void;
  snapshot?: SmsCentreSnapshot | undefined;
}

/** What is handed to the centre. */
export interface NewSms {
  id: string;
  from: string;
  to: string;
  text: string;
  /** Default: `ringthrough`. */
  origin?: SmsRecord['origin'];
  /** The sender wants to hear of the delivery. */
  receipt?: boolean;
}

/** Enough ids to recognise a retry; a real centre forgets too. */
const rememberedIds = 1000;
const inboxSize = 100;
const keptRecords = 200;

/** Store and forward: what was accepted is kept until it can be delivered, and delivered once. */
export class SmsCentre {
  readonly #options: SmsCentreOptions;
  readonly #waiting: AcceptedSms[];
  readonly #inboxes: Map<string, InboxSms[]>;
  readonly #seen: Set<string>;
  /** Newest last. */
  readonly #records: Map<string, SmsRecord>;

  constructor(options: SmsCentreOptions) {
    this.#options = options;
    this.#waiting = [...(options.snapshot?.waiting ?? [])];
    this.#inboxes = new Map(Object.entries(options.snapshot?.inboxes ?? {}));
    this.#seen = new Set(options.snapshot?.seen ?? []);
    this.#records = new Map((options.snapshot?.records ?? []).map((record) => [record.id, record]));
  }

  /**
   * Takes a message over. The same id again changes nothing (the sender retried after a lost answer).
   * @returns `unknown-number` when nobody has that number; then nothing is kept but the record of what a handset sent.
   */
  accept(sms: NewSms): 'accepted' | 'duplicate' | 'unknown-number' {
    if (this.#seen.has(sms.id)) return 'duplicate';
    const unknown = this.#options.reach(sms.to) === 'unknown';
    if (unknown && sms.origin !== 'handset') return 'unknown-number';
    this.#remember(sms.id);
    const record = this.#record(sms, unknown ? 'failed' : 'stored');
    if (unknown) return 'unknown-number';
    const { id, from, to, text, acceptedAt } = record;
    this.#waiting.push({ id, from, to, text, acceptedAt });
    this.deliverWaiting(to);
    return 'accepted';
  }

  /** To be called whenever a handset may have become reachable. */
  deliverWaiting(number: string): void {
    if (this.#options.reach(number) !== 'reachable') return;
    for (const sms of this.waitingFor(number)) this.#deliver(sms);
  }

  /** Ringthrough, or whoever takes them, has it. Does nothing when it was delivered before. */
  delivered(id: string): void {
    const sms = this.#waiting.find((one) => one.id === id);
    if (sms !== undefined) this.#finish(sms);
  }

  receiptReturned(id: string): void {
    const record = this.#records.get(id);
    if (record !== undefined) this.#records.set(id, { ...record, receipt: 'returned' });
  }

  inbox(number: string): readonly InboxSms[] {
    return this.#inboxes.get(number) ?? [];
  }

  /** Every SMS of late, newest first. */
  records(): readonly SmsRecord[] {
    return [...this.#records.values()].reverse();
  }

  record(id: string): SmsRecord | undefined {
    return this.#records.get(id);
  }

  /** Oldest first. */
  waitingFor(number: string): readonly AcceptedSms[] {
    return this.#waiting.filter((sms) => sms.to === number);
  }

  clearInbox(number: string): void {
    this.#inboxes.delete(number);
  }

  /** Forgets every message, those on their way too. Ids stay known: a sender's retry is no new message. */
  clear(): void {
    this.#waiting.length = 0;
    this.#inboxes.clear();
    this.#records.clear();
  }

  snapshot(): SmsCentreSnapshot {
    return {
      waiting: [...this.#waiting],
      inboxes: Object.fromEntries(this.#inboxes),
      seen: [...this.#seen],
      records: [...this.#records.values()],
    };
  }

  #deliver(sms: AcceptedSms): void {
    const deliveredAt = this.#finish(sms);
    const { id, from, text, acceptedAt } = sms;
    const delivered: InboxSms = { id, from, text, acceptedAt, deliveredAt };
    this.#inboxes.set(sms.to, [delivered, ...this.inbox(sms.to)].slice(0, inboxSize));
    this.#options.onDelivered(sms.to, delivered);
  }

  #finish(sms: AcceptedSms): number {
    const deliveredAt = this.#options.now();
    this.#waiting.splice(this.#waiting.indexOf(sms), 1);
    const record = this.#records.get(sms.id);
    if (record !== undefined) this.#records.set(sms.id, { ...record, state: 'delivered', deliveredAt });
    return deliveredAt;
  }

  #record(
    { id, from, to, text, origin = 'ringthrough', receipt = false }: NewSms,
    state: SmsState,
  ): SmsRecord {
    const record: SmsRecord = {
      id,
      from,
      to,
      text,
      origin,
      state,
      acceptedAt: this.#options.now(),
      deliveredAt: null,
      receipt: receipt ? 'asked' : 'none',
    };
    this.#records.set(id, record);
    const [oldest] = this.#records.keys();
    if (this.#records.size > keptRecords && oldest !== undefined) this.#records.delete(oldest);
    return record;
  }

  #remember(id: string): void {
    this.#seen.add(id);
    const [oldest] = this.#seen;
    if (this.#seen.size > rememberedIds && oldest !== undefined) this.#seen.delete(oldest);
  }
}
