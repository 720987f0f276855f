import type { SessionIntervals } from '../dialog/session-interval.ts';
import type { Resolver } from '../locate/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import type { Network, TlsOptions } from '../transport/network.ts';
import type {
  Clock,
  Endpoint,
  Flow,
  SocketProtocol,
  StackLimits,
  StackLog,
  Target,
  TimerConfig,
} from '../transport/types.ts';
import type { AdmissionLimits } from './admission-queue.ts';

/** When provisional responses are sent reliably: only to a caller that requires it, or to each that supports it. */
export type ReliableProvisional = 'required' | 'supported';

/** One local address the stack listens on. Port 0 takes a free one; `SipStack.addresses` tells which. */
export interface ListenerOptions {
  protocol: SocketProtocol;
  host: string;
  port: number;
  /** The host that Via and Contact show, when it is not `host` (NAT, 0.0.0.0). */
  advertisedHost?: string;
}

/** What a `SipStack` is made of; only `userAgent` and `listeners` have no default. */
export interface SipStackOptions {
  /** Value of the User-Agent and Server headers. */
  userAgent: string;
  listeners: ListenerOptions[];
  /** Certificates of the `tls` listeners; connections of ours over TLS show and believe them too. */
  tls?: TlsOptions;
  timers?: Partial<TimerConfig>;
  limits?: Partial<StackLimits>;
  clock?: Clock;
  log?: StackLog;
  /** The user part of Contact, when the owner gives none. */
  contactUser?: string;
  /** Option tags that we and the owner understand, for Supported and Require (RFC 3261 section 8.2.2.3). */
  supported?: string[];
  /**
   * Option tags that the owner understands besides, in Require of requests of one method alone: a registrar's, such as
   * `{ REGISTER: ['path', 'outbound'] }`.
   */
  supportedIn?: Readonly<Record<string, readonly string[]>>;
  /**
   * Event packages that may be subscribed to (RFC 6665). SUBSCRIBE of another gets 489; of these it is a `request` for the
   * owner, who gives it to `SipStack.acceptSubscription`. Absent: nothing of this, SUBSCRIBE is a request like others.
   */
  events?: string[];
  /**
   * Reliable provisional responses (RFC 3262), ours as this says, and those of callees, which get their PRACK. A PRACK
   * with a body is a `request` for the owner. Absent: the extension is not known, who requires it gets 420.
   */
  reliableProvisional?: ReliableProvisional;
  /**
   * Session timers in calls (RFC 4028), where the peer knows them: a call whose peer is gone without a word ends with BYE.
   * A refresh by re-INVITE repeats the session description that this side gave last, and its answer is passed over.
   */
  sessionTimer?: SessionIntervals;
  /**
   * Asked for each request outside a dialog before a transaction exists; false drops it in silence. An answer, such as a
   * challenge, is sent once, over UDP only if it is no larger than the request, and nothing is kept; what cannot be
   * answered so (CANCEL, malformed requests) is dropped then.
   */
  screen?: (request: SipRequest, flow: Flow) => boolean | StatelessAnswer;
  /** How new calls are refused when there are too many; absent: as soon as `limits.maxServerTransactions` is reached. */
  overload?: OverloadOptions;
  /** Sockets; tests give a network in memory. */
  network?: Network;
  /** How the DNS is asked, to locate servers (RFC 3263). */
  dns?: DnsOptions;
  /** Asked instead of the DNS; with a `network` of a test and without this, names are that network's. */
  resolver?: Resolver;
}

/** INVITEs that would make a dialog wait while messages of calls in progress are there to be read, for so long. */
export interface OverloadOptions extends AdmissionLimits {
  /** For the Retry-After of the 503. */
  retryAfterSeconds: number;
  /** Further headers of the 503. */
  headers?: Array<[string, string]>;
  /** Asked before a transaction exists; false: no more calls at the moment. */
  hasRoom?: () => boolean;
  /** Calls back once what has come in so far is read; default: `setImmediate`. */
  afterReading?: (then: () => void) => void;
}

