import { parseNameAddr, parseUri, type SipHeaders, type SipRequest } from '@ringthrough/sip';
import { type OutboundFlow, parseOutbound } from './outbound.ts';

/** How a device that registers is to be reached, besides its Contact. */
export type RegisterWay =
  | {
      ok: true;
      /** The Path vector, one value of a header; undefined: the device is reached where it registered from. */
      path: string | undefined;
      /** The flow of RFC 5626 that it registers; undefined when it registers none. */
      outbound: OutboundFlow | undefined;
    }
  | { ok: false; status: number; reason: string; headers: Array<[string, string]> };

export interface RegisterWayPolicy {
  /** It came from an edge proxy of ours. */
  fromEdge: boolean;
  /** Devices that do not say that they know Path are refused (RFC 3327 section 5.3). */
  requireSupport: boolean;
}

const maxHops = 10;
const maxPathBytes = 2_000;

/** RFC 3327 section 5.3, and RFC 5626 section 6: what the registrar learns of the way to the device, or its refusal. */
export function registerWay(
  request: SipRequest,
  { fromEdge, requireSupport }: RegisterWayPolicy,
): RegisterWay {
  const { headers } = request;
  const hops = headers.getAll('Path');
  // Who is no proxy of ours could make us send anything anywhere (section 6): not so much as ignored, for the device
  // would believe that it can be reached.
  if (hops.length > 0 && !fromEdge) return refused(403, 'Path Not Trusted');
  if (hops.length > 0 && requireSupport && !hasTag(headers, 'path')) {
    return refused(420, 'Bad Extension', [['Unsupported', 'path']]);
  }
  if (hops.length > maxHops || hops.join().length > maxPathBytes || !hops.every(isLooseRoute)) {
    return refused(400, 'Bad Path');
  }
  const outbound = hasTag(headers, 'outbound') ? parseOutbound(headers) : undefined;
  // RFC 5626 section 6: the first hop is the bottommost value, and the only Via of who has none is its own.
  if (outbound !== undefined && headers.getAll('Via').length > 1 && !knowsOutbound(hops.at(-1))) {
    return refused(439, 'First Hop Lacks Outbound Support');
  }
  return { ok: true, path: hops.length === 0 ? undefined : hops.join(', '), outbound };
}

/** The values of a Route header that leads along a stored Path, the first hop first. */
export function routeOf(path: string): string[] {
  return path.split(/,\s*(?=[^<>]*<)/);
}

/** The URI of the first hop. */
export function firstHop(path: string): string {
  return parseNameAddr(routeOf(path)[0] ?? '')?.uri ?? '';
}

/** Whether Supported has this option tag. */
export function hasTag(headers: SipHeaders, tag: string): boolean {
  return headers.getAll('Supported').some((value) => value.toLowerCase() === tag);
}

/** RFC 3327 section 4: a SIP URI in angle brackets with `lr`. Commas in it would not survive being joined. */
function isLooseRoute(value: string): boolean {
  const uri = parseUri(parseNameAddr(value)?.uri ?? '');
  if (uri === undefined || !/^[^<>,"]*<[^<>,]+>[^<>,"]*$/.test(value)) return false;
  return (uri.scheme === 'sip' || uri.scheme === 'sips') && uri.params.has('lr');
}

function knowsOutbound(hop: string | undefined): boolean {
  return parseUri(parseNameAddr(hop ?? '')?.uri ?? '')?.params.has('ob') === true;
}

function refused(status: number, reason: string, headers: Array<[string, string]> = []): RegisterWay {
  return { ok: false, status, reason, headers };
}
