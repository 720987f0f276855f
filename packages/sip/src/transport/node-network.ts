import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, createServer, isIPv6, type Server } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ListenError } from '../errors.ts';
import type {
  DatagramHandlers,
  DatagramSocket,
  Network,
  StreamListener,
  StreamSocket,
  TlsClientOptions,
  TlsListener,
  TlsServerOptions,
} from './network.ts';
import { NodeStream, plainHost, streamOptions } from './node-stream.ts';
import { createTlsServer, oldestTls } from './node-tls.ts';
import type { Endpoint } from './types.ts';

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : 'UNKNOWN');

/** The sockets of Node. */
export class NodeNetwork implements Network {
  async bindUdp(at: Endpoint, handlers: DatagramHandlers): Promise<DatagramSocket> {
    const socket = createSocket({
      type: isIPv6(at.host) ? 'udp6' : 'udp4',
      // One family each, so that 0.0.0.0 and :: may stand side by side.
      ipv6Only: isIPv6(at.host),
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
    const server = createServer(streamOptions, (socket) => accept(new NodeStream(socket)));
    return listen(server, 'tcp', at);
  }

  async listenTls(
    at: Endpoint,
    options: TlsServerOptions,
    accept: (socket: StreamSocket) => void,
  ): Promise<TlsListener> {
    const server = createTlsServer(options, accept);
    const listener = await listen(server, 'tls', at);
    const setCredentials: TlsListener['setCredentials'] = (credentials) =>
      server.setSecureContext({ ...credentials, minVersion: oldestTls });
    return { ...listener, setCredentials };
  }

  connectTcp(to: Endpoint): StreamSocket {
    return new NodeStream(connect({ host: to.host, port: to.port, ...streamOptions }), to);
  }

  connectTls(to: Endpoint, { credentials, serverName }: TlsClientOptions): StreamSocket {
    const socket = connectTls({
      ...credentials,
      ...(serverName === undefined ? {} : { servername: serverName }),
      minVersion: oldestTls,
      host: to.host,
      port: to.port,
    });
    socket.setNoDelay(true).setKeepAlive(true, streamOptions.keepAliveInitialDelay);
    return new NodeStream(socket, to, 'secureConnect');
  }

  async resolve(host: string): Promise<string> {
    return (await lookup(host)).address;
  }
}

async function listen(server: Server, protocol: 'tcp' | 'tls', at: Endpoint): Promise<StreamListener> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ListenError({ protocol, ...at }, codeOf(error), error)));
    server.listen({ port: at.port, host: at.host, ipv6Only: isIPv6(at.host) }, resolve);
  });
  server.removeAllListeners('error');
  // Out of descriptors: the connection waits in the backlog, nothing is lost by going on.
  server.on('error', () => {});
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listener has an address');
  return {
    local: { host: address.address, port: address.port },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