/** Times in milliseconds. */
export interface DnsOptions {
  /** `address` or `address:port` (`[v6]:port`); absent: those of the system. */
  servers?: readonly string[];
  /** For one server to answer; 2 s. */
  timeoutMs?: number;
  /** How often each server is asked; twice. */
  attempts?: number;
  /** Answers that are kept; 5,000. */
  maxEntries?: number;
  /** The longest that an answer is kept, whatever its TTL; a day. */
  maxTtlMs?: number;
  /** While nobody answers, what was known is used for so long after its time (RFC 8767); an hour. */
  staleMs?: number;
}

export interface ListenerAddress extends Endpoint {
  protocol: SocketProtocol;
}

/** What may be added to a response or request that the stack builds. `contentType` is asked only with a body. */
export interface MessageOptions {
  reason?: string;
  headers?: Array<[string, string]>;
  body?: string | Uint8Array;
  contentType?: string;
}

/** User and password for a digest challenge (RFC 8760); answered once per request. */
export interface Credentials {
  username: string;
  password: string;
}

export interface IncomingResponseOptions extends MessageOptions {
  /**
   * Nothing is kept of the request; should it come again, the owner is asked again (RFC 3261 section 8.2.7). For
   * challenges and refusals to strangers, who could fill the memory with requests otherwise.
   */
  stateless?: boolean;
}

/** A non-INVITE request and the way to answer it. */
export interface IncomingRequest {
  readonly request: SipRequest;
  readonly flow: Flow;
  /** True once a final response was given. */
  readonly answered: boolean;
  /** Sends a response. Ignored after a final one, and after 64*T1, when no answer would be taken (RFC 4320). */
  respond(status: number, options?: IncomingResponseOptions): void;
}

/** A re-INVITE, or an UPDATE with a session description, of the peer. It must be accepted or rejected. */
export interface ReinviteRequest {
  readonly request: SipRequest;
  /** SDP; undefined asks us for an offer (the answer comes with the ACK). */
  readonly offer: string | undefined;
  accept(sdp: string): void;
  reject(status: number): void;
}

/** Why and by whom a dialog ended. `request` is the peer's BYE. */
export interface SessionEnd {
  by: 'peer' | 'us' | 'timeout' | 'transport';
  request?: SipRequest;
}

/**
 * Events of a session with their payload. They are delivered after the transition that caused them is complete, so a
 * listener may call any method of any session. An event caused by an own method call comes in a later microtask.
 */
export interface SessionEvents {
  /** UAC: a response 101-199. */
  provisional: [response: SipResponse];
  /** UAC: the first 2xx. ACK is sent already, unless the INVITE had no offer: then the owner calls `ack(sdp)`. */
  accepted: [response: SipResponse];
  /** UAC: a final response of 300 or more, or 408, 487 or 503 made here (see `SipResponse` header `Reason`). It is over. */
  rejected: [response: SipResponse];
  /** UAS: CANCEL (or BYE) came, or the INVITE expired, before the final response; everything is answered. It is over. */
  cancelled: [request: SipRequest];
  /**
   * UAS: the ACK came. Either side: the ACK of a re-INVITE without an offer came, with the answer to the offer that
   * was accepted with.
   */
  confirmed: [ack: SipRequest];
  /** The peer wants to change the session. Without a listener: 488. */
  reinvite: [reinvite: ReinviteRequest];
  /** Any other request in the dialog. A listener that does not want it returns false; the stack then answers it. */
  request: [incoming: IncomingRequest];
  /** The dialog is over. Exactly once, and only after `accepted` (UAC) or `accept()` (UAS). */
  ended: [end: SessionEnd];
}

export type SessionListener<E extends keyof SessionEvents> = (...payload: SessionEvents[E]) => unknown;

