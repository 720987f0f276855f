import { type NameAddr, parseNameAddr, type SipRequest, splitList } from '@ringthrough/sip';

/** What Remote-Party-ID says of the caller. */
export interface RemoteParty {
  /** The caller's identities that the carrier has checked (`screen=yes`), in order. */
  screened: NameAddr[];
  /** The caller does not want to be known. */
  withheld: boolean;
}

/** draft-ietf-sip-privacy-04 section 5.1: what came before P-Asserted-Identity, and is in use still. */
export function remotePartyOf({ headers }: SipRequest): RemoteParty {
  const parties = headers
    .getAll('Remote-Party-ID')
    .flatMap((line) => splitList(line))
    .flatMap((text) => parseNameAddr(text) ?? [])
    .filter(({ params }) => (params.get('party') ?? 'calling').toLowerCase() === 'calling');
  const privacies = parties.map(({ params }) => (params.get('privacy') ?? 'off').toLowerCase());
  return {
    screened: parties.filter(({ params }) => params.get('screen')?.toLowerCase() === 'yes'),
    withheld: privacies.some((privacy) => privacy === 'full' || privacy === 'uri'),
  };
}
