import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ListenError } from '../errors.ts';
import { DeadServers, type Locator, type Server } from '../locate/index.ts';
import {
  parseMessage,
  parseUri,
  type SipMessage,
  type SipParseError,
  type SipUri,
  type Via,
} from '../message/index.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { StackCounters } from './counters.ts';
import { type BaseFlow, plainAddress, type SentBy } from './flow.ts';
import type {
  Network,
  StreamListener,
  StreamSocket,
  TlsCredentials,
  TlsListener,
  TlsOptions,
  TlsServerOptions,
} from './network.ts';
import { answerStun } from './stun.ts';
import type {
  Clock,
  Endpoint,
  SocketProtocol,
  StackLimits,
  StackLog,
  Target,
  WebSocketLike,
} from './types.ts';
import { UdpFlow, UdpListener } from './udp-listener.ts';
import { UdpOnly } from './udp-only.ts';
import { defaultPort, responseTarget } from './via.ts';
import { firstFlow, type Route, Ways } from './ways.ts';
import type { WebSocketFlow } from './web-socket-flow.ts';

export interface TransportListenerOptions {
  protocol: SocketProtocol;
  host: string;
  port: number;
  advertisedHost?: string;
}

export interface TransportLayerOptions {
  listeners: TransportListenerOptions[];
  /** For `tls` listeners, and for connections of ours over TLS. */
  tls?: TlsOptions | undefined;
  network: Network;
  locator: Locator;
  clock: Clock;
  limits: StackLimits;
  counters: StackCounters;
  log: StackLog;
  /** A message that could be read. */
  receive(message: SipMessage, flow: BaseFlow): void;
  /** A message that could not; `partial` is what could be made of it. */
  malformed(error: SipParseError, partial: SipMessage | undefined, flow: BaseFlow): void;
}

interface StreamListening {
  protocol: 'tcp' | 'tls';
  local: Endpoint;
  sentBy: SentBy;
  listener: StreamListener;
}

/** RFC 3261 section 18.1.1, for a path whose MTU nobody knows. */
const maxDatagramRequest = 1_300;
/** A firewall that swallows TCP costs one call this much, and the next ones nothing. */
const largeFlowTimeoutMs = 2_000;

type AddressTarget = Extract<Target, { protocol: unknown }>;

/** The sockets of a stack, RFC 3261 section 18: listeners, connections and their reuse, and what came in on them. */
export class TransportLayer {
  readonly #options: TransportLayerOptions;
  readonly #udp: UdpListener[] = [];
  readonly #streams: StreamListening[] = [];
  readonly #tlsListeners: TlsListener[] = [];
  readonly #pool: ConnectionPool;
  readonly #udpOnly: UdpOnly;
  readonly #dead: DeadServers;
  #tls: TlsOptions | undefined;
  #closed = false;

  constructor(options: TransportLayerOptions) {
    this.#options = options;
    this.#tls = options.tls;
    this.#udpOnly = new UdpOnly(options.clock);
    this.#dead = new DeadServers(options.clock);
    this.#pool = new ConnectionPool({ ...options, datagram: (bytes, flow) => this.#message(bytes, flow) });
  }

  /** Open connections: TCP, TLS and WebSocket. */
  get flows(): number {
    return this.#pool.size;
  }

  get addresses(): Array<{ protocol: SocketProtocol; host: string; port: number }> {
    return [
      ...this.#udp.map(({ local }) => ({ protocol: 'udp' as const, ...local })),
      ...this.#streams.map(({ protocol, local }) => ({ protocol, ...local })),
    ];
  }

