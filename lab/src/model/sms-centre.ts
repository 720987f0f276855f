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

export interface SmsCentreSnapshot {
  waiting: AcceptedSms[];
  inboxes: Record<string, InboxSms[]>;
  seen: string[];
}

export interface SmsCentreOptions {
  now: () => number;
  /** Is there such a SIM, and can a message reach it now? */
  reach: (number: string) => 'unknown' | 'reachable' | 'unreachable';
  onDelivered: (number: string, sms: InboxSms) => void;
  snapshot?: SmsCentreSnapshot | undefined;
}

/** Enough ids to recognise a retry; a real centre forgets too. */
const rememberedIds = 1000;
const inboxSize = 100;

/** Store and forward: what was accepted is kept until the handset is on and in coverage, and delivered once. */
export class SmsCentre {
  readonly #options: SmsCentreOptions;
  readonly #waiting: AcceptedSms[];
  readonly #inboxes: Map<string, InboxSms[]>;
  readonly #seen: Set<string>;

  constructor(options: SmsCentreOptions) {
    this.#options = options;
    this.#waiting = [...(options.snapshot?.waiting ?? [])];
    this.#inboxes = new Map(Object.entries(options.snapshot?.inboxes ?? {}));
    this.#seen = new Set(options.snapshot?.seen ?? []);
  }

  /**
   * Takes a message over. The same id again changes nothing (the sender retried after a lost answer).
   * @returns `unknown-number` when no SIM has that number; then nothing is kept.
   */
  accept(sms: {
    id: string;
    from: string;
    to: string;
    text: string;
  }): 'accepted' | 'duplicate' | 'unknown-number' {
    if (this.#seen.has(sms.id)) return 'duplicate';
    if (this.#options.reach(sms.to) === 'unknown') return 'unknown-number';
    this.#remember(sms.id);
    this.#waiting.push({
      id: sms.id,
      from: sms.from,
      to: sms.to,
      text: sms.text,
      acceptedAt: this.#options.now(),
    });
    this.deliverWaiting(sms.to);
    return 'accepted';
  }

  /** To be called whenever a handset may have become reachable. */
  deliverWaiting(number: string): void {
    if (this.#options.reach(number) !== 'reachable') return;
    const due = this.#waiting.filter((sms) => sms.to === number);
    for (const sms of due) {
      this.#waiting.splice(this.#waiting.indexOf(sms), 1);
      this.#deliver(sms);
    }
  }

  inbox(number: string): readonly InboxSms[] {
    return this.#inboxes.get(number) ?? [];
  }

  waitingFor(number: string): number {
    return this.#waiting.filter((sms) => sms.to === number).length;
  }

  clearInbox(number: string): void {
    this.#inboxes.delete(number);
  }

  snapshot(): SmsCentreSnapshot {
    return {
      waiting: [...this.#waiting],
      inboxes: Object.fromEntries(this.#inboxes),
      seen: [...this.#seen],
    };
  }

  #deliver(sms: AcceptedSms): void {
    const { id, from, text, acceptedAt } = sms;
    const delivered: InboxSms = { id, from, text, acceptedAt, deliveredAt: this.#options.now() };
    this.#inboxes.set(sms.to, [delivered, ...this.inbox(sms.to)].slice(0, inboxSize));
    this.#options.onDelivered(sms.to, delivered);
  }

  #remember(id: string): void {
    this.#seen.add(id);
    const [oldest] = this.#seen;
    if (this.#seen.size > rememberedIds && oldest !== undefined) this.#seen.delete(oldest);
  }
}
