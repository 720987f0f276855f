import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import { clientAddress } from './client-address.ts';

export interface SipWebSocketOptions {
  config: Config;
  log: Logger;
  /** Takes the open socket; SIP over it is the stack's business from then on. */
  attach: (socket: WebSocket, remote: { address: string; port: number }) => void;
}

/** As the SIP stack has it for TCP. */
const defaultPerClient = 200;

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

  constructor(options: SipWebSocketOptions) {
    this.#options = options;
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

  /** One client must not take the connections of all others. Behind a proxy all look alike: it has to see to that. */
  #hasRoomFor({ socket }: IncomingMessage): boolean {
    const { http, sip } = this.#options.config;
    if (http.trustedProxies.length > 0) return true;
    const limit = sip.limits.maxConnectionsPerAddress ?? defaultPerClient;
    return (this.#perClient.get(clientAddress(socket.remoteAddress ?? '')) ?? 0) < limit;
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
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    this.#count(client, clientAddress(remoteAddress));
    this.#watch(client);
    this.#options.attach(client, { address: remoteAddress, port: remotePort });
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
