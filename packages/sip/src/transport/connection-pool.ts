import type { SipMessage, SipParseError } from '../message/index.ts';
import { ConnectionRate } from './connection-rate.ts';
import type { StackCounters } from './counters.ts';
import { type BaseFlow, hostPort, type SentBy } from './flow.ts';
import { customerOf } from './ip-address.ts';
import type { StreamSocket } from './network.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { Clock, Endpoint, StackLimits, StackLog, WebSocketLike } from './types.ts';
import { WebSocketFlow } from './web-socket-flow.ts';

export interface ConnectionPoolOptions {
  clock: Clock;
  limits: StackLimits;
  counters: StackCounters;
  log: StackLog;
  /** A message of a stream. */
  receive(message: SipMessage, flow: BaseFlow): void;
  malformed(error: SipParseError, partial: SipMessage | undefined, flow: BaseFlow): void;
  /** A frame of a WebSocket, whatever is in it. */
  datagram(bytes: Uint8Array, flow: BaseFlow): void;
}

/** Whose connection it is. `name`: the host name that the peer's certificate was checked for. */
interface Peer {
  protocol: 'tcp' | 'tls';
  sentBy: SentBy;
  name?: string | undefined;
  /** Instead of the limit of the stack. */
  connectTimeoutMs?: number | undefined;
}

/** The connections of a stack: TCP, TLS and WebSocket, their limits, their reuse and their end. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #connections = new Set<TcpConnection>();
  /** Connections that may be used again, by what they lead to. */
  readonly #reusable = new Map<string, TcpConnection>();
  readonly #perAddress = new Map<string, number>();
  readonly #rate: ConnectionRate;
  readonly #webSockets = new Set<WebSocketFlow>();
  #nextId = 1;
  #sweep: unknown;
  #closed = false;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#rate = new ConnectionRate(options.limits.newConnectionsPerAddressPerMinute);
  }

  get size(): number {
    return this.#connections.size + this.#webSockets.size;
  }

  get full(): boolean {
    return this.size >= this.#options.limits.maxConnections;
  }

  /** Whether one more connection with this address is within the limits, whoever opens it. */
  hasRoomFor(host: string): boolean {
    const open = this.#perAddress.get(customerOf(host)) ?? 0;
    return !this.full && open < this.#options.limits.maxConnectionsPerAddress;
  }

  /** An open connection to this address. */
  find(to: Endpoint & { protocol: 'tcp' | 'tls'; name: string | undefined }): TcpConnection | undefined {
    const known = this.#reusable.get(keyOf(to, to.protocol, to.name));
    return known?.closed ? undefined : known;
  }

  /** Takes in a connection that we open. */
  opened(socket: StreamSocket, peer: Peer): TcpConnection {
    return this.#adopt(socket, peer, false);
  }

  /** Takes in a connection of somebody else, or closes it when there are too many. */
  accept(socket: StreamSocket, peer: Peer): void {
    const { host } = socket.remote;
    if (
      this.#closed ||
      !this.hasRoomFor(host) ||
      !this.#rate.take(customerOf(host), this.#options.clock.now())
    ) {
      this.#options.counters.overload++;
      socket.handle({ open() {}, data() {}, close() {} });
      socket.destroy();
      return;
    }
    this.#adopt(socket, peer, true);
  }

  attachWebSocket(
    socket: WebSocketLike,
    { remote, sentBy, secure }: { remote: Endpoint; sentBy: SentBy; secure: boolean },
  ): WebSocketFlow {
    const { clock, limits, counters, datagram } = this.#options;
    const id = `ws:${this.#nextId++}`;
    const flow = new WebSocketFlow({ id, socket, local: sentBy, remote, sentBy, secure, clock, limits });
    if (this.#closed || this.full) {
      counters.overload++;
      socket.close(1013);
      // It may take its time to close; what it says meanwhile is not heard.
      flow.run({ message() {}, closed() {} });
      return flow;
    }
    this.#webSockets.add(flow);
    this.#armSweep();
    flow.run({
      message: (bytes) => datagram(bytes, flow),
      closed: () => this.#webSockets.delete(flow),
    });
    return flow;
  }

  /** Closes every connection, and takes no more. */
  close(): void {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#sweep);
    for (const connection of this.#connections) connection.close();
    for (const flow of this.#webSockets) flow.terminate();
  }

  #adopt(socket: StreamSocket, peer: Peer, accepted: boolean): TcpConnection {
    const { clock, receive, malformed, log } = this.#options;
    const { protocol, sentBy, name } = peer;
    const { connectTimeoutMs } = peer;
    const limits =
      connectTimeoutMs === undefined ? this.#options.limits : { ...this.#options.limits, connectTimeoutMs };
    const id = `${protocol}:${this.#nextId++}`;
    const open = accepted && protocol === 'tcp';
    const connection = new TcpConnection({ id, protocol, socket, sentBy, clock, limits, open });
    const key = keyOf(connection.remote, protocol, name);
    const { host } = connection.remote;
    this.#connections.add(connection);
    // Whoever opened a TLS connection has not shown to be what is at that address (RFC 5923 section 8).
    if (!accepted || protocol === 'tcp') this.#reusable.set(key, connection);
    const customer = customerOf(host);
    this.#perAddress.set(customer, (this.#perAddress.get(customer) ?? 0) + 1);
    connection.run({
      message: (message) => receive(message, connection),
      malformed: (error, partial) => malformed(error, partial, connection),
      closed: (why) => {
        log.debug(
          { flow: id, remote: hostPort(connection.remote), reason: why.message },
          'connection closed',
        );
        this.#connections.delete(connection);
        if (this.#reusable.get(key) === connection) this.#reusable.delete(key);
        this.#release(customer);
      },
    });
    this.#armSweep();
    return connection;
  }

  #release(customer: string): void {
    const left = (this.#perAddress.get(customer) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(customer);
    else this.#perAddress.set(customer, left);
  }

  /** Looks after idle connections, as long as there are connections. */
  #armSweep(): void {
    if (this.#sweep !== undefined) return;
    const { clock, limits } = this.#options;
    this.#sweep = clock.setTimeout(
      () => {
        this.#sweep = undefined;
        const oldest = clock.now() - limits.idleConnectionMs;
        for (const flow of [...this.#connections, ...this.#webSockets])
          if (flow.lastUsed < oldest && !flow.watched) flow.close();
        for (const connection of this.#connections) {
          connection.endSlowMessage();
          connection.keepAlive();
        }
        if (this.size > 0 && !this.#closed) this.#armSweep();
      },
      Math.min(limits.idleConnectionMs / 10, limits.keepAliveMs / 4, limits.messageTimeoutMs / 4),
    );
  }
}

const keyOf = (to: Endpoint, protocol: 'tcp' | 'tls', name: string | undefined): string =>
  `${protocol} ${hostPort(to)} ${name?.toLowerCase() ?? ''}`;
