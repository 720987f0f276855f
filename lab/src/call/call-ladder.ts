import { handsetColumn, type Ladder, type Participant, switchColumn } from '../ladder.ts';

/** Writes one call into the ladder, from the switch that handles it at the time. */
export class CallLadder {
  readonly #ladder: Ladder;
  readonly #callId: string;
  #at: Participant;

  /** `carrierId`: of the switch that the call begins at. */
  constructor(ladder: Ladder, callId: string, carrierId: string) {
    this.#ladder = ladder;
    this.#callId = callId;
    this.#at = switchColumn(carrierId);
  }

  /** From the switch to a handset. */
  toHandset(number: string, label: string, detail: string): void {
    this.#add(this.#at, handsetColumn(number), 'radio', label, detail);
  }

  /** From a handset to the switch. */
  fromHandset(number: string, label: string, detail: string): void {
    this.#add(handsetColumn(number), this.#at, 'radio', label, detail);
  }

  /** Between the caller's handset and its own switch, wherever the call is. */
  toCaller(caller: { number: string; carrierId: string }, label: string, detail: string): void {
    this.#add(switchColumn(caller.carrierId), handsetColumn(caller.number), 'radio', label, detail);
  }

  fromCaller(caller: { number: string; carrierId: string }, label: string, detail: string): void {
    this.#add(handsetColumn(caller.number), switchColumn(caller.carrierId), 'radio', label, detail);
  }

  /** Between two carriers the call passes on the interconnect, in ISUP's words (ITU-T Q.763). */
  handOver(carrierId: string, number: string): void {
    const next = switchColumn(carrierId);
    if (next === this.#at) return;
    this.#add(this.#at, next, 'network', 'IAM', `Call for ${number} handed to ${carrierId}.`);
    this.#at = next;
  }

  /** A remark at the switch. */
  note(label: string, detail: string): void {
    this.#add(this.#at, this.#at, 'note', label, detail);
  }

  /** A remark at a handset. */
  noteAt(number: string, label: string, detail: string): void {
    this.#add(handsetColumn(number), handsetColumn(number), 'note', label, detail);
  }

  #add(
    from: Participant,
    to: Participant,
    kind: 'radio' | 'network' | 'note',
    label: string,
    detail: string,
  ): void {
    this.#ladder.add({ callId: this.#callId, from, to, kind, label, detail });
  }
}
