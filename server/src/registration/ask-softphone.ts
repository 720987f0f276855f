import { SipRequest, type SipStack } from '@ringthrough/sip';
import type { DeviceAddress } from './device-address.ts';

const unreachable = new Set([408, 410, 430, 477, 478, 503, 504]);

/** `SoftphoneLiveness.ask` over a real stack: an OPTIONS outside of dialogs, to where an INVITE would go. */
export function askSoftphone(
  stack: Pick<SipStack, 'request'>,
  domain: string,
): (address: DeviceAddress) => Promise<boolean> {
  return async ({ contactUri, target, route = [] }) => {
    const request = new SipRequest('OPTIONS', contactUri, {
      headers: [
        ['From', `<sip:${domain}>`],
        ['Accept', 'application/sdp'],
        ...route.map((hop): [string, string] => ['Route', hop]),
      ],
    });
    let provisional = false;
    const response = await stack.request(request, target, {
      provisional: () => {
        provisional = true;
      },
    });
    // An edge proxy that says it cannot get through (RFC 5626 section 5.3.1; 477 and 478 are Kamailio's).
    if (route.length > 0 && unreachable.has(response.status)) return false;
    // The stack makes 408 and 503 by itself, and marks them so (RFC 3261 section 20.43).
    return provisional || !(response.headers.get('Warning') ?? '').startsWith('399 ringthrough ');
  };
}
