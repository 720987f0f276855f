import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ListenError } from '../errors.ts';
import { parseMessage, type SipMessage, type SipParseError, type Via } from '../message/index.ts';
import type { StackCounters } from './counters.ts';
import { type BaseFlow, hostPort, type SentBy } from './flow.ts';
import type { Network, StreamListener, StreamSocket } from './network.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { Clock, Endpoint, StackLimits, StackLog, Target, WebSocketLike } from './types.ts';
import { UdpListener } from './udp-listener.ts';
import { responseTarget } from './via.ts';
import { WebSocketFlow } from './web-socket-flow.ts';

export interface TransportListenerOptions {
  protocol: 'udp' | 'tcp';
  host: string;
  port: number;
  advertisedHost?: string;
}

export interface TransportLayerOptions {
  listeners: TransportListenerOptions[];
  network: Network;
  clock: Clock;
  limits: StackLimits;
  counters: StackCounters;
  log: StackLog;
  /** A message that could be read. */
  receive(message: SipMessage, flow: BaseFlow): void;
  /** A message that could not; `partial` is what could be made of it. */
  malformed(error: SipParseError, partial: SipMessage | undefined, flow: BaseFlow): void;
}

interface TcpListener {
  local: Endpoint;
  sentBy: SentBy;
  listener: StreamListener;
}

/** The sockets of a stack, RFC 3261 section 18: listeners, connections and their reuse, and what came in on them. */
export class TransportLayer {
  readonly #options: TransportLayerOptions;
  readonly #udp: UdpListener[] = [];
  readonly #tcp: TcpListener[] = [];
  readonly #connections = new Set<TcpConnection>();
  /** Connections by the remote address and port, for reuse. */
  readonly #byRemote = new Map<string, TcpConnection>();
  readonly #perAddress = new Map<string, number>();
  readonly #webSockets = new Set<WebSocketFlow>();
  #nextId = 1;
  #sweep: unknown;
  #closed = false;

  constructor(options: TransportLayerOptions) {
    this.#options = options;
  }

  /** Open connections: TCP and WebSocket. */
  get flows(): number {
    return this.#connections.size + this.#webSockets.size;
  }

  get addresses(): Array<{ protocol: 'udp' | 'tcp'; host: string; port: number }> {
    return [
      ...this.#udp.map(({ local }) => ({ protocol: 'udp' as const, ...local })),
      ...this.#tcp.map(({ local }) => ({ protocol: 'tcp' as const, ...local })),
    ];
  }

