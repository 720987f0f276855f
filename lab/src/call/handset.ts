import type { HandsetAudio } from '../media/handset-audio.ts';
import type { ForwardingTable } from '../model/forwarding-table.ts';
import type { Coverage, HandsetRole } from '../model/types.ts';

/** The last thing the network or the phone itself wrote on the screen. */
export interface Screen {
  title: string;
  lines: string[];
}

/** A message at the carrier's own voicemail. */
export interface CarrierVoicemail {
  from: string;
  at: number;
  /** Of what was said after the tone. */
  durationMs: number;
}

/** What a handset can do with the call it is in. */
export interface CallHandle {
  readonly id: string;
  /** @throws LabError `not-ringing` */
  answer(number: string): void;
  /** Ends, cancels or declines, whichever fits. */
  hangUp(number: string): void;
  /** The radio is gone under the call. */
  radioLost(number: string): void;
  /** @throws LabError `no-call` while there is nobody to hear it. */
  pressKey(number: string, key: string): void;
  /** The ear and mouth of this handset in the call. */
  audioOf(number: string): HandsetAudio | undefined;
}

/** A phone with its SIM in it; the forwarding table lives in the switch and is kept here because it belongs to the SIM. */
export class Handset {
  readonly number: string;
  readonly owner: string;
  readonly role: HandsetRole;
  readonly carrierId: string;
  readonly forwarding: ForwardingTable;
  coverage: Coverage;
  /** Of the carrier, where this subscriber has it; undefined: has none. */
  voicemailNumber: string | undefined;
  /** What callers said to the carrier's voicemail, newest first. */
  voicemails: readonly CarrierVoicemail[] = [];
  call: CallHandle | undefined;
  screen: Screen | undefined;

  constructor(init: {
    number: string;
    owner: string;
    role: HandsetRole;
    carrierId: string;
    forwarding: ForwardingTable;
    coverage: Coverage;
  }) {
    this.number = init.number;
    this.owner = init.owner;
    this.role = init.role;
    this.carrierId = init.carrierId;
    this.forwarding = init.forwarding;
    this.coverage = init.coverage;
  }

  get inCall(): boolean {
    return this.call !== undefined;
  }
}
