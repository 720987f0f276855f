import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A network in front of a TCP port that can be lost and come back. While it is lost nothing passes in either
 * direction and nobody is told, as behind a dead access point; what was sent in the meantime arrives afterwards, as
 * TCP's retransmissions do.
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #lost = false;

  private constructor(targetPort: number) {
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (near) =>
      this.#join(near, connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })),
    );
  }

  static async open(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  lose(): void {
    this.#lost = true;
    for (const socket of this.#sockets) socket.pause();
  }

  restore(): void {
    this.#lost = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, far: Socket): void {
    this.#pass(near, far);
    this.#pass(far, near);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (chunk) => to.write(chunk));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => this.#sockets.delete(from));
    if (this.#lost) from.pause();
    else from.resume();
  }
}
