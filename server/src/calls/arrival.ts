import { parseIdentities, parseNameAddr, type SipRequest } from '@ringthrough/sip';
import { type CalledCandidate, divertedNumbers, type TrunkNumbers } from './diverted-numbers.ts';
import { numberOfUri } from './numbers.ts';

export type { CalledCandidate, ForwardReason, TrunkNumbers } from './diverted-numbers.ts';

/** What an INVITE on a trunk says (R-IN). */
export interface Arrival {
  /** Best first; the call is for the first one that somebody has linked. Never the C number. */
  called: CalledCandidate[];
  /** E.164; undefined when withheld or no number. */
  calling: string | undefined;
  /** True when the carrier vouches for `calling` (P-Asserted-Identity, RFC 3325). */
  callingAsserted: boolean;
}

/** Reads called number, calling number and reason from an INVITE of a trunk. */
export function readArrival(request: SipRequest, trunk: TrunkNumbers): Arrival {
  return { called: calledCandidates(request, trunk), ...callingNumber(request, trunk.country) };
}

/**
 * Diversion (RFC 5806) and History-Info (RFC 7044) tell who diverted the call to the C number. Without both, the
 * carrier has routed the number itself: To, then the Request-URI.
 */
function calledCandidates(request: SipRequest, trunk: TrunkNumbers): CalledCandidate[] {
  const diverted = divertedNumbers(request, trunk);
  if (diverted.length > 0) return diverted;
  const dialled = [parseNameAddr(request.headers.get('To') ?? '')?.uri, request.uri];
  const numbers = dialled.map((uri) => numberOfUri(uri, trunk.country));
  const distinct = new Set(numbers.filter((number) => number !== undefined && number !== trunk.cNumber));
  return [...distinct].map((number) => ({ number: number as string, reason: 'direct' }));
}

/** P-Asserted-Identity before From (RFC 3325 9.1); Privacy (RFC 3323) is kept. */
function callingNumber(
  request: SipRequest,
  country: string,
): { calling: string | undefined; callingAsserted: boolean } {
  const privacy = (request.headers.get('Privacy') ?? '').toLowerCase().split(/[;,\s]+/);
  if (['id', 'user', 'header'].some((level) => privacy.includes(level))) {
    return { calling: undefined, callingAsserted: false };
  }
  for (const { uri } of parseIdentities(request.headers)) {
    const number = numberOfUri(uri, country);
    if (number !== undefined) return { calling: number, callingAsserted: true };
  }
  const from = parseNameAddr(request.headers.get('From') ?? '')?.uri;
  return { calling: numberOfUri(from, country), callingAsserted: false };
}
