import { isIP } from 'node:net';
import type { SipUri } from '../message/index.ts';
import type { SocketProtocol } from '../transport/types.ts';
import { type DnsRecords, type DnsType, plainName } from './records.ts';
import { type Weighted, weightedOrder } from './weighted-order.ts';

/** One server to try. */
export interface Server {
  protocol: SocketProtocol;
  /** An IP address, without brackets. */
  host: string;
  port: number;
  /** TLS: the domain that its certificate must be valid for (RFC 5922 section 4); undefined: its IP address. */
  serverName: string | undefined;
}

/** One question to the DNS that has to be answered first. */
export interface Question {
  name: string;
  type: DnsType;
}

export interface LocateOptions {
  /** The transports that we can send over, the preferred one first: it decides where the DNS does not. */
  protocols: readonly SocketProtocol[];
  /** The address families that we can send over, the preferred one first. */
  families(protocol: SocketProtocol): ReadonlyArray<4 | 6>;
  /** What is known of the DNS; undefined: not asked yet. Names come as `plainName` makes them. */
  answers<T extends DnsType>(name: string, type: T): DnsRecords[T] | undefined;
  /** 0 to below 1; the same numbers each time that one location goes on. */
  random(): number;
}

/** The servers in the order to try them (none: there is no way), or what must be asked first. */
export type Located = { servers: Server[] } | { ask: Question[] };

interface Site {
  protocol: SocketProtocol;
  name: string;
  port: number;
}

/** A name with more servers than anybody has must not make us ask for ever. */
const maxTargets = 32;

const services: Readonly<Record<string, SocketProtocol>> = {
  'sip+d2u': 'udp',
  'sip+d2t': 'tcp',
  'sips+d2t': 'tls',
};

const srvNames: Readonly<Record<SocketProtocol, string>> = {
  udp: '_sip._udp',
  tcp: '_sip._tcp',
  tls: '_sips._tcp',
};

/** The port of a URI that names none, RFC 3261 section 19.1.2. */
const standardPort = (protocol: SocketProtocol): number => (protocol === 'tls' ? 5061 : 5060);

/**
 * RFC 3263 section 4, without the asking: where a request to this URI goes. Pure; to be called again with the answers
 * until it has servers.
 */
export function locate(uri: SipUri, options: LocateOptions): Located {
  const sites = findSites(uri, new Asking(options), options);
  if ('ask' in sites) return sites;
  const asking = new Asking(options);
  const serverName = isIP(uri.host) === 0 ? plainName(uri.host) : undefined;
  const servers = sites.sites.flatMap((site) =>
    asking.addresses(site).map(
      (host): Server => ({
        protocol: site.protocol,
        host,
        port: site.port,
        serverName: site.protocol === 'tls' ? serverName : undefined,
      }),
    ),
  );
  return asking.open.length > 0 ? { ask: asking.open } : { servers };
}

/**
 * RFC 3263 section 5: where a response goes when the connection of its request is gone and cannot be opened again to
 * where it came from. `sentBy` is of the Via.
 */
export function locateResponse(
  sentBy: { protocol: SocketProtocol; host: string; port: number | undefined },
  options: LocateOptions,
): Located {
  const { protocol, host, port } = sentBy;
  const params = new Map<string, string | undefined>([['transport', protocol]]);
  const uri: SipUri = { scheme: 'sip', host, params, headers: new Map() };
  if (port !== undefined) uri.port = port;
  return locate(uri, options);
}

/** Sections 4.1 and 4.2: the transport, then host names with ports. */
function findSites(
  uri: SipUri,
  asking: Asking,
  options: LocateOptions,
): { sites: Site[] } | { ask: Question[] } {
  const target = plainName(uri.params.get('maddr') ?? uri.host);
  const asked = askedTransport(uri);
  if (asked === 'unknown') return { sites: [] };
  const protocol = asked ?? usualTransport(uri, options);
  if (protocol === undefined || !options.protocols.includes(protocol)) return { sites: [] };
  const itself = { sites: [{ protocol, name: target, port: uri.port ?? standardPort(protocol) }] };
  if (isIP(target) !== 0 || uri.port !== undefined) return itself;
  const candidates = asked === undefined ? transportsOf(target, uri, asking, options) : [at(asked, target)];
  if (candidates === 'open') return { ask: asking.open };
  const found = candidates.map(({ protocol, name }) => ({ protocol, srv: asking.answer(name, 'SRV') }));
  if (asking.open.length > 0) return { ask: asking.open };
  const sites = found.flatMap(({ protocol, srv }) => sitesOf(protocol, srv ?? [], options.random));
  if (sites.length > 0) return { sites: sites.slice(0, maxTargets) };
  // RFC 2782: the root as target says that there is no such service; then its host is not it either.
  return found.some(({ srv }) => srv !== undefined && srv.length > 0) ? { sites: [] } : itself;
}

