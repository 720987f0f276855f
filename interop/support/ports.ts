import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** A port of loopback that was free for UDP and TCP a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await freeTcpPort();
    if (await udpIsFree(port)) return port;
  }
}

/** The first of two consecutive ports that were free for TCP a moment ago, the first one for UDP as well. */
export async function freePair(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (await tcpIsFree(port + 1)) return port;
  }
}

/** First of `count` consecutive ports free for UDP, even (RTP takes even ports, RFC 3550 section 11). */
export async function freeRange(count: number): Promise<number> {
  for (;;) {
    const start = 20_000 + 2 * Math.floor(Math.random() * 15_000);
    const free = await Promise.all(Array.from({ length: count }, (_, index) => udpIsFree(start + index)));
    if (free.every(Boolean)) return start;
  }
}

function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

function tcpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function udpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
