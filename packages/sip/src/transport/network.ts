import type { Endpoint } from './types.ts';

/** A bound UDP socket. */
export interface DatagramSocket {
  readonly local: Endpoint;
  /** Sends one datagram; `failed` is called later if the system refuses it. */
  send(bytes: Uint8Array, to: Endpoint, failed: (error: Error) => void): void;
  close(): Promise<void>;
}

export interface DatagramHandlers {
  message(bytes: Uint8Array, from: Endpoint): void;
  error(error: Error): void;
}

/** One TCP or TLS connection, opening or open. Handlers are set before control returns to the event loop. */
export interface StreamSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Bytes given to `write` that the peer's machine has not taken yet. */
  readonly bufferedBytes: number;
  /** Whom a verified client certificate names, RFC 5922 section 7.1; absent or empty: nobody. */
  readonly peerDomains?: readonly string[];
  write(bytes: Uint8Array): void;
  /** Sends what was written, then closes. What still comes in need not be read: the owner destroys it in the end. */
  end(): void;
  /** Closes at once; `close` of the handlers follows. Idempotent. */
  destroy(): void;
  handle(handlers: StreamHandlers): void;
}

export interface StreamHandlers {
  /** A connection of ours has opened, or the TLS handshake of an accepted one is done. */
  open(): void;
  data(bytes: Uint8Array): void;
  /** Exactly once, whatever the reason; `error` is set when it did not end in good order. */
  close(error: Error | undefined): void;
}

export interface StreamListener {
  readonly local: Endpoint;
  /** Stops listening. Connections that are open stay open. */
  close(): Promise<void>;
}

/** What our end of TLS shows and whom it believes. Everything is PEM. */
export interface TlsCredentials {
  cert: string | Buffer;
  key: string | Buffer;
  /** Whose certificates are believed, instead of the authorities that come with Node. */
  ca?: string | Buffer | Array<string | Buffer>;
}

/** TLS of a stack. */
export interface TlsOptions extends TlsCredentials {
  /** Mutual TLS: listeners refuse whoever shows no certificate that `ca` has signed. Default: false. */
  requireClientCertificate?: boolean;
  /**
   * Listeners ask for a certificate and let in who shows none, or a wrong one, as a stranger; `Flow.peerDomains` tells who
   * showed a right one. Default: false.
   */
  requestClientCertificate?: boolean;
}

export interface TlsServerOptions {
  credentials: TlsCredentials;
  /** Mutual TLS: whoever shows no certificate of `credentials.ca` is refused. */
  requireClientCertificate: boolean;
  /** Asked for, and not required. */
  requestClientCertificate?: boolean;
}

export interface TlsClientOptions {
  /** Shown where the server asks for a certificate; its `ca` are believed. */
  credentials: TlsCredentials | undefined;
  /** The name that the server's certificate has to be valid for; undefined: its IP address. */
  serverName: string | undefined;
}

export interface TlsListener extends StreamListener {
  /** For connections from now on; those that are open stay as they are. Throws if the credentials cannot be read. */
  setCredentials(credentials: TlsCredentials): void;
}

/** Sockets as the stack needs them: Node's (`NodeNetwork`), or a network in memory in tests. */
export interface Network {
  /** Rejects with a `ListenError`. */
  bindUdp(at: Endpoint, handlers: DatagramHandlers): Promise<DatagramSocket>;
  /** Rejects with a `ListenError`. */
  listenTcp(at: Endpoint, accept: (socket: StreamSocket) => void): Promise<StreamListener>;
  /** Rejects with a `ListenError`, or with what is wrong with the credentials. `accept` comes before the handshake. */
  listenTls(
    at: Endpoint,
    options: TlsServerOptions,
    accept: (socket: StreamSocket) => void,
  ): Promise<TlsListener>;
  connectTcp(to: Endpoint): StreamSocket;
  /** TLS 1.2 or 1.3. A certificate that is not valid closes the socket with an error. */
  connectTls(to: Endpoint, options: TlsClientOptions): StreamSocket;
  /** One address of a host name; rejects when it has none. Never called with an IP address. */
  resolve(host: string): Promise<string>;
}
