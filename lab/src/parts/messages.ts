import { timingSafeEqual } from 'node:crypto';
import { LabError } from '../model/errors.ts';
import { type InboxSms, SmsCentre, type SmsCentreSnapshot } from '../model/sms-centre.ts';
import type { Carriers } from './carriers.ts';
import type { Handsets } from './handsets.ts';
import type { Hub } from './hub.ts';

/** The SMS of the lab: who may hand one in, the centre that keeps them, the inboxes. */
export class Messages {
  readonly #hub: Hub;
  readonly #handsets: Handsets;
  readonly #carriers: Carriers;
  readonly #centre: SmsCentre;

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
      reach: (number) => this.#handsets.reach(number),
      onDelivered: () => this.#hub.changed(),
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

  /** @throws LabError `unknown-handset` */
  accept(sms: { id: string; from: string; to: string; text: string }): 'accepted' | 'duplicate' {
    const result = this.#centre.accept(sms);
    if (result === 'unknown-number')
      throw new LabError('unknown-handset', 'No SIM of the lab has this number.');
    this.#hub.persist();
    this.#hub.changed();
    return result;
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
    return this.#centre.waitingFor(number);
  }

  clearInbox(number: string): void {
    this.#centre.clearInbox(this.#handsets.find(number).number);
    this.#hub.persist();
    this.#hub.changed();
  }

  snapshot(): SmsCentreSnapshot {
    return this.#centre.snapshot();
  }
}
