import type { MessageOptions } from '@ringthrough/sip';
import { MediaError } from '../media/index.ts';
import type { EndCause, LegEndReason } from './call-types.ts';

/** Refusals of an INVITE, before a call exists; status and Q.850 cause as RFC 3398 section 8 pairs them. */
export const refusals = {
  'unknown-number': { status: 404, cause: 1, text: 'Unallocated number' },
  'too-many-hops': { status: 483, cause: 25, text: 'Exchange routing error' },
  loop: { status: 482, cause: 25, text: 'Exchange routing error' },
  'too-many-diversions': { status: 483, cause: 25, text: 'Exchange routing error' },
  'account-busy': { status: 486, cause: 17, text: 'User busy' },
  'no-common-codec': { status: 488, cause: 65, text: 'Bearer capability not implemented' },
  overload: { status: 503, cause: 42, text: 'Switching equipment congestion' },
  'no-media': { status: 503, cause: 34, text: 'No circuit available' },
  internal: { status: 500, cause: 41, text: 'Temporary failure' },
} as const;

export type Refusal = keyof typeof refusals;

/** Whether it is the caller's description that media failed for, or ours to have none: no port, no engine. */
export function mediaRefusal(error: unknown): 'no-common-codec' | 'no-media' {
  const described =
    error instanceof MediaError && (error.code === 'bad-sdp' || error.code === 'no-common-codec');
  return described ? 'no-common-codec' : 'no-media';
}

/** How many seconds an overloaded server asks to be left alone. */
const retryAfterSeconds = 5;

/** Status and headers for `UasSession.reject`. */
export function refusalResponse(refusal: Refusal): { status: number; options: MessageOptions } {
  const { status, cause, text } = refusals[refusal];
  const headers: Array<[string, string]> = [['Reason', q850(cause, text)]];
  if (status === 503) headers.push(['Retry-After', String(retryAfterSeconds)]);
  return { status, options: { headers } };
}

/** Of the 503 that the stack gives by itself under load; Retry-After is its own. */
export const overloadHeaders: Array<[string, string]> = [
  ['Reason', q850(refusals.overload.cause, refusals.overload.text)],
];

/** How the caller's leg ends when it is not the caller who ends it: `status` before the answer, BYE after it. */
const callerEnds: Readonly<Record<EndCause, { status: number; cause: number; text: string }>> = {
  'device-hung-up': { status: 480, cause: 16, text: 'Normal call clearing' },
  'device-lost': { status: 480, cause: 27, text: 'Destination out of order' },
  'no-common-codec': { status: 488, cause: 65, text: 'Bearer capability not implemented' },
  'no-media': { status: 503, cause: 34, text: 'No circuit available' },
  'media-silent': { status: 480, cause: 102, text: 'Recovery on timer expiry' },
  'max-duration': { status: 480, cause: 31, text: 'Maximum duration' },
  shutdown: { status: 503, cause: 41, text: 'Temporary failure' },
  'broken-invariant': { status: 500, cause: 41, text: 'Temporary failure' },
  // The caller ended these, or the alerting server has: nothing more is sent.
  'caller-cancelled': { status: 487, cause: 16, text: 'Normal call clearing' },
  'answered-by-carrier': { status: 487, cause: 16, text: 'Normal call clearing' },
  'caller-hung-up': { status: 487, cause: 16, text: 'Normal call clearing' },
  'carrier-lost': { status: 487, cause: 38, text: 'Network out of order' },
  alerting: { status: 480, cause: 16, text: 'Normal call clearing' },
};

export function callerEnd(cause: EndCause): { status: number; headers: Array<[string, string]> } {
  const { status, cause: q850Cause, text } = callerEnds[cause];
  return { status, headers: [['Reason', q850(q850Cause, text)]] };
}

/** Told to a device whose leg is taken away (RFC 3326). "Call completed elsewhere" is what clients look for. */
const legEnds: Readonly<Record<LegEndReason, string>> = {
  'answered-elsewhere': sip(200, 'Call completed elsewhere'),
  'caller-gone': sip(487, 'Originator cancelled'),
  timeout: sip(480, 'No answer'),
  declined: sip(603, 'Declined'),
  'device-gone': sip(410, 'Device gone'),
  failed: sip(500, 'Call failed'),
  'media-silent': q850(102, 'Recovery on timer expiry'),
  'max-duration': q850(31, 'Maximum duration'),
  shutdown: sip(503, 'Server stopping'),
};

/** Headers of the CANCEL or BYE. In a conversation, "the caller has gone" is an ordinary hang-up. */
export function legEnd(reason: LegEndReason, inConversation: boolean): Array<[string, string]> {
  if (inConversation && reason === 'caller-gone') return [['Reason', q850(16, 'Normal call clearing')]];
  return [['Reason', legEnds[reason]]];
}

function q850(cause: number, text: string): string {
  return `Q.850;cause=${cause};text="${text}"`;
}

function sip(cause: number, text: string): string {
  return `SIP;cause=${cause};text="${text}"`;
}
