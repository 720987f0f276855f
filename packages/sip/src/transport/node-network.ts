import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { ListenError } from '../errors.ts';
import type {
  DatagramHandlers,
  DatagramSocket,
  Network,
  StreamHandlers,
  StreamListener,
  StreamSocket,
} from './network.ts';
import type { Endpoint } from './types.ts';

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : 'UNKNOWN');

/** IPv4 in its own notation, also where a socket for both families shows it mapped. */
const plainHost = (host: string | undefined): string =>
  host === undefined ? '' : host.startsWith('::ffff:') ? host.slice(7) : host;

/** The sockets of Node. */
export class NodeNetwork implements Network {
  async bindUdp(at: Endpoint, handlers: DatagramHandlers): Promise<DatagramSocket> {
    const socket = createSocket({
      type: isIPv6(at.host) ? 'udp6' : 'udp4',
      recvBufferSize: 1 << 21,
      // Every address is one already; this saves the look-up (and its turn of the loop) per packet.
      lookup: (host, _options, done) => done(null, host, isIPv6(host) ? 6 : 4),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) =>
        reject(new ListenError({ protocol: 'udp', ...at }, codeOf(error), error)),
      );
      socket.bind({ port: at.port, address: at.host }, resolve);
    });
    socket.removeAllListeners('error');
    socket.on('error', handlers.error);
    socket.on('message', (bytes, from) =>
      handlers.message(bytes, { host: plainHost(from.address), port: from.port }),
    );
    const { address, port } = socket.address();
    let closed = false;
    return {
      local: { host: address, port },
      send: (bytes, to, failed) => {
        if (closed) queueMicrotask(() => failed(new Error('socket is closed')));
        else socket.send(bytes, to.port, to.host, (error) => error && failed(error));
      },
      close: () => {
        if (closed) return Promise.resolve();
        closed = true;
        return new Promise((resolve) => socket.close(resolve));
      },
    };
  }

  async listenTcp(at: Endpoint, accept: (socket: StreamSocket) => void): Promise<StreamListener> {
    const server: Server = createServer({ noDelay: true }, (socket) => accept(new NodeStream(socket)));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) =>
        reject(new ListenError({ protocol: 'tcp', ...at }, codeOf(error), error)),
      );
      server.listen({ port: at.port, host: at.host }, resolve);
    });
    server.removeAllListeners('error');
    // Out of descriptors: the connection waits in the backlog, nothing is lost by going on.
    server.on('error', () => {});
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has an address');
    return {
      local: { host: address.address, port: address.port },
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  }

  connectTcp(to: Endpoint): StreamSocket {
    return new NodeStream(connect({ host: to.host, port: to.port, noDelay: true }), to);
  }

  async resolve(host: string): Promise<string> {
    return (await lookup(host)).address;
  }
}

class NodeStream implements StreamSocket {
  readonly remote: Endpoint;
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(socket: Socket, to?: Endpoint) {
    this.#socket = socket;
    this.remote = to ?? { host: plainHost(socket.remoteAddress), port: socket.remotePort ?? 0 };
    socket.on('error', (error) => {
      this.#error = error;
    });
  }

  get local(): Endpoint {
    return { host: plainHost(this.#socket.localAddress), port: this.#socket.localPort ?? 0 };
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  handle(handlers: StreamHandlers): void {
    this.#socket.on('connect', handlers.open);
    this.#socket.on('data', handlers.data);
    this.#socket.on('close', () => handlers.close(this.#error));
  }
}
