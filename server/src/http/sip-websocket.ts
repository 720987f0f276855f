import type { IncomingMessage, Server } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import proxyAddr from '@fastify/proxy-addr';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import { clientAddress } from './client-address.ts';
import { trustedProxies } from './connection-limits.ts';

export interface SipWebSocketOptions {
  config: Config;
  log: Logger;
  /** Takes the open socket; SIP over it is the stack's business from then on. */
  attach: (socket: WebSocket, remote: WebSocketRemote) => AttachedWebSocket;
}

/** Who is at the other end. */
export interface WebSocketRemote {
  /** Of the client, also behind a trusted proxy: wrong passwords are held against it, and not against the proxy. */
  address: string;
  /** Of the connection. */
  port: number;
  /** It came over TLS, to us or to a trusted proxy. */
  secure: boolean;
}

export interface AttachedWebSocket {
  /** Whether a device is registered over it. */
  registered: () => boolean;
}

/** As the SIP stack has it for TCP. */
const defaultPerClient = 200;

/** RFC 6455 section 7.4.1. */
const policyViolation = 1008;

/** How long pages have to go when the server stops. */
const closeGraceMs = 500;

/**
 * SIP over WebSocket at /sip (RFC 7118): subprotocol `sip`, pages of our own origin only, and a ping that finds
 * half-open connections (R-REG-LOST).
 */
export class SipWebSocket {
  readonly #options: SipWebSocketOptions;
  readonly #server: WebSocketServer;
  readonly #heartbeats = new Set<NodeJS.Timeout>();
  /** Open connections by client address. */
  readonly #perClient = new Map<string, number>();
  readonly #isTrusted: (address: string) => boolean;

  constructor(options: SipWebSocketOptions) {
    this.#options = options;
    this.#isTrusted = trustedProxies(options.config.http);
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.config.sip.webSocketMaxPayloadBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has('sip') ? 'sip' : false),
    });
  }

  /** @param http whose upgrades to /sip are taken; other paths are left to others */
  listen(http: Server): void {
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Node has taken its own listener away; a reset before somebody takes the socket would end the process.
      socket.on('error', () => socket.destroy());
      const path = request.url?.split('?')[0];
      if (path !== '/sip') {
        // Other listeners (the lab) take their own paths at once; what nobody took must not stay open.
        setImmediate(() => {
          if ((socket as Socket).bytesWritten === 0) refuse(socket, 404);
        });
        return;
      }
      const refusal = this.#refusal(request);
      if (refusal !== undefined) {
        this.#options.log.warn({ status: refusal }, 'SIP WebSocket refused');
        refuse(socket, refusal);
        return;
      }
      this.#server.handleUpgrade(request, socket, head, (client) => this.#accept(client, request));
    });
  }

  get connections(): number {
    return this.#server.clients.size;
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.close(1001, 'server stops');
    await this.#drained();
    for (const client of this.#server.clients) client.terminate();
    for (const heartbeat of this.#heartbeats) clearInterval(heartbeat);
    this.#server.close();
  }

  #refusal(request: IncomingMessage): number | undefined {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes('sip')) return 400;
    if (!this.#originAllowed(request)) return 403;
    return this.#hasRoomFor(request) ? undefined : 503;
  }

  /** Programs send no Origin; pages always do, and only ours may connect (RFC 6455 section 10.2). */
  #originAllowed({ headers }: IncomingMessage): boolean {
    const { origin, host } = headers;
    if (origin === undefined) return true;
    const { publicOrigin, allowedOrigins } = this.#options.config.http;
    const allowed = [publicOrigin, ...allowedOrigins].filter((one) => one !== undefined);
    if (allowed.some((one) => new URL(one).origin === origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }

  /** One client must not take the connections of all others; what a trusted proxy does not name may be anybody's. */
  #hasRoomFor(request: IncomingMessage): boolean {
    const address = this.#addressOf(request);
    const limit = this.#options.config.sip.limits.maxConnectionsPerAddress ?? defaultPerClient;
    return this.#isTrusted(address) || (this.#perClient.get(clientAddress(address)) ?? 0) < limit;
  }

  /** Of the client, also behind a trusted proxy: as Fastify has it for requests. */
  #addressOf(request: IncomingMessage): string {
    const { remoteAddress = '' } = request.socket;
    if (remoteAddress === '') return '';
    const named = proxyAddr(request, this.#isTrusted);
    return isIP(named) === 0 ? remoteAddress : named;
  }

  #isSecure({ socket, headers }: IncomingMessage): boolean {
    if ('encrypted' in socket) return true;
    const forwarded = String(headers['x-forwarded-proto'] ?? '');
    return /^(https|wss)\b/i.test(forwarded) && this.#isTrusted(socket.remoteAddress ?? '');
  }

  #count(client: WebSocket, address: string): void {
    this.#perClient.set(address, (this.#perClient.get(address) ?? 0) + 1);
    client.on('close', () => {
      const left = (this.#perClient.get(address) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(address);
      else this.#perClient.set(address, left);
    });
  }

  #accept(client: WebSocket, request: IncomingMessage): void {
    const { remotePort = 0 } = request.socket;
    const address = this.#addressOf(request);
    this.#count(client, clientAddress(address));
    this.#watch(client);
    const secure = this.#isSecure(request);
    const flow = this.#options.attach(client, { address, port: remotePort, secure });
    this.#expectRegistration(client, flow);
  }

  /** Whoever takes a connection and never registers is a stranger; strangers do not keep what devices need. */
  #expectRegistration(client: WebSocket, flow: AttachedWebSocket): void {
    const timer = setTimeout(() => {
      if (flow.registered()) return;
      client.close(policyViolation, 'not registered');
      // It may not answer the close either.
      const end = setTimeout(() => client.terminate(), closeGraceMs);
      client.once('close', () => clearTimeout(end));
    }, this.#options.config.sip.webSocketRegisterSeconds * 1000);
    client.once('close', () => clearTimeout(timer));
  }

  #watch(client: WebSocket): void {
    let alive = true;
    const heartbeat = setInterval(() => {
      if (!alive) {
        client.terminate();
        return;
      }
      alive = false;
      client.ping();
    }, this.#options.config.registration.webSocketPingSeconds * 1000);
    this.#heartbeats.add(heartbeat);
    client.on('pong', () => {
      alive = true;
    });
    client.on('close', () => {
      clearInterval(heartbeat);
      this.#heartbeats.delete(heartbeat);
    });
    // Too large a message, bad UTF-8, a reset: `close` follows.
    client.on('error', (error) => this.#options.log.info({ err: error }, 'SIP WebSocket error'));
  }

  async #drained(): Promise<void> {
    const open = [...this.#server.clients];
    const gone = open.map((client) => new Promise<void>((resolve) => client.once('close', () => resolve())));
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeGraceMs);
    });
    await Promise.race([Promise.all(gone), grace]);
    clearTimeout(timer);
  }
}

function refuse(socket: Duplex, status: number): void {
  const reason =
    { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 503: 'Service Unavailable' }[status] ?? 'Error';
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
