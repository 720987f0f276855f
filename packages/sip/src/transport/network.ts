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

/** One TCP connection, opening or open. Handlers are set before control returns to the event loop. */
export interface StreamSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Bytes given to `write` that the peer's machine has not taken yet. */
  readonly bufferedBytes: number;
  write(bytes: Uint8Array): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once; `close` of the handlers follows. Idempotent. */
  destroy(): void;
  handle(handlers: StreamHandlers): void;
}

export interface StreamHandlers {
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

/** Sockets as the stack needs them: Node's (`NodeNetwork`), or a network in memory in tests. */
export interface Network {
  /** Rejects with a `ListenError`. */
  bindUdp(at: Endpoint, handlers: DatagramHandlers): Promise<DatagramSocket>;
  /** Rejects with a `ListenError`. */
  listenTcp(at: Endpoint, accept: (socket: StreamSocket) => void): Promise<StreamListener>;
  connectTcp(to: Endpoint): StreamSocket;
  /** One address of a host name; rejects when it has none. Never called with an IP address. */
  resolve(host: string): Promise<string>;
}
