import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { sipDomains } from './certificate-domains.ts';
import type { StreamHandlers, StreamSocket, TlsServerOptions } from './network.ts';
import { plainHost, remoteOf, streamOptions } from './node-stream.ts';
import type { Endpoint } from './types.ts';

/** RFC 8996: nothing before TLS 1.2. */
export const oldestTls = 'TLSv1.2';

/**
 * A TLS server that hands over each connection before its handshake, so that limits count those that never finish it;
 * `open` of the handlers says that it is done.
 */
export function createTlsServer(options: TlsServerOptions, accept: (socket: StreamSocket) => void): Server {
  const { credentials, requireClientCertificate, requestClientCertificate = false } = options;
  const server = createServer({
    ...credentials,
    ...streamOptions,
    minVersion: oldestTls,
    requestCert: requireClientCertificate || requestClientCertificate,
    rejectUnauthorized: requireClientCertificate,
  });
  /** Connections in their handshake, by remote address and port: the same for the TCP and the TLS socket. */
  const opening = new Map<string, AcceptedTls>();
  const keyOf = (socket: Socket) => `${socket.remoteAddress} ${socket.remotePort}`;
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    const accepted = new AcceptedTls(socket);
    opening.set(key, accepted);
    socket.once('close', () => {
      if (opening.get(key) === accepted) opening.delete(key);
    });
    accept(accepted);
  });
  server.on('secureConnection', (socket) => {
    const key = keyOf(socket);
    opening.get(key)?.secured(socket);
    opening.delete(key);
  });
  // The connection closes by itself; whoever has it is told by that.
  server.on('tlsClientError', () => {});
  return server;
}

/** A TLS connection that somebody else opened. */
class AcceptedTls implements StreamSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #tcp: Socket;
  #tls: TLSSocket | undefined;
  #handlers: StreamHandlers | undefined;
  #error: Error | undefined;
  /** Known once the handshake is done. */
  peerDomains: readonly string[] = [];

  constructor(socket: Socket) {
    this.#tcp = socket;
    this.local = { host: plainHost(socket.localAddress), port: socket.localPort ?? 0 };
    this.remote = remoteOf(socket);
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.once('close', () => this.#handlers?.close(this.#error));
  }

  secured(socket: TLSSocket): void {
    this.#tls = socket;
    if (socket.authorized) this.peerDomains = sipDomains(socket.getPeerX509Certificate()?.subjectAltName);
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('data', (bytes) => this.#handlers?.data(bytes));
    this.#handlers?.open();
  }

  get bufferedBytes(): number {
    return this.#tls?.writableLength ?? 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#tls?.writable) this.#tls.write(bytes);
  }

  end(): void {
    this.#tls?.pause();
    (this.#tls ?? this.#tcp).end();
  }

  destroy(): void {
    (this.#tls ?? this.#tcp).destroy();
  }

  handle(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }
}