interface Session {
  readonly callId: string;
  /** The flow of the last request or response of the peer. */
  readonly flow: Flow | undefined;
  /**
   * Ends the dialog with BYE. Before the ACK of an own 2xx it waits for the ACK or the end of its retransmissions
   * (RFC 3261 section 15); after the end it does nothing.
   * @throws SipMisuseError `no-dialog` before a 2xx.
   */
  bye(options?: { headers?: Array<[string, string]> }): void;
  /** Sends a re-INVITE; retried as RFC 3261 section 14.1 says after 491. ACK is sent by the stack. Never rejects. */
  reinvite(sdp: string): Promise<SipResponse>;
  /** Sends another request in the dialog and resolves with its final response. Never rejects. */
  sendRequest(method: string, options?: MessageOptions): Promise<SipResponse>;
  /**
   * The peer has come back by another way: requests in the dialog go there from now on. For a device that registered
   * the same contact over a new connection, which tells the registrar and not the dialog (RFC 5626 section 5.3). A
   * closed flow or a host name changes nothing.
   */
  moveTo(target: Target): void;
  /** Adds a listener and returns how to remove it. */
  on<E extends keyof SessionEvents>(event: E, listener: SessionListener<E>): () => void;
}

/** An INVITE to us, RFC 3261 section 13.3. The stack has sent 100 already. */
export interface UasSession extends Session {
  readonly request: SipRequest;
  readonly flow: Flow;
  readonly state: 'early' | 'accepted' | 'confirmed' | 'terminated';
  /** The SDP of the INVITE. */
  readonly offer: string | undefined;
  /**
   * Sends a response 101-199. Ignored once a final response was sent. Reliable where `reliableProvisional` says so; to a
   * caller that requires that and made no offer, one without a body is left out (RFC 3262 section 5 wants our offer there).
   */
  progress(status: number, options?: MessageOptions): void;
  /**
   * Sends 200, and sends it again until the ACK comes. Ignored when the session is over. It waits for the PRACK of a
   * reliable response with a body.
   */
  accept(options: { sdp: string; headers?: Array<[string, string]> }): void;
  /** Sends a final response 300-699. Ignored when the session is over. */
  reject(status: number, options?: MessageOptions): void;
}

/** An INVITE of ours, RFC 3261 section 13.2. */
export interface UacSession extends Session {
  /** The INVITE as it was sent last (a digest challenge makes a second one). */
  readonly request: SipRequest;
  readonly state: 'calling' | 'early' | 'accepted' | 'terminated';
  /** The SDP that answered the INVITE: of the reliable provisional response of the callee that accepted, or of its 2xx. */
  readonly answer: string | undefined;
  /**
   * Gives the call up. CANCEL leaves after the first provisional response (RFC 3261 section 9.1). A 2xx that crosses
   * it is reported as `accepted`; the owner then calls `bye()`. After a final response it does nothing.
   */
  cancel(options?: { headers?: Array<[string, string]> }): void;
  /** Sends the ACK of a 2xx that answered an INVITE without an offer. */
  ack(sdp: string): void;
}

export interface InviteOptions {
  /** Request-URI, From, To, body; the stack adds Via, Contact, Max-Forwards, Call-ID, CSeq and a From tag when absent. */
  request: SipRequest;
  target: Target;
  credentials?: Credentials;
  /**
   * Requests in the dialog go where the INVITE went too (or where `moveTo` says), never to an address that the callee
   * names in its Contact or Record-Route: for callees who are not to say where our packets go.
   */
  confined?: boolean;
  /**
   * A callee (of several servers, the last one) of whom nothing at all was heard for so long, in milliseconds, has not
   * answered: `rejected` with 408. What it does later is cancelled or hung up. Default: 64*T1.
   */
  answerWithinMs?: number;
}

/** An answer to a request of which nothing is kept (RFC 3261 section 8.2.7). */
export interface StatelessAnswer {
  status: number;
  headers?: Array<[string, string]>;
}

export interface RequestHandlers {
  provisional?: (response: SipResponse) => void;
  credentials?: Credentials;
}

/** Live objects of a stack. All are zero when every call is over and its timers have run out, and after `close()`. */
export interface StackStats {
  serverTransactions: number;
  clientTransactions: number;
  dialogs: number;
  /** Open connections (TCP and WebSocket); UDP holds no state. */
  flows: number;
  timers: number;
}
