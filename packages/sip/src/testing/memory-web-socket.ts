import type { Clock, WebSocketLike } from '../transport/types.ts';

interface Link {
  clock: Clock;
  delay(): number;
  passes(): boolean;
}

type Listener = (...payload: never[]) => void;

const retryMs = 200;

/** One end of a WebSocket in memory, with the part of `ws` that the stack uses. */
export class MemoryWebSocket implements WebSocketLike {
  readonly #link: Link;
  readonly #listeners = new Map<string, Listener[]>();
  #peer: MemoryWebSocket | undefined;
  #inbox: Array<() => void> = [];
  #delivering = false;
  #open = true;

  private constructor(link: Link) {
    this.#link = link;
  }

  static pair(link: Link): { client: MemoryWebSocket; server: MemoryWebSocket } {
    const client = new MemoryWebSocket(link);
    const server = new MemoryWebSocket(link);
    client.#peer = server;
    server.#peer = client;
    return { client, server };
  }

  get readyState(): number {
    return this.#open ? 1 : 3;
  }

  get bufferedAmount(): number {
    return 0;
  }

  send(data: string | Uint8Array, done?: (error?: Error) => void): void {
    const peer = this.#peer;
    const binary = typeof data !== 'string';
    const bytes = Buffer.from(data as string);
    if (this.#open) peer?.deliver(() => peer.#emit('message', bytes, binary));
    queueMicrotask(() => done?.(this.#open ? undefined : new Error('not open')));
  }

  close(): void {
    const peer = this.#peer;
    peer?.deliver(() => {
      this.deliver(() => this.#ended());
      peer.#ended();
    });
  }

  terminate(): void {
    if (!this.#open) return;
    const peer = this.#peer;
    peer?.deliver(() => peer.#ended());
    queueMicrotask(() => this.#ended());
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  #emit(event: string, ...payload: unknown[]): void {
    if (!this.#open) return;
    for (const listener of this.#listeners.get(event) ?? [])
      (listener as (...all: unknown[]) => void)(...payload);
  }

  /** Something on its way from the other end. */
  deliver(item: () => void): void {
    this.#inbox.push(item);
    if (!this.#delivering) this.#schedule(this.#link.delay());
  }

  #schedule(delay: number): void {
    this.#delivering = true;
    this.#link.clock.setTimeout(() => {
      if (!this.#link.passes()) {
        if (this.#open) this.#schedule(retryMs);
        return;
      }
      this.#delivering = false;
      for (const item of this.#inbox.splice(0)) item();
    }, delay);
  }

  #ended(): void {
    if (!this.#open) return;
    const listeners = this.#listeners.get('close') ?? [];
    this.#open = false;
    for (const listener of listeners) (listener as () => void)();
  }
}
