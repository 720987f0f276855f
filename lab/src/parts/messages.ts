import { randomBytes, timingSafeEqual } from 'node:crypto';
import { LabError } from '../model/errors.ts';
import { toE164 } from '../model/numbers.ts';
import {
  type InboxSms,
  type NewSms,
  SmsCentre,
  type SmsCentreSnapshot,
  type SmsRecord,
} from '../model/sms-centre.ts';
import type { Carriers } from './carriers.ts';
import type { Handsets } from './handsets.ts';
import type { Hub } from './hub.ts';

/** An SMS from a handset to a number that Ringthrough has at the carrier. */
export interface UplinkSms {
  id: string;
  carrierId: string;
  from: string;
  to: string;
  text: string;
}

/** How a carrier's SMS centre hands SMS to Ringthrough. */
export interface SmsUplink {
  /** Resolves when Ringthrough has taken it; rejects when it has to be tried again. */
  deliver(sms: UplinkSms): Promise<void>;
}

/** Of a try that failed; the same time after each. */
const retryMs = 2000;

/** The SMS of the lab: who may hand one in, the centre that keeps them, the inboxes, and the way to Ringthrough. */
export class Messages {
  readonly #hub: Hub;
  readonly #handsets: Handsets;
  readonly #carriers: Carriers;
  readonly #centre: SmsCentre;
  readonly #uplinks = new Map<string, SmsUplink>();
  readonly #listeners = new Set<(sms: SmsRecord) => void>();
  /** Ids that are being handed to Ringthrough. */
  readonly #underWay = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(parts: {
    hub: Hub;
    handsets: Handsets;
    carriers: Carriers;
    snapshot: SmsCentreSnapshot | undefined;
  }) {
    this.#hub = parts.hub;
    this.#handsets = parts.handsets;
    this.#carriers = parts.carriers;
    this.#centre = new SmsCentre({
      now: Date.now,
      reach: (number) => (this.#carriers.bySmsNumber(number) ? 'elsewhere' : this.#handsets.reach(number)),
      onDelivered: (_, { id }) => this.#delivered(id),
      snapshot: parts.snapshot,
    });
  }

  /** Does this bearer token belong to a carrier's SMS centre? Takes the same time for each wrong one. */
  mayHandIn(token: string): boolean {
    const given = Buffer.from(token);
    return this.#carriers.all().some(({ options }) => {
      const expected = Buffer.from(options.smsToken);
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
  }

  /**
   * Takes a message over from Ringthrough; on disk when this returns.
   * @throws LabError `unknown-handset`; `sms-throttled` and `sms-down` in that condition of the recipient's carrier
   */
  accept(sms: NewSms): 'accepted' | 'duplicate' {
    const handset = this.#handsets.get(sms.to);
    const condition = handset && this.#carriers.find(handset.carrierId).condition.sms;
    if (condition === 'down') throw new LabError('sms-down', 'The SMS centre is out of order.');
    if (condition === 'throttled') throw new LabError('sms-throttled', 'The SMS centre has too much to do.');
    const result = this.#centre.accept(sms);
    if (result === 'unknown-number')
      throw new LabError('unknown-handset', 'No SIM of the lab has this number.');
    this.#hub.persist();
    this.#hub.changed();
    return result;
  }

  /**
   * A handset sends an SMS to any number: another handset, or Ringthrough's at the carrier.
   * @throws LabError `no-service`, `bad-number`
   */
  send(number: string, to: string, text: string): SmsRecord {
    const handset = this.#handsets.find(number);
    if (handset.coverage !== 'covered') throw new LabError('no-service', 'The handset has no network.');
    const { prefix } = this.#carriers.find(handset.carrierId).options;
    const called = toE164(to, prefix);
    if (called === undefined) throw new LabError('bad-number', 'This is no number that can get an SMS.');
    const id = `mo-${randomBytes(8).toString('hex')}`;
    this.#centre.accept({ id, from: number, to: called, text, origin: 'handset' });
    this.#hub.persist();
    this.#hub.changed();
    this.#handOn();
    const record = this.#centre.record(id);
    if (record === undefined) throw new Error('The centre has lost an SMS.');
    return record;
  }

  /** The way from this carrier's SMS centre to Ringthrough, from now on; what waited goes at once. */
  connect(carrierId: string, uplink: SmsUplink): void {
    this.#uplinks.set(carrierId, uplink);
    this.#handOn();
  }

  /** Calls `listener` with each SMS that reached its handset; returns how to stop. */
  onDelivered(listener: (sms: SmsRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The sender has been told of the delivery. */
  receiptReturned(id: string): void {
    this.#centre.receiptReturned(id);
    this.#hub.persist();
    this.#hub.changed();
  }

  /** To be called whenever a handset may have become reachable. */
  deliverWaiting(number: string): void {
    this.#centre.deliverWaiting(number);
    this.#hub.persist();
  }

  inbox(number: string): readonly InboxSms[] {
    return this.#centre.inbox(number);
  }

  waitingFor(number: string): number {
    return this.#centre.waitingFor(number).length;
  }

  /** Every SMS of late, newest first. */
  records(): readonly SmsRecord[] {
    return this.#centre.records();
  }

  clearInbox(number: string): void {
    this.#centre.clearInbox(this.#handsets.find(number).number);
    this.#hub.persist();
    this.#hub.changed();
  }

  /** Forgets every message. */
  clear(): void {
    this.#centre.clear();
    this.#hub.persist();
    this.#hub.changed();
  }

  snapshot(): SmsCentreSnapshot {
    return this.#centre.snapshot();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
  }

  #delivered(id: string): void {
    this.#hub.changed();
    const record = this.#centre.record(id);
    if (record === undefined) return;
    // What just came is what the screen shows.
    const handset = this.#handsets.get(record.to);
    if (handset !== undefined) handset.screen = undefined;
    for (const listener of this.#listeners) listener(record);
  }

  /** Hands everything that is for Ringthrough to it, each message once at a time. */
  #handOn(): void {
    for (const { options } of this.#carriers.all()) {
      const uplink = this.#uplinks.get(options.id);
      if (uplink === undefined || options.smsNumber === undefined) continue;
      for (const { id, from, to, text } of this.#centre.waitingFor(options.smsNumber)) {
        if (this.#underWay.has(id)) continue;
        this.#underWay.add(id);
        void this.#deliver(uplink, { id, carrierId: options.id, from, to, text });
      }
    }
  }

  async #deliver(uplink: SmsUplink, sms: UplinkSms): Promise<void> {
    try {
      await uplink.deliver(sms);
      this.#centre.delivered(sms.id);
    } catch (error) {
      this.#hub.log.warn({ error, carrier: sms.carrierId }, 'Ringthrough did not take an SMS.');
      this.#tryLater();
    } finally {
      this.#underWay.delete(sms.id);
    }
    if (this.#closed) return;
    this.#hub.persist();
    this.#hub.changed();
  }

  #tryLater(): void {
    if (this.#closed) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#handOn();
    }, retryMs);
  }
}
