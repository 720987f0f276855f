import { type CarrierVoicemail, Handset } from '../call/handset.ts';
import { LabError } from '../model/errors.ts';
import {
  type ForwardingCommand,
  type ForwardingSnapshot,
  ForwardingTable,
} from '../model/forwarding-table.ts';
import { toE164 } from '../model/numbers.ts';
import type { CarrierOptions, Coverage } from '../model/types.ts';
import type { LabState } from '../state-file.ts';
import type { Hub } from './hub.ts';

const keptVoicemails = 20;

/** A code was answered by the phone or the network. */
export interface ServiceAnswer {
  kind: 'service';
  ok: boolean;
  title: string;
  lines: string[];
}

type Kept = LabState['handsets'];

/** The SIMs of the lab in their phones: coverage, forwarding, and what their screens show. */
export class Handsets {
  readonly #hub: Hub;
  readonly #byNumber = new Map<string, Handset>();
  readonly #firstCoverage = new Map<string, Coverage>();

  /** `kept`: what the state file has, by number. */
  constructor(hub: Hub, carriers: readonly CarrierOptions[], kept: Kept) {
    this.#hub = hub;
    for (const { id, handsets, voicemailNumber } of carriers) {
      for (const { number, owner, role, ...first } of handsets) {
        const forwarding = new ForwardingTable(kept[number]?.forwarding);
        const coverage = kept[number]?.coverage ?? first.coverage ?? 'covered';
        const handset = new Handset({ number, owner, role, carrierId: id, forwarding, coverage });
        if (kept[number]?.voicemail === true) handset.voicemailNumber = voicemailNumber;
        this.#firstCoverage.set(number, first.coverage ?? 'covered');
        this.#byNumber.set(number, handset);
      }
    }
  }

  all(): Handset[] {
    return [...this.#byNumber.values()];
  }

  get(number: string): Handset | undefined {
    return this.#byNumber.get(number);
  }

  /** @throws LabError `unknown-handset` */
  find(number: string): Handset {
    const handset = this.#byNumber.get(number);
    if (handset === undefined)
      throw new LabError('unknown-handset', 'The lab has no handset with this number.');
    return handset;
  }

  /** Is there such a SIM, and can a message reach it now? */
  reach(number: string): 'unknown' | 'reachable' | 'unreachable' {
    const handset = this.#byNumber.get(number);
    if (handset === undefined) return 'unknown';
    return handset.coverage === 'covered' ? 'reachable' : 'unreachable';
  }

  /** @returns whether that was a change */
  setCoverage(number: string, coverage: Coverage): boolean {
    const handset = this.find(number);
    if (handset.coverage === coverage) return false;
    handset.coverage = coverage;
    handset.screen = undefined;
    if (coverage !== 'covered') handset.call?.radioLost(number);
    this.#hub.persist();
    this.#hub.changed();
    return true;
  }

  /** As it was at the first start. */
  firstCoverage(number: string): Coverage {
    return this.#firstCoverage.get(number) ?? 'covered';
  }

  /** What the carrier itself writes into the table of a subscriber; the handset does not hear of it. */
  setForwarding(number: string, forwarding: ForwardingSnapshot): void {
    this.find(number).forwarding.replace(forwarding);
    this.#hub.persist();
    this.#hub.changed();
  }

  /** Gives the subscriber the carrier's own voicemail, or takes it away (undefined). */
  setVoicemail(number: string, voicemailNumber: string | undefined): void {
    this.find(number).voicemailNumber = voicemailNumber;
    this.#hub.persist();
    this.#hub.changed();
  }

  voicemailLeft(number: string, message: CarrierVoicemail): void {
    const handset = this.#byNumber.get(number);
    if (handset === undefined) return;
    handset.voicemails = [message, ...handset.voicemails].slice(0, keptVoicemails);
    this.#hub.changed();
  }

  /** A forwarding code was dialled. */
  forward(handset: Handset, command: ForwardingCommand, { prefix, family }: CarrierOptions): ServiceAnswer {
    const number = command.number === undefined ? undefined : toE164(command.number, prefix);
    if (command.number !== undefined && (number === undefined || number === handset.number)) {
      return this.show(handset, false, 'Call forwarding', ['This number cannot be forwarded to.']);
    }
    const { ok, title, lines } = handset.forwarding.apply({ ...command, number });
    this.#hub.persist();
    // Feature codes are answered with a tone; nothing shows on the screen but that.
    return this.show(handset, ok, title, family === 'cdma' && ok ? ['Confirmation tone.'] : lines);
  }

  /** Writes an answer on the screen. */
  show(handset: Handset, ok: boolean, title: string, lines: string[]): ServiceAnswer {
    handset.screen = { title, lines };
    this.#hub.changed();
    return { kind: 'service', ok, title, lines };
  }

  snapshot(): Kept {
    return Object.fromEntries(
      this.all().map(({ number, coverage, forwarding, voicemailNumber }) => [
        number,
        { coverage, forwarding: forwarding.snapshot(), voicemail: voicemailNumber !== undefined },
      ]),
    );
  }
}
