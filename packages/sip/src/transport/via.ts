import { formatVia, parseVia, type SipRequest, type Via } from '../message/index.ts';
import { type BaseFlow, hostPort } from './flow.ts';
import type { Endpoint, TransportProtocol } from './types.ts';

const viaTransport = { udp: 'UDP', tcp: 'TCP', tls: 'TLS', ws: 'WS', wss: 'WSS' } as const;

/** The port of a URI or Via that names none, RFC 3261 section 19.1.2. */
export const defaultPort = (protocol: TransportProtocol): number => (protocol === 'tls' ? 5061 : 5060);

/**
 * The Via that a client transaction puts on top, RFC 3261 section 18.1.1; `rport` asks for RFC 3581. A secure WebSocket is
 * `WSS` here (RFC 7118 section 5.2.1), and `transport=ws` in URIs all the same (section 5.2.2).
 */
export function ownVia({ protocol, secure, sentBy }: BaseFlow, branch: string): string {
  const transport = viaTransport[protocol === 'ws' && secure ? 'wss' : protocol];
  return `SIP/2.0/${transport} ${hostPort(sentBy)};branch=${branch};rport`;
}

/**
 * RFC 3261 section 18.2.1 and RFC 3581 section 4: writes into the top Via of a received request where it really came
 * from. Returns that Via, or undefined if it cannot be read (then nobody can be answered).
 */
export function stampVia(request: SipRequest, from: Endpoint): Via | undefined {
  const text = request.headers.get('Via');
  const via = text === undefined ? undefined : parseVia(text);
  if (!via) return undefined;
  const asksPort = via.params.has('rport');
  // A `received` of the peer's own making would send our answers elsewhere.
  const stale = via.params.has('received');
  if (!asksPort && !stale && sameHost(via.host, from.host)) return via;
  via.params.set('received', from.host);
  if (asksPort) via.params.set('rport', String(from.port));
  request.headers.removeFirst('Via');
  request.headers.prepend('Via', formatVia(via));
  return via;
}

/** Where the answer to a request with this (stamped) Via goes when there is no connection, section 18.2.2. */
export function responseTarget(via: Via, from: Endpoint): Endpoint {
  if (via.params.has('rport') && via.transport === 'UDP') return from;
  return { host: from.host, port: via.port ?? 5060 };
}

function sameHost(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}
