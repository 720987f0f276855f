import { parseIdentities, parseNameAddr, type SipRequest } from '@ringthrough/sip';
import { type CalledCandidate, divertedNumbers, type TrunkNumbers } from './diverted-numbers.ts';
import { numberOfUri } from './numbers.ts';
import { remotePartyOf } from './remote-party.ts';

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
  return { called: calledCandidates(request, trunk), ...callingNumber(request, trunk) };
}

/**
 * Diversion (RFC 5806) and History-Info (RFC 7044) tell who diverted the call to the C number. Without both, the
 * carrier has routed the number itself: To, then the Request-URI.
 */
function calledCandidates(request: SipRequest, trunk: TrunkNumbers): CalledCandidate[] {
  const diverted = divertedNumbers(request, trunk);
  if (diverted.length > 0) return diverted;
  const dialled = [parseNameAddr(request.headers.get('To') ?? '')?.uri, request.uri];
  const numbers = dialled.map((uri) => numberOfUri(uri, trunk.country, trunk.numberFormat));
  const distinct = new Set(numbers.filter((number) => number !== undefined && number !== trunk.cNumber));
  return [...distinct].map((number) => ({ number: number as string, reason: 'direct' }));
}

/**
 * P-Asserted-Identity (or Remote-Party-ID, where the trunk has that) before From (RFC 3325 9.1), where the trunk is in our trust domain; Privacy (RFC 3323) is kept. A
 * caller whose own From is anonymous wants to be so (RFC 3323 4.1.1.3), even where the carrier forgot to say it.
 */
function callingNumber(
  request: SipRequest,
  trunk: TrunkNumbers,
): { calling: string | undefined; callingAsserted: boolean } {
  const privacy = (request.headers.get('Privacy') ?? '').toLowerCase().split(/[;,\s]+/);
  const from = parseNameAddr(request.headers.get('From') ?? '')?.uri;
  const isAnonymous = isAnonymousUri(from) && !privacy.includes('none');
  if (isAnonymous || ['id', 'user', 'header'].some((level) => privacy.includes(level))) {
    return { calling: undefined, callingAsserted: false };
  }
  const remoteParty = trunk.identity === 'remote-party-id' ? remotePartyOf(request) : undefined;
  if (remoteParty?.withheld) return { calling: undefined, callingAsserted: false };
  const identities = remoteParty ? remoteParty.screened : parseIdentities(request.headers);
  for (const { uri } of trunk.trustIdentity === false ? [] : identities) {
    const number = numberOfUri(uri, trunk.country, trunk.numberFormat);
    if (number !== undefined) return { calling: number, callingAsserted: true };
  }
  return { calling: numberOfUri(from, trunk.country, trunk.numberFormat), callingAsserted: false };
}

/** RFC 3323 section 4.1.1.3: `sip:anonymous@anonymous.invalid`; carriers put their own domain behind the name. */
function isAnonymousUri(uri: string | undefined): boolean {
  return /^(sips?:anonymous@|sips?:[^@]*@anonymous\.invalid)/i.test(uri ?? '');
}
