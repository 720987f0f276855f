import type { StreamHandlers, StreamSocket } from '../transport/network.ts';
import type { Clock, Endpoint } from '../transport/types.ts';

/** What a connection runs over. */
export interface StreamLink {
  clock: Clock;
  delay(): number;
  random(): number;
  /** False while the network is cut: bytes then wait, and nobody is told. */
  passes(): boolean;
}

const retryMs = 200;

/** One end of a TCP connection in memory: in order, without loss, cut into pieces at random. */
export class MemoryStream implements StreamSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #link: StreamLink;
  #peer: MemoryStream | undefined;
  #handlers: StreamHandlers | undefined;
  /** Events for this end, in order, from the other one. */
  #inbox: Array<{ bytes?: Uint8Array }> = [];
  #delivering = false;
  #closed = false;
  #written: Uint8Array[] = [];

  private constructor(link: StreamLink, local: Endpoint, remote: Endpoint) {
    this.#link = link;
    this.local = local;
    this.remote = remote;
  }

  /** Opens a connection; it closes with ECONNREFUSED if nobody listens when it gets there. */
  static connect(
    link: StreamLink,
    ends: { from: Endpoint; to: Endpoint },
    listener: () => ((socket: StreamSocket) => void) | undefined,
  ): MemoryStream {
    const client = new MemoryStream(link, ends.from, ends.to);
    const arrive = () => {
      if (client.#closed) return;
      if (!link.passes()) {
        link.clock.setTimeout(arrive, retryMs);
        return;
      }
      const accept = listener();
      if (!accept) {
        client.#ended(new Error('connect ECONNREFUSED'));
        return;
      }
      const server = new MemoryStream(link, ends.to, ends.from);
      server.#peer = client;
      client.#peer = server;
      accept(server);
      server.#handlers?.open();
      client.#handlers?.open();
      for (const bytes of client.#written.splice(0)) server.deliver({ bytes });
    };
    link.clock.setTimeout(arrive, link.delay());
    return client;
  }

  get bufferedBytes(): number {
    return this.#written.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  handle(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  write(bytes: Uint8Array): void {
    if (this.#closed) return;
    const copy = Uint8Array.from(bytes);
    if (!this.#peer) {
      this.#written.push(copy);
      return;
    }
    const cut = 1 + Math.floor(this.#link.random() * copy.length);
    this.#peer.deliver({ bytes: copy.subarray(0, cut) });
    if (cut < copy.length) this.#peer.deliver({ bytes: copy.subarray(cut) });
  }

  end(): void {
    if (this.#closed) return;
    this.#peer?.deliver({});
  }

  destroy(): void {
    if (this.#closed) return;
    this.#peer?.deliver({});
    queueMicrotask(() => this.#ended(undefined));
  }

  /** Something on its way from the other end. */
  deliver(item: { bytes?: Uint8Array }): void {
    this.#inbox.push(item);
    if (!this.#delivering) this.#schedule(this.#link.delay());
  }

  #schedule(delay: number): void {
    this.#delivering = true;
    this.#link.clock.setTimeout(() => {
      if (!this.#link.passes()) {
        if (!this.#closed) this.#schedule(retryMs);
        return;
      }
      this.#delivering = false;
      for (const { bytes } of this.#inbox.splice(0)) {
        if (this.#closed) return;
        if (bytes) this.#handlers?.data(bytes);
        else {
          this.#ended(undefined);
          this.#peer?.deliver({});
        }
      }
    }, delay);
  }

  #ended(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox = [];
    this.#handlers?.close(error);
  }
}
