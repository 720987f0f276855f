import { formatNameAddr, parseUri, SipRequest } from '@ringthrough/sip';
import type { OutboundTrunkConfig, TrunkConfig } from '../config.ts';
import { applyHeaderRules } from './header-rules.ts';
import { numberUri } from './number-format.ts';

/** A call of ours, before a trunk is chosen for it. */
export interface OutboundCallOptions {
  carrierId: string;
  /** E.164. */
  to: string;
  /** E.164; the C number of the carrier when absent. */
  from?: string;
  /** The offer. */
  sdp: string;
  headers?: Array<[name: string, value: string]>;
}

/** The INVITE of a call for one trunk: numbers in its form, headers by its rules. */
export function trunkInvite(
  call: OutboundCallOptions,
  at: { country: string; cNumber: string; trunk: TrunkConfig; outbound: OutboundTrunkConfig },
): SipRequest {
  const { country, trunk, outbound } = at;
  const { host = '', port } = parseUri(outbound.uri) ?? {};
  const fromHost = outbound.fromDomain ?? host;
  const form = {
    format: trunk.numberFormat ?? 'e164',
    country,
    scheme: outbound.scheme,
    userPhone: outbound.userPhone,
  };
  const to = numberUri(call.to, { ...form, host: outbound.scheme === 'tel' ? fromHost : host, port });
  const from = numberUri(call.from ?? at.cNumber, { ...form, host: fromHost });
  const request = new SipRequest('INVITE', to, {
    headers: [
      ['From', formatNameAddr({ uri: from, params: new Map() })],
      ['To', formatNameAddr({ uri: to, params: new Map() })],
      ...(call.headers ?? []),
    ],
    body: Buffer.from(call.sdp),
  });
  return applyHeaderRules(request, outbound.headers);
}
