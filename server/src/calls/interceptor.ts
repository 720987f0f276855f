import { parseNameAddr, type SipRequest, type UasSession } from '@ringthrough/sip';
import type { Arrival, TrunkNumbers } from './arrival.ts';
import { numberOfUri } from './numbers.ts';

/** A call of a trunk that may be for the system itself, before anybody's number is looked up. */
export interface SpecialCall {
  carrierId: string;
  /** What the switch asks for: the number of the Request-URI, and of To where that is another one. E.164. */
  dialled: readonly string[];
  /** By diversion headers first, or as it was dialled; see `Arrival`. */
  arrival: Arrival;
  /** Whether somebody's forwarding brings it. */
  diverted: boolean;
  /** As the header rules of the trunk leave it. */
  request: SipRequest;
  /** The same for each copy of the same call. */
  callId: string;
  /** Unix milliseconds. */
  arrivedAt: number;
  /** Aborted when the switch takes the call back. */
  gone: AbortSignal;
}

/** How such a call is refused: nobody pays for it, no device rings, nothing is recorded. */
export interface Interception {
  status: number;
  /** RFC 3326. */
  reason: string;
}

/**
 * Looks at each call of a trunk first: calls to numbers that take missed calls, forwarding checks that come home. It must not
 * throw. A promise holds the call (the caller hears nothing), and is only for the rare one that cannot be told at once.
 */
export type CallInterceptor = (
  call: SpecialCall,
) => Interception | undefined | Promise<Interception | undefined>;

export function specialCall(
  session: UasSession,
  at: { request: SipRequest; arrival: Arrival; trunk: TrunkNumbers & { id: string }; arrivedAt: number },
): SpecialCall {
  const { request, arrival, trunk, arrivedAt } = at;
  const uris = [request.uri, parseNameAddr(request.headers.get('To') ?? '')?.uri];
  const dialled = uris.map((uri) => numberOfUri(uri, trunk.country, trunk.numberFormat));
  const gone = new AbortController();
  if (session.state === 'terminated') gone.abort();
  session.on('cancelled', () => gone.abort());
  return {
    carrierId: trunk.id,
    dialled: [...new Set(dialled.filter((number) => number !== undefined))],
    arrival,
    diverted: request.headers.has('Diversion') || arrival.called.some(({ reason }) => reason !== 'direct'),
    request,
    callId: session.callId,
    arrivedAt,
    gone: gone.signal,
  };
}
