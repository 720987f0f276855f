import { isIP } from 'node:net';
import type { Dialog } from '../dialog/dialog.ts';
import type { SessionIntervals } from '../dialog/session-interval.ts';
import { parseUri, type SipRequest, type SipResponse, type SipUri } from '../message/index.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { TimerQueue } from '../transaction/timer-queue.ts';
import type { TransactionLayer } from '../transaction/transaction-layer.ts';
import type { TransientMap, TransientSet } from '../transient.ts';
import type { StackCounters } from '../transport/counters.ts';
import { type BaseFlow, hostPort } from '../transport/flow.ts';
import type { TransportLayer } from '../transport/transport-layer.ts';
import type { Clock, SocketProtocol, StackLog, TimerConfig } from '../transport/types.ts';
import { defaultPort } from '../transport/via.ts';
import type { Route } from '../transport/ways.ts';
import type { Notifier } from './notifier.ts';
import type { ReliableProvisional } from './types.ts';

/** A session as the stack sees it: it gets the messages of its dialogs. */
export interface DialogUser {
  /** A request in one of its dialogs (no ACK, no CANCEL), with a transaction to answer it. */
  receive(dialog: Dialog, request: SipRequest, transaction: ServerTransaction): void;
  receiveAck(dialog: Dialog, ack: SipRequest, flow: BaseFlow): void;
  /** The stack closes: one last message to the peer without waiting, then nothing is left. */
  abort(): void;
}

/** What the sessions of a stack share. */
export interface UaContext {
  clock: Clock;
  timers: TimerQueue;
  config: TimerConfig;
  counters: StackCounters;
  log: StackLog;
  transactions: TransactionLayer;
  transport: TransportLayer;
  notifier: Notifier;
  userAgent: string;
  contactUser: string | undefined;
  /** Option tags for Supported and Require. */
  supported: readonly string[];
  /** More of them for Require, by method. */
  supportedIn: Readonly<Record<string, readonly string[]>>;
  /** RFC 3262; undefined: PRACK is not known. */
  reliableProvisional: ReliableProvisional | undefined;
  /** RFC 4028; undefined: no session timer. */
  sessionTimer: SessionIntervals | undefined;
  dialogs: TransientMap<{ dialog: Dialog; user: DialogUser }>;
  sessions: TransientSet<DialogUser>;
  /** Event packages that SUBSCRIBE may name (RFC 6665); none: SUBSCRIBE is for the owner alone. */
  events: readonly string[];
  /** Subscriptions of ours that wait for the NOTIFY that makes their dialog, by Call-ID and tag of ours. */
  subscribers: Map<string, { receiveFirst(notify: SipRequest, transaction: ServerTransaction): void }>;
}

/** Methods of the Allow header: what sessions understand. */
export const allowedMethods = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK';

/** The value of our Allow header; with event packages there are subscriptions, too. */
export const allow = ({ events }: Pick<UaContext, 'events'>): string =>
  events.length === 0 ? allowedMethods : `${allowedMethods}, SUBSCRIBE`;

/** The Contact of our requests and responses on a flow: `sips` where `about` is and the flow is secure (RFC 5630). */
export function contactOn(context: UaContext, flow: BaseFlow, about?: SipRequest): string {
  const user = context.contactUser === undefined ? '' : `${context.contactUser}@`;
  const { protocol } = flow;
  const sips = about !== undefined && /^sips:/i.test(about.uri) && (protocol === 'tls' || protocol === 'ws');
  // RFC 3261 section 26.2.2: `transport=tls` does not go with `sips`.
  const transport = protocol === 'udp' || (sips && protocol === 'tls') ? '' : `;transport=${protocol}`;
  return `<${sips ? 'sips' : 'sip'}:${user}${hostPort(flow.sentBy)}${transport}>`;
}

/** Adds what a message with or without a body needs. */
export function setBody(
  message: SipRequest | SipResponse,
  options: { body?: string | Uint8Array; contentType?: string } | undefined,
): void {
  if (options?.body === undefined) return;
  message.body = typeof options.body === 'string' ? Buffer.from(options.body) : options.body;
  message.headers.set('Content-Type', options.contentType ?? 'application/sdp');
}

/** How a session's requests find their way. */
export interface Way {
  /** The owner asked for this very flow. */
  pinned: BaseFlow | undefined;
  /** The flow on which the peer was heard last. */
  last: BaseFlow | undefined;
  /** Where the peer is, whatever Contact it gives; a connection that it has opened to us is used before. */
  home?: (() => Route) | undefined;
}

/**
 * The flow for a request in a dialog. A connection to the peer that is open is used (RFC 5626 section 4.3 in spirit;
 * a WebSocket client cannot be reached otherwise). On UDP it is the next hop's address, section 12.2.1.1, unless that
 * is a private address or no address at all and the peer is heard from elsewhere: then it is behind a NAT. A host name
 * is looked up anew for each request (RFC 3263), and may have several servers.
 */
export function flowFor(context: UaContext, dialog: Dialog, way: Way): Route {
  if (way.pinned && !way.pinned.closed) return way.pinned;
  const { last } = way;
  if (last?.reliable && !last.closed) return last;
  if (way.home) return way.home();
  const uri = parseUri(dialog.nextHop);
  const protocol = uri && protocolOf(uri);
  if (!uri || !protocol || isUnreachable(uri.host, last)) {
    if (last && !last.closed) return last;
    throw new Error('no way to the peer');
  }
  if (isIP(uri.host) === 0) {
    return context.transport.flowTo({ uri: dialog.nextHop, ...(last ? { local: last.local } : {}) });
  }
  const port = uri.port ?? defaultPort(protocol);
  if (
    last?.protocol === protocol &&
    last.remote.host === uri.host &&
    last.remote.port === port &&
    !last.closed
  )
    return last;
  const local = last?.protocol === protocol ? last.local : undefined;
  return context.transport.flowTo({ protocol, host: uri.host, port, ...(local ? { local } : {}) });
}

/** Whether a peer whose connection is gone can be called over a new one: a trunk can, a browser cannot. */
export function canDial(dialog: Dialog, last: BaseFlow): boolean {
  const uri = parseUri(dialog.nextHop);
  return uri !== undefined && protocolOf(uri) !== undefined && !isUnreachable(uri.host, last);
}

/** The transport that a URI asks for, RFC 3261 sections 19.1.2 and 26.2.2; undefined if we cannot dial it. */
function protocolOf({ scheme, params }: SipUri): SocketProtocol | undefined {
  const transport = params.get('transport')?.toLowerCase();
  if (scheme === 'tel') return undefined;
  if (scheme === 'sips') return transport === undefined || /^(tcp|tls)$/.test(transport) ? 'tls' : undefined;
  return transport === undefined || transport === 'udp' || transport === 'tcp' || transport === 'tls'
    ? (transport ?? 'udp')
    : undefined;
}

function isUnreachable(host: string, last: BaseFlow | undefined): boolean {
  if (host.toLowerCase().endsWith('.invalid')) return true;
  return last !== undefined && isPrivate(host) && !isPrivate(last.remote.host);
}

/** RFC 1918, RFC 6598, link-local and loopback addresses. */
function isPrivate(host: string): boolean {
  return /^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][\da-f]{2}:|fe80:|::1$)/i.test(
    host,
  );
}
