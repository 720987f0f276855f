import { SipRequest, type SipStack } from '@ringthrough/sip';
import type { DeviceAddress } from './device-address.ts';

/** `SoftphoneLiveness.ask` over a real stack: an OPTIONS outside of dialogs, to where an INVITE would go. */
export function askSoftphone(
  stack: Pick<SipStack, 'request'>,
  domain: string,
): (address: DeviceAddress) => Promise<boolean> {
  return async ({ contactUri, target }) => {
    const request = new SipRequest('OPTIONS', contactUri, {
      headers: [
        ['From', `<sip:${domain}>`],
        ['Accept', 'application/sdp'],
      ],
    });
    let provisional = false;
    const response = await stack.request(request, target, {
      provisional: () => {
        provisional = true;
      },
    });
    // The stack makes 408 and 503 by itself, and marks them so (RFC 3261 section 20.43).
    return provisional || !(response.headers.get('Warning') ?? '').startsWith('399 ringthrough ');
  };
}
