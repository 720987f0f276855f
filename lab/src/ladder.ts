/** One arrow of a call's ladder, or a remark on one column. */
export interface LadderEntry {
  /** Grows by one over the whole lab; the order of things. */
  id: number;
  callId: string;
  /** Unix milliseconds. */
  at: number;
  from: Participant;
  /** The same as `from` for a remark. */
  to: Participant;
  kind: 'sip' | 'radio' | 'network' | 'note';
  /** What is written on the arrow. */
  label: string;
  /** The whole message, or what happened in words. */
  detail: string;
}

/** A column of the drawing. */
export type Participant = `handset:${string}` | `switch:${string}` | 'ringthrough';

export const handsetColumn = (number: string): Participant => `handset:${number}`;
export const switchColumn = (carrierId: string): Participant => `switch:${carrierId}`;

/** A call with an endless dialogue must not eat the memory. */
const entriesPerCall = 400;

/** The messages of every call the lab still remembers, in the order in which they passed. */
export class Ladder {
  readonly #byCall = new Map<string, LadderEntry[]>();
  readonly #now: () => number;
  readonly #onEntry: (entry: LadderEntry) => void;
  #nextId = 1;

  constructor(now: () => number, onEntry: (entry: LadderEntry) => void) {
    this.#now = now;
    this.#onEntry = onEntry;
  }

  add(entry: Omit<LadderEntry, 'id' | 'at'>): void {
    const entries = this.#byCall.get(entry.callId) ?? [];
    this.#byCall.set(entry.callId, entries);
    if (entries.length >= entriesPerCall) return;
    const complete = { ...entry, id: this.#nextId, at: this.#now() };
    this.#nextId += 1;
    entries.push(complete);
    this.#onEntry(complete);
  }

  of(callId: string): readonly LadderEntry[] {
    return this.#byCall.get(callId) ?? [];
  }

  forget(callId: string): void {
    this.#byCall.delete(callId);
  }
}
