import { defaultSipLimits, type SipLimits } from '../message/limits.ts';

/** Where a packet comes from or goes to: an IP address (no brackets for IPv6) or a host name, and a port. */
export interface Endpoint {
  host: string;
  port: number;
}

/** The transports that a stack listens on and dials itself. */
export type SocketProtocol = 'udp' | 'tcp' | 'tls';

/** The transports of this stack. `ws` also stands for secure WebSocket: whoever upgrades the socket ends its TLS. */
export type TransportProtocol = SocketProtocol | 'ws';

/**
 * A way to one peer: a UDP address pair, a TCP or TLS connection or a WebSocket. Messages that come in name the flow they
 * came on, and a device is reached over the flow it registered on (RFC 5626 section 3.3).
 *
 * UDP flows hold nothing and never close before the stack does; the flow of a later datagram from the same peer is
 * another object with the same `id`.
 */
export interface Flow {
  /** Equal for equal address pairs (UDP) or connections; never reused by another connection. */
  readonly id: string;
  readonly protocol: TransportProtocol;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly closed: boolean;
  /**
   * TLS connections that the peer opened: the domains that its certificate, which has been verified, says it is (RFC 5922
   * section 7.1), in lower case. Absent or empty where there is none.
   */
  readonly peerDomains?: readonly string[];
  /** Calls `listener` once when the flow closes (in a microtask if it is closed already). Returns how to stop listening. */
  onClose(listener: () => void): () => void;
  /** Closes the connection; does nothing on UDP. Idempotent. */
  close(): void;
  /**
   * Connections only: asks whether the peer lives, by the CRLF keep-alive of RFC 5626 section 3.5.1, over WebSocket too
   * (RFC 7118 section 6). Resolves with false if no answer came in `timeoutMs` or the flow closed; never rejects.
   */
  ping?(timeoutMs: number): Promise<boolean>;
}

/**
 * Where to send a request: over a given flow, to an address (a connection that is open to it is used again), or where a
 * URI leads (RFC 3263). A host name may have several servers: they are tried in order, each after the last one did not
 * answer, could not be reached or answered 503. `local` chooses among several listeners. A request too large for a
 * datagram goes over TCP to a `udp` target, if there is TCP on both sides (RFC 3261 section 18.1.1), unless it is `bound`:
 * the far end of a flow, such as a telephone behind a NAT, that nothing else leads to. The certificate of a `tls` target must be valid for its `host`
 * (of a URI: for the host there, RFC 5922 section 4).
 */
export type Target =
  | { flow: Flow }
  | { uri: string; local?: Endpoint; bound?: boolean }
  | { protocol: SocketProtocol; host: string; port: number; local?: Endpoint; bound?: boolean };

/** The part of a `ws` WebSocket that the stack uses. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array, done?: (error?: Error) => void): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  on(event: 'message', listener: (data: Buffer | ArrayBuffer | Buffer[], isBinary: boolean) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Limits of a stack, besides those of a message; each protects memory against one careless or hostile peer. */
export interface StackLimits extends SipLimits {
  /** Open TCP and TLS connections and WebSockets together; more are closed at once. */
  maxConnections: number;
  /** Open TCP and TLS connections with one IPv4 address or IPv6 /64, those for answers to it included. */
  maxConnectionsPerAddress: number;
  /** TCP and TLS connections that one IPv4 address or IPv6 /64 may open in a minute, and at once; more are closed. */
  newConnectionsPerAddressPerMinute: number;
  /** Bytes waiting to be written to one connection; beyond, the connection is closed. */
  maxBufferedBytes: number;
  /** From the first byte of a message on a TCP or TLS connection to its last; beyond, the connection is closed. */
  messageTimeoutMs: number;
  /** A connection that carried no message for so long, and that nobody watches, is closed. */
  idleConnectionMs: number;
  /** A TCP or TLS connection on which the peer was not heard for so long is asked whether it lives (double CRLF). */
  keepAliveMs: number;
  /** A peer that has answered this before, and does not within so long, is gone: RFC 5626 section 4.4.1. */
  keepAliveTimeoutMs: number;
  /** How long a TCP connection may take to open, and a TLS handshake on either side. */
  connectTimeoutMs: number;
  /** Live server transactions; beyond, new requests are answered 503 without a transaction. */
  maxServerTransactions: number;
}

/** The timer values of RFC 3261 table 4, in milliseconds. */
export interface TimerConfig {
  /** Estimate of the round-trip time. Timers A, B, E, F, G, H, J, L and M derive from it. */
  t1: number;
  /** Longest interval between retransmissions. */
  t2: number;
  /** Longest time a message stays in the network. Timers I and K on unreliable transports. */
  t4: number;
  /** Timer D on unreliable transports (at least 32 s). */
  timerD: number;
  /** A non-100 provisional response to an INVITE is repeated this often, RFC 3261 section 13.3.1.1. */
  provisionalRefresh: number;
  /** A server that has not answered at all for so long, where there is another one, is left (RFC 3263 section 4.3). */
  nextServer: number;
  /** A server that failed is not the first to be tried for so long, where it did not say how long (Retry-After). */
  deadServer: number;
  /**
   * A confirmed dialog whose connection closed ends (`by: 'transport'`) unless the peer sends a request in it over
   * another flow within this time, or the owner knows of another way (`moveTo`). Not of the RFC: ours.
   */
  lostFlow: number;
}

export const defaultLimits: StackLimits = {
  ...defaultSipLimits,
  maxConnections: 2_000,
  maxConnectionsPerAddress: 200,
  newConnectionsPerAddressPerMinute: 3_000,
  maxBufferedBytes: 1 << 20,
  messageTimeoutMs: 30_000,
  idleConnectionMs: 600_000,
  keepAliveMs: 20_000,
  keepAliveTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  maxServerTransactions: 20_000,
};

export const defaultTimers: TimerConfig = {
  t1: 500,
  t2: 4_000,
  t4: 5_000,
  timerD: 32_000,
  provisionalRefresh: 60_000,
  nextServer: 4_000,
  deadServer: 30_000,
  lostFlow: 30_000,
};

/** A monotonic clock in milliseconds. Tests give a virtual one. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** Where the stack reports. Details never hold header values, numbers or bodies: addresses and reasons only. */
export interface StackLog {
  debug(details: Record<string, unknown>, message: string): void;
  warn(details: Record<string, unknown>, message: string): void;
  error(details: Record<string, unknown>, message: string): void;
}