  /** Opens all listeners, or none: rejects with the `ListenError` of the first that failed. */
  async start(): Promise<void> {
    try {
      for (const listener of this.#options.listeners) {
        if (listener.protocol === 'udp') await this.#bindUdp(listener);
        else await this.#listenTcp(listener);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** A flow to a target; a promise only where a host name has to be resolved. */
  flowTo(target: Target): BaseFlow | Promise<BaseFlow> {
    if ('flow' in target) return target.flow as BaseFlow;
    const host = target.host.startsWith('[') ? target.host.slice(1, -1) : target.host;
    if (isIP(host) !== 0) return this.#flowToAddress({ ...target, host });
    return this.#options.network
      .resolve(host)
      .then((address) => this.#flowToAddress({ ...target, host: address }));
  }

  /** How the answer to a request goes back, RFC 3261 section 18.2.2; undefined when there is no way. */
  responseFlow(via: Via, flow: BaseFlow): BaseFlow | undefined {
    if (flow.protocol === 'udp') {
      const to = responseTarget(via, flow.remote);
      if (to.port === flow.remote.port) return flow;
      return this.#udpFor(flow.local, to.host)?.flowTo(to) ?? flow;
    }
    if (!flow.closed) return flow;
    if (flow.protocol === 'ws' || this.#closed || this.flows >= this.#options.limits.maxConnections)
      return undefined;
    return this.#flowToAddress({ protocol: 'tcp', host: flow.remote.host, port: via.port ?? 5060 });
  }

  attachWebSocket(socket: WebSocketLike, remote: Endpoint): WebSocketFlow {
    const { clock, limits, counters } = this.#options;
    const sentBy = this.#anySentBy();
    const flow = new WebSocketFlow({
      id: `ws:${this.#nextId++}`,
      socket,
      local: sentBy,
      remote,
      sentBy,
      clock,
      limits,
    });
    if (this.#closed || this.flows >= limits.maxConnections) {
      counters.overload++;
      socket.close(1013);
    } else {
      this.#webSockets.add(flow);
      this.#armSweep();
    }
    flow.run({
      message: (bytes) => this.#message(bytes, flow),
      closed: () => this.#webSockets.delete(flow),
    });
    return flow;
  }

  /** Closes everything. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#sweep);
    for (const connection of this.#connections) connection.close();
    for (const flow of this.#webSockets) flow.terminate();
    await Promise.all([
      ...this.#udp.splice(0).map((listener) => listener.close()),
      ...this.#tcp.splice(0).map(({ listener }) => listener.close()),
    ]);
  }

  async #bindUdp(at: TransportListenerOptions): Promise<void> {
    const { network, counters, log } = this.#options;
    const listener = await UdpListener.bind({
      network,
      at: { host: at.host, port: at.port },
      advertise: (local) => advertised(at, local),
      datagram: (bytes, flow) => this.#message(bytes, flow),
      error: (error) => {
        counters.transportErrors++;
        log.debug({ error: error.message }, 'UDP socket error');
      },
    });
    this.#udp.push(listener);
  }

  async #listenTcp(at: TransportListenerOptions): Promise<void> {
    // One port number for UDP and TCP is the custom, also where the system chooses it.
    const sibling = this.#options.listeners.find(
      (other) => other.protocol === 'udp' && other.host === at.host && other.port === 0,
    );
    const chosen = sibling && this.#udp.find(({ local }) => local.host === at.host)?.local.port;
    // Connections may come before the promise of the listener resolves; they see what is known by then.
    let sentBy = advertised(at, at);
    const listen = (port: number) =>
      this.#options.network.listenTcp({ host: at.host, port }, (socket) => this.#accept(socket, sentBy));
    const listener = await listen(at.port === 0 ? (chosen ?? 0) : at.port).catch((error: unknown) => {
      const retry = at.port === 0 && error instanceof ListenError && error.code === 'EADDRINUSE';
      if (retry) return listen(0);
      throw error;
    });
    sentBy = advertised(at, listener.local);
    this.#tcp.push({ listener, local: listener.local, sentBy });
  }

  #message(bytes: Uint8Array, flow: BaseFlow): void {
    // Keep-alives of every kind: empty datagrams, CRLF (RFC 5626), four zero bytes (some SBCs).
    const first = bytes[0];
    if (first === undefined || first === 0 || (first === 13 && bytes.length <= 4)) {
      if (flow.reliable && bytes.length === 4 && first === 13) flow.send(Buffer.from('\r\n'), () => {});
      return;
    }
    const result = parseMessage(bytes, this.#options.limits);
    if (result.ok) this.#options.receive(result.message, flow);
    else this.#options.malformed(result.error, result.partial, flow);
  }

  #flowToAddress(target: {
    protocol: 'udp' | 'tcp';
    host: string;
    port: number;
    local?: Endpoint;
  }): BaseFlow {
    const { host, port } = target;
    if (target.protocol === 'udp') {
      const listener = this.#udpFor(target.local, host);
      if (!listener) throw new Error('no UDP listener for this address family');
      return listener.flowTo({ host, port });
    }
    const known = this.#byRemote.get(hostPort({ host, port }));
    if (known && !known.closed) return known;
    if (this.flows >= this.#options.limits.maxConnections) throw new Error('too many connections');
    const socket = this.#options.network.connectTcp({ host, port });
    return this.#adopt(socket, this.#tcpSentBy(host) ?? this.#anySentBy(), false);
  }

  #accept(socket: StreamSocket, sentBy: SentBy): void {
    const { limits, counters } = this.#options;
    const held = this.#perAddress.get(socket.remote.host) ?? 0;
    if (this.#closed || this.flows >= limits.maxConnections || held >= limits.maxConnectionsPerAddress) {
      counters.overload++;
      socket.handle({ open() {}, data() {}, close() {} });
      socket.destroy();
      return;
    }
    this.#adopt(socket, sentBy, true);
  }

  #adopt(socket: StreamSocket, sentBy: SentBy, accepted: boolean): TcpConnection {
    const { clock, limits, receive, malformed } = this.#options;
    const id = `tcp:${this.#nextId++}`;
    const connection = new TcpConnection({ id, socket, sentBy, clock, limits, accepted });
    const remote = hostPort(connection.remote);
    const { host } = connection.remote;
    this.#connections.add(connection);
    this.#byRemote.set(remote, connection);
    if (accepted) this.#perAddress.set(host, (this.#perAddress.get(host) ?? 0) + 1);
    connection.run({
      message: (message) => receive(message, connection),
      malformed: (error, partial) => malformed(error, partial, connection),
      closed: () => {
        this.#connections.delete(connection);
        if (this.#byRemote.get(remote) === connection) this.#byRemote.delete(remote);
        if (accepted) this.#release(host);
      },
    });
    this.#armSweep();
    return connection;
  }

  #release(host: string): void {
    const left = (this.#perAddress.get(host) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(host);
    else this.#perAddress.set(host, left);
  }

  /** Looks for idle connections, ten times in their life, as long as there are connections. */
  #armSweep(): void {
    if (this.#sweep !== undefined) return;
    const { clock, limits } = this.#options;
    this.#sweep = clock.setTimeout(() => {
      this.#sweep = undefined;
      const oldest = clock.now() - limits.idleConnectionMs;
      for (const flow of [...this.#connections, ...this.#webSockets])
        if (flow.lastUsed < oldest && !flow.watched) flow.close();
      if (this.flows > 0 && !this.#closed) this.#armSweep();
    }, limits.idleConnectionMs / 10);
  }

  #udpFor(local: Endpoint | undefined, host: string): UdpListener | undefined {
    if (local) {
      const exact = this.#udp.find((one) => one.local.port === local.port && one.local.host === local.host);
      if (exact) return exact;
    }
    const family = isIP(host);
    return this.#udp.find((one) => isIP(one.local.host) === family);
  }

  #tcpSentBy(host: string): SentBy | undefined {
    const family = isIP(host);
    return this.#tcp.find((one) => isIP(one.local.host) === family)?.sentBy;
  }

  #anySentBy(): SentBy {
    return this.#udp[0]?.sentBy ?? this.#tcp[0]?.sentBy ?? { host: 'localhost', port: 5060 };
  }
}

/** What others see of a listener. A wildcard address means nothing to a peer, so it becomes one of the machine's. */
function advertised(at: TransportListenerOptions, local: Endpoint): SentBy {
  if (at.advertisedHost !== undefined) return { host: at.advertisedHost, port: local.port };
  const wildcard = at.host === '0.0.0.0' || at.host === '::';
  return { host: wildcard ? machineAddress(at.host === '::') : at.host, port: local.port };
}

function machineAddress(ipv6: boolean): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const fits = all.filter((address) => (address.family === 'IPv6') === ipv6);
  return (fits.find((address) => !address.internal) ?? fits[0])?.address ?? '127.0.0.1';
}