/** Section 4.1: UDP for `sip`, TLS for `sips`; a stack without UDP takes what it has. */
function usualTransport({ scheme }: SipUri, { protocols }: LocateOptions): SocketProtocol | undefined {
  return scheme === 'sips' ? 'tls' : protocols[0];
}

const at = (protocol: SocketProtocol, target: string) => ({
  protocol,
  name: `${srvNames[protocol]}.${target}`,
});

/** What the URI itself says; `sips` over TCP is TLS, and over UDP it is nothing (RFC 3261 section 26.2.2). */
function askedTransport({ scheme, params }: SipUri): SocketProtocol | 'unknown' | undefined {
  if (scheme === 'tel') return 'unknown';
  const transport = params.get('transport')?.toLowerCase();
  if (transport === undefined) return undefined;
  if (scheme === 'sips') return transport === 'tcp' || transport === 'tls' ? 'tls' : 'unknown';
  return transport === 'udp' || transport === 'tcp' || transport === 'tls' ? transport : 'unknown';
}

/** Section 4.1: the transports by NAPTR; where there are none, every one that we have, to be found by SRV. */
function transportsOf(
  target: string,
  { scheme }: SipUri,
  asking: Asking,
  { protocols }: LocateOptions,
): Array<{ protocol: SocketProtocol; name: string }> | 'open' {
  const usable = protocols.filter((protocol) => scheme !== 'sips' || protocol === 'tls');
  const records = asking.answer(target, 'NAPTR');
  if (records === undefined) return 'open';
  const fitting = records
    .filter(({ flags, regexp }) => flags.toLowerCase() === 's' && regexp === '')
    .map((record) => ({ ...record, protocol: services[record.services.toLowerCase()] }))
    .filter(({ protocol }) => protocol !== undefined && usable.includes(protocol));
  // RFC 3403 section 4.1: the lowest order that has one we can use; within it the preference says.
  const order = Math.min(...fitting.map((record) => record.order));
  const chosen = fitting.filter((record) => record.order === order);
  if (chosen.length === 0) return usable.map((protocol) => at(protocol, target));
  return chosen
    .sort((a, b) => a.preference - b.preference)
    .map(({ protocol, replacement }) => ({
      protocol: protocol as SocketProtocol,
      name: plainName(replacement),
    }));
}

function sitesOf(protocol: SocketProtocol, records: DnsRecords['SRV'], random: () => number): Site[] {
  const real = records.filter(({ target, port }) => plainName(target) !== '' && port > 0);
  return weightedOrder<Weighted & { target: string; port: number }>(real, random).map(({ target, port }) => ({
    protocol,
    name: plainName(target),
    port,
  }));
}

/** Looks answers up and keeps which are missing. */
class Asking {
  readonly open: Question[] = [];
  readonly #options: LocateOptions;

  constructor(options: LocateOptions) {
    this.#options = options;
  }

  answer<T extends DnsType>(name: string, type: T): DnsRecords[T] | undefined {
    const known = this.#options.answers(name, type);
    if (known === undefined && !this.open.some((one) => one.name === name && one.type === type))
      this.open.push({ name, type });
    return known;
  }

  addresses({ name, protocol }: Site): string[] {
    const families = this.#options.families(protocol);
    const family = isIP(name);
    if (family !== 0) return families.includes(family as 4 | 6) ? [name] : [];
    return families.flatMap((one) => this.answer(name, one === 4 ? 'A' : 'AAAA') ?? []);
  }
}