  /** Opens all listeners, or none: rejects with the `ListenError` of the first that failed. */
  async start(): Promise<void> {
    try {
      for (const listener of this.#options.listeners) {
        if (listener.protocol === 'udp') await this.#bindUdp(listener);
        else if (listener.protocol === 'tcp') await this.#listenTcp(listener);
        else await this.#listenTls(listener);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The ways to a target: a flow at once, where it is an address. @throws when there is none, like the promise */
  flowTo(target: Target): Route {
    if ('flow' in target) return target.flow as BaseFlow;
    if ('protocol' in target) {
      const host = plainAddress(target.host);
      if (isIP(host) !== 0) return this.#flowToAddress({ ...target, host });
    }
    const uri = 'uri' in target ? parseUri(target.uri) : uriOf(target);
    if (!uri) throw new Error('no SIP URI');
    const { local, bound } = target;
    const more = { ...(local ? { local } : {}), ...(bound ? { bound } : {}) };
    const servers = this.#options.locator.locate(uri);
    if (servers instanceof Promise) return servers.then((located) => this.#ways(located, more));
    return this.#ways(servers, more);
  }

  /**
   * RFC 3263 section 5: the flow for the answer to a request, when `responseFlow` led nowhere: to the sent-by of its Via.
   * Undefined (or rejected) when there is none. For requests whose sender is not just anybody: who wrote the Via chooses
   * whom we connect to.
   */
  async responseFlowElsewhere(via: Via, flow: BaseFlow): Promise<BaseFlow | undefined> {
    const { protocol } = flow;
    if (this.#closed || protocol === 'udp' || protocol === 'ws') return undefined;
    const servers = await this.#options.locator.locateResponse({ protocol, host: via.host, port: via.port });
    const [server] = this.#dead.last(servers);
    if (!server || this.#closed || !this.#pool.hasRoomFor(server.host)) return undefined;
    return firstFlow(this.#ways([server], {}));
  }

  #ways(servers: Server[], more: Pick<AddressTarget, 'local' | 'bound'>): BaseFlow | Ways {
    const open = ({ protocol, host, port, serverName }: Server) =>
      this.#flowToAddress(
        { protocol, host, port, ...more },
        serverName === undefined ? {} : { name: serverName },
      );
    const [only] = servers;
    if (only && servers.length === 1) return open(only);
    return new Ways(this.#dead.last(servers), { dead: this.#dead, open });
  }

  /**
   * RFC 3261 section 18.1.1: the connection for a request of this size that was to go over `flow`; undefined if it may
   * stay there, or has to.
   */
  largeFlow(flow: BaseFlow, bytes: () => number): BaseFlow | undefined {
    if (!(flow instanceof UdpFlow) || !flow.replaceable || this.#udpOnly.has(flow.remote)) return undefined;
    // Without a listener nobody could call us back where we say we are.
    if (!this.#streams.some(({ protocol }) => protocol === 'tcp') || bytes() <= maxDatagramRequest)
      return undefined;
    try {
      return this.#flowToAddress(
        { protocol: 'tcp', ...flow.remote, local: flow.local },
        { connectTimeoutMs: largeFlowTimeoutMs },
      );
    } catch {
      return undefined;
    }
  }

  /** Remembers that a peer of `largeFlow` takes no TCP. */
  noLargeFlow(flow: BaseFlow): void {
    this.#udpOnly.add(flow.remote);
  }

  /** How the answer to a request goes back, RFC 3261 section 18.2.2; undefined when there is no way. */
  responseFlow(via: Via, flow: BaseFlow): BaseFlow | undefined {
    if (flow.protocol === 'udp') {
      const to = responseTarget(via, flow.remote);
      if (to.port === flow.remote.port) return flow;
      return this.#udpFor(flow.local, to.host)?.flowTo(to) ?? flow;
    }
    if (!flow.closed) return flow;
    if (flow.protocol === 'ws' || this.#closed) return undefined;
    const { protocol, remote } = flow;
    const to = { protocol, host: remote.host, port: via.port ?? defaultPort(protocol) };
    // The port is of the peer's choosing: it must not make us open more connections than it may have itself.
    const known = this.#pool.find({ ...to, name: undefined });
    return known ?? (this.#pool.hasRoomFor(to.host) ? this.#flowToAddress(to) : undefined);
  }

  /**
   * New certificates for connections from now on; those that are open stay as they are.
   * @throws when they cannot be read; the old ones stay then.
   */
  setCredentials(credentials: TlsCredentials): void {
    if (!this.#tls) throw new Error('the stack has no TLS');
    for (const listener of this.#tlsListeners) listener.setCredentials(credentials);
    this.#tls = { ...this.#tls, ...credentials };
  }

  attachWebSocket(socket: WebSocketLike, remote: Endpoint, secure: boolean): WebSocketFlow {
    return this.#pool.attachWebSocket(socket, { remote, secure, sentBy: this.#anySentBy() });
  }

  /** Closes everything. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.locator.close();
    this.#pool.close();
    await Promise.all([
      ...this.#udp.splice(0).map((listener) => listener.close()),
      ...this.#streams.splice(0).map(({ listener }) => listener.close()),
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
    const listen = (port: number) => this.#listen({ ...at, protocol: 'tcp', port });
    await listen(at.port === 0 ? (chosen ?? 0) : at.port).catch((error: unknown) => {
      const retry = at.port === 0 && error instanceof ListenError && error.code === 'EADDRINUSE';
      if (retry) return listen(0);
      throw error;
    });
  }

  async #listenTls(at: TransportListenerOptions): Promise<void> {
    if (!this.#tls) throw new Error('a TLS listener needs a certificate');
    await this.#listen({ ...at, protocol: 'tls' });
  }

  async #listen(at: TransportListenerOptions & { protocol: 'tcp' | 'tls' }): Promise<void> {
    const { protocol, host, port } = at;
    const { network } = this.#options;
    // Connections may come before the promise of the listener resolves; they see what is known by then.
    let sentBy = advertised(at, at);
    const accept = (socket: StreamSocket) => this.#pool.accept(socket, { protocol, sentBy });
    const secure = protocol === 'tls' ? this.#tls : undefined;
    const where = { host, port };
    const listen = async () => {
      if (!secure) return network.listenTcp(where, accept);
      const listener = await network.listenTls(where, serverOptions(secure), accept);
      this.#tlsListeners.push(listener);
      return listener;
    };
    const listener = await listen();
    sentBy = advertised(at, listener.local);
    this.#streams.push({ protocol, listener, local: listener.local, sentBy });
  }

  #message(bytes: Uint8Array, flow: BaseFlow): void {
    // Keep-alives of every kind: empty datagrams, CRLF and STUN (RFC 5626), four zero bytes (some SBCs).
    const first = bytes[0];
    if (first === undefined || first === 0 || (first === 13 && bytes.length <= 4)) {
      const mapped = flow.protocol === 'udp' ? answerStun(bytes, flow.remote) : undefined;
      if (mapped) flow.send(mapped, () => {});
      if (flow.reliable && bytes.length === 4 && first === 13) flow.send(Buffer.from('\r\n'), () => {});
      return;
    }
    const result = parseMessage(bytes, this.#options.limits);
    if (result.ok) this.#options.receive(result.message, flow);
    else this.#options.malformed(result.error, result.partial, flow);
  }

  #flowToAddress(
    target: AddressTarget,
    options: { name?: string; connectTimeoutMs?: number } = {},
  ): BaseFlow {
    const { protocol, host, port, local, bound } = target;
    const { name, connectTimeoutMs } = options;
    if (protocol === 'udp') {
      const listener = this.#udpFor(local, host);
      if (!listener) throw new Error('no UDP listener for this address family');
      return listener.flowTo({ host, port }, bound !== true);
    }
    const known = this.#pool.find({ protocol, host, port, name });
    if (known) return known;
    if (this.#pool.full) throw new Error('too many connections');
    const { network } = this.#options;
    const socket =
      protocol === 'tcp'
        ? network.connectTcp({ host, port })
        : network.connectTls({ host, port }, { credentials: this.#tls, serverName: name });
    return this.#pool.opened(socket, {
      protocol,
      sentBy: this.#streamSentBy(target),
      name,
      connectTimeoutMs,
    });
  }

  #udpFor(local: Endpoint | undefined, host: string): UdpListener | undefined {
    if (local) {
      const exact = this.#udp.find((one) => one.local.port === local.port && one.local.host === local.host);
      if (exact) return exact;
    }
    const family = isIP(host);
    return this.#udp.find((one) => isIP(one.local.host) === family);
  }

  /** What a connection of ours to this target says of us: where we could be called over the same transport. */
  #streamSentBy({ protocol, host, local }: AddressTarget): SentBy {
    const family = isIP(host);
    const fits = this.#streams.filter((one) => one.protocol === protocol && isIP(one.local.host) === family);
    const chosen = fits.find((one) => one.local.host === local?.host) ?? fits[0];
    return chosen?.sentBy ?? this.#anySentBy();
  }

  #anySentBy(): SentBy {
    return this.#udp[0]?.sentBy ?? this.#streams[0]?.sentBy ?? { host: 'localhost', port: 5060 };
  }
}

function serverOptions(options: TlsOptions): TlsServerOptions {
  const { requireClientCertificate = false, requestClientCertificate = false, ...credentials } = options;
  return { credentials, requireClientCertificate, requestClientCertificate };
}

function uriOf({ protocol, host, port }: AddressTarget): SipUri {
  const params = new Map<string, string | undefined>([['transport', protocol]]);
  return { scheme: 'sip', host: plainAddress(host), port, params, headers: new Map() };
}

/** What others see of a listener. A wildcard address means nothing to a peer, so it becomes one of the machine's. */
function advertised(at: TransportListenerOptions, local: Endpoint): SentBy {
  if (at.advertisedHost !== undefined) return { host: plainAddress(at.advertisedHost), port: local.port };
  const wildcard = at.host === '0.0.0.0' || at.host === '::';
  return { host: wildcard ? machineAddress(at.host === '::') : at.host, port: local.port };
}

function machineAddress(ipv6: boolean): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const fits = all.filter((address) => (address.family === 'IPv6') === ipv6);
  return (fits.find((address) => !address.internal) ?? fits[0])?.address ?? '127.0.0.1';
}
