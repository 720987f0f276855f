import type { Socket } from 'node:net';
import type { StreamHandlers, StreamSocket } from './network.ts';
import type { Endpoint } from './types.ts';

/** IPv4 in its own notation, also where a socket for both families shows it mapped. */
export const plainHost = (host: string | undefined): string =>
  host === undefined ? '' : host.startsWith('::ffff:') ? host.slice(7) : host;

/** Where the other end of a socket is. */
export const remoteOf = (socket: Socket): Endpoint => ({
  host: plainHost(socket.remoteAddress),
  port: socket.remotePort ?? 0,
});

/** The options of every stream socket. Probes of the kernel find a peer that is gone while nothing is under way. */
export const streamOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 25_000 } as const;

/** A socket of Node: accepted over TCP, or opened by us over TCP or TLS. */
export class NodeStream implements StreamSocket {
  readonly remote: Endpoint;
  readonly #socket: Socket;
  readonly #opened: 'connect' | 'secureConnect';
  #error: Error | undefined;
  /** What was written while it is not known yet whom the TLS connection leads to. */
  #early: Uint8Array[] | undefined;

  constructor(socket: Socket, to?: Endpoint, opened: 'connect' | 'secureConnect' = 'connect') {
    this.#socket = socket;
    this.#opened = opened;
    if (opened === 'secureConnect') this.#early = [];
    this.remote = to ?? remoteOf(socket);
    socket.on('error', (error) => {
      this.#error = error;
    });
  }

  get local(): Endpoint {
    return { host: plainHost(this.#socket.localAddress), port: this.#socket.localPort ?? 0 };
  }

  get bufferedBytes(): number {
    const early = this.#early?.reduce((sum, bytes) => sum + bytes.length, 0) ?? 0;
    return early + this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (this.#early) this.#early.push(bytes);
    else if (this.#socket.writable) this.#socket.write(bytes);
  }

  end(): void {
    // Or somebody who never stops sending would keep us busy until we close for good.
    this.#socket.pause();
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  handle(handlers: StreamHandlers): void {
    this.#socket.on(this.#opened, () => {
      const early = this.#early;
      this.#early = undefined;
      for (const bytes of early ?? []) this.write(bytes);
      handlers.open();
    });
    this.#socket.on('data', handlers.data);
    this.#socket.on('close', () => handlers.close(this.#error));
  }
}
