import { quote, type SipRequest } from '@ringthrough/sip';
import { parseFlowKey } from './outbound.ts';
import { hasTag, type RegisterWay } from './path.ts';
import type { Binding } from './register-contacts.ts';

export interface RegisterResponseOptions {
  bindings: readonly Pick<Binding, 'contactUri' | 'flowKey' | 'expiresAt'>[];
  request: SipRequest;
  way: Extract<RegisterWay, { ok: true }>;
  /** Unix milliseconds. */
  now: number;
  /** RFC 3608: URIs that the device's own requests are to pass. */
  serviceRoute: readonly string[];
  /** RFC 5626 section 4.4: how often a device that is connected to us is to give a sign of life; 0: it is not told. */
  flowTimerSeconds: number;
}

/** The headers of a 200 to REGISTER: RFC 3261 section 10.3 step 8, RFC 3327, RFC 3608, RFC 5626 section 6. */
export function registerResponse(options: RegisterResponseOptions): Array<[string, string]> {
  const { bindings, request, way, now, serviceRoute, flowTimerSeconds } = options;
  const headers = bindings.map((binding): [string, string] => ['Contact', contactOf(binding, now)]);
  headers.push(['Date', new Date(now).toUTCString()]);
  // RFC 3327 section 5.3: only who knows the header can make sense of it.
  if (hasTag(request.headers, 'path'))
    for (const hop of request.headers.getAll('Path')) headers.push(['Path', hop]);
  for (const uri of serviceRoute) headers.push(['Service-Route', `<${uri}>`]);
  if (way.outbound !== undefined) {
    headers.push(['Require', 'outbound']);
    // Behind an edge proxy it is that proxy's to say.
    if (flowTimerSeconds > 0 && way.path === undefined)
      headers.push(['Flow-Timer', String(flowTimerSeconds)]);
  }
  return headers;
}

function contactOf(
  { contactUri, flowKey, expiresAt }: RegisterResponseOptions['bindings'][number],
  now: number,
): string {
  const seconds = Math.max(1, Math.ceil((expiresAt - now) / 1000));
  const contact = `<${contactUri}>;expires=${seconds}`;
  const flow = parseFlowKey(flowKey);
  if (flow === undefined) return contact;
  return `${contact};+sip.instance=${quote(flow.instance)};reg-id=${flow.regId}`;
}
