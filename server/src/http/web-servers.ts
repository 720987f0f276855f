import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { Config } from '../config.ts';
import { ConnectionLimits } from './connection-limits.ts';

/** What HTTPS shows, PEM. */
export interface WebCertificate {
  cert: string | Buffer;
  key: string | Buffer;
}

/** RFC 8996: nothing before TLS 1.2. */
const oldestTls = 'TLSv1.2';

/**
 * Makes the sockets' side of everything that speaks HTTP here: HTTPS where there is a certificate, limits of time for
 * those who send slowly or not at all, and limits of connections over all servers together.
 */
export class WebServers {
  readonly limits: ConnectionLimits;
  readonly #config: Config['http'];
  readonly #secure = new Set<SecureServer>();
  #certificate: WebCertificate | undefined;

  constructor(config: Config['http'], certificate?: WebCertificate) {
    this.#config = config;
    this.#certificate = certificate;
    this.limits = new ConnectionLimits(config);
  }

  /** A server for the service itself; more than one when `localhost` has several addresses. */
  create(listener: RequestListener): Server {
    if (!this.#certificate) return this.createPlain(listener);
    const server = createSecureServer(
      {
        ...this.#timeouts(),
        ...this.#certificate,
        minVersion: oldestTls,
        handshakeTimeout: (this.#config.tls?.handshakeTimeoutSeconds ?? 10) * 1000,
      },
      listener,
    );
    this.#secure.add(server);
    server.on('close', () => this.#secure.delete(server));
    // Whoever breaks a handshake off is gone; there is nobody to answer.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return this.#guarded(server);
  }

  /** A server without TLS, whatever the service has. */
  createPlain(listener: RequestListener): Server {
    return this.#guarded(createServer(this.#timeouts(), listener));
  }

  /**
   * For connections from now on; those that are open stay.
   * @throws when it cannot be read; the old one stays then
   */
  setCertificate(certificate: WebCertificate): void {
    for (const server of this.#secure) server.setSecureContext({ ...certificate, minVersion: oldestTls });
    this.#certificate = certificate;
  }

  #timeouts(): ServerOptions {
    const requestTimeout = this.#config.requestTimeoutSeconds * 1000;
    return {
      requestTimeout,
      headersTimeout: requestTimeout,
      // Node looks at all connections now and then; so the limit is kept within a quarter.
      connectionsCheckingInterval: Math.min(5_000, requestTimeout / 4),
    };
  }

  #guarded(server: Server): Server {
    const idleMs = this.#config.idleTimeoutSeconds * 1000;
    // Nothing moves either way: also somebody who never reads what was asked for. WebSockets take it off again.
    server.timeout = Math.max(idleMs, 2_000 * this.#config.eventsHeartbeatSeconds);
    server.keepAliveTimeout = idleMs;
    // Out of descriptors: the connection waits in the backlog. Errors of `listen` go to whoever called that, too.
    server.on('error', () => {});
    this.limits.protect(server);
    return server;
  }
}
