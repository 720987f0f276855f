import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { decodePdu, FrameReader, type Pdu } from '@ringthrough/smpp';

/** What happens to a PDU: it passes; it passes, and the connection is cut; it is swallowed with the cut connection. */
export type Fate = 'pass' | 'cut-after' | 'cut-before';

/** A network between us and an SMS centre that can be cut at any PDU. */
export class CuttingProxy {
  /** Asked for every PDU that goes through. */
  fate: (pdu: Pdu) => Fate = () => 'pass';
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer((near) => this.#join(near, connect(target, '127.0.0.1')));
  }

  static async open(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, far: Socket): void {
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const frames = new FrameReader();
      this.#sockets.add(from);
      from.on('error', end);
      from.on('close', () => {
        this.#sockets.delete(from);
        end();
      });
      from.on('data', (chunk: Buffer) => {
        for (const frame of frames.push(chunk)) if (!this.#pass(frame, to, end)) return;
      });
    }
  }

  #pass(frame: Uint8Array, to: Socket, end: () => void): boolean {
    if (to.destroyed) return false;
    const fate = this.fate(decodePdu(frame));
    if (fate === 'pass') return to.write(frame) || true;
    this.cuts += 1;
    if (fate === 'cut-before') end();
    else to.write(frame, end);
    return false;
  }
}
