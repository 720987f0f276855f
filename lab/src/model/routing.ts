import { causes } from './causes.ts';
import { defaultNoReplySeconds, type ForwardingCondition, type ForwardingTable } from './forwarding-table.ts';
import type { Cause, Coverage, Diverted, DivertReason } from './types.ts';

/** What the switch knows of the called subscriber when a call comes for them. */
export interface CalledSubscriber {
  number: string;
  coverage: Coverage;
  inCall: boolean;
  forwarding: ForwardingTable;
  /** The carrier's own voicemail takes what nothing else is registered for. */
  voicemailNumber?: string | undefined;
}

export type RoutingDecision =
  | { kind: 'ring'; noReplyMs: number }
  | { kind: 'divert'; diverted: Diverted }
  | { kind: 'release'; cause: Cause };

/** How a call that was offered to the handset came back without an answer. */
export type Unanswered = 'no-reply' | 'declined' | 'lost-coverage';

/** Ringing ends by itself when nothing forwards the call (the network's own timer, T310 and friends). */
const ringLimitMs = 60_000;

/** Forwardings one call may go through (RFC 5806 section 6.3 asks for a limit; networks allow 1 to 5). */
export const maxDiversions = 5;

/** Where a call for a subscriber goes first (order of 3GPP TS 22.082: always, unreachable, busy, then ring). */
export function routeArrival(called: CalledSubscriber, already: readonly Diverted[]): RoutingDecision {
  if (called.forwarding.active('unconditional') !== undefined) {
    return divertOr(called, 'unconditional', already, causes.clearing);
  }
  if (called.coverage !== 'covered') return divertOr(called, 'not-reachable', already, causes.absent);
  if (called.inCall) return divertOr(called, 'busy', already, causes.busy);
  const noReply = called.forwarding.active('no-reply');
  if (noReply !== undefined) return { kind: 'ring', noReplyMs: noReply.noReplySeconds * 1000 };
  const otherwise = called.voicemailNumber === undefined ? ringLimitMs : defaultNoReplySeconds * 1000;
  return { kind: 'ring', noReplyMs: otherwise };
}

/** Where a call goes that the handset rang for in vain. Declining counts as busy (TS 22.082, "UDUB"). */
export function routeUnanswered(
  called: CalledSubscriber,
  why: Unanswered,
  already: readonly Diverted[],
): RoutingDecision {
  switch (why) {
    case 'no-reply':
      return divertOr(called, 'no-reply', already, causes.noAnswer);
    case 'declined':
      return divertOr(called, 'busy', already, causes.rejected);
    case 'lost-coverage':
      return divertOr(called, 'not-reachable', already, causes.absent);
  }
}

const reasons: Readonly<Record<ForwardingCondition, DivertReason>> = {
  unconditional: 'unconditional',
  busy: 'user-busy',
  'no-reply': 'no-answer',
  'not-reachable': 'unavailable',
};

function divertOr(
  called: CalledSubscriber,
  condition: ForwardingCondition,
  already: readonly Diverted[],
  otherwise: Cause,
): RoutingDecision {
  const to = called.forwarding.active(condition)?.to ?? called.voicemailNumber;
  if (to === undefined) return { kind: 'release', cause: otherwise };
  if (already.length >= maxDiversions) return { kind: 'release', cause: causes.tooManyDiversions };
  const diverted = { number: called.number, reason: reasons[condition], to };
  return { kind: 'divert', diverted };
}
