import { newMessage, partId, recordId } from './message-ids.ts';
import type { Segment } from './segments.ts';

/** A part of a long message that was answered for; the handset's others are still to come. */
export interface WaitingPart extends Segment {
  from: string;
  to: string;
  text: string;
  receipt: boolean;
  /** Of the message that it is a part of. */
  message: string;
}

/** A message whose parts are all there. */
export interface JoinedMessage {
  id: string;
  text: string;
  receipt: boolean;
}

const keptParts = 1000;

/** Joins parts as a handset does: by sender, recipient, reference and number of parts; a part that comes again is the same. */
export class WaitingParts {
  #parts: WaitingPart[];

  constructor(snapshot: readonly WaitingPart[] = []) {
    this.#parts = [...snapshot];
  }

  /** @returns the id of the part, and the message when this was the last one */
  add(part: Omit<WaitingPart, 'message'>): { partId: string; joined?: JoinedMessage } {
    const others = this.#parts.filter(
      ({ from, to, reference, parts }) =>
        from === part.from && to === part.to && reference === part.reference && parts === part.parts,
    );
    const message = others[0]?.message ?? newMessage();
    const all = [...others.filter((one) => one.part !== part.part), { ...part, message }];
    const id = partId(message, part.part);
    this.#parts = this.#parts.filter((one) => !others.includes(one));
    if (all.length < part.parts) {
      this.#parts = [...this.#parts, ...all].slice(-keptParts);
      return { partId: id };
    }
    const text = all.sort((a, b) => a.part - b.part).map((one) => one.text);
    const receipt = all.some((one) => one.receipt);
    return { partId: id, joined: { id: recordId(message, part.parts), text: text.join(''), receipt } };
  }

  snapshot(): WaitingPart[] {
    return [...this.#parts];
  }
}
