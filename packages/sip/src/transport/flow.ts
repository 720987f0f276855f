import type { Endpoint, Flow, TransportProtocol } from './types.ts';

/** Called at most once, in a later turn, when bytes given to a flow could not be sent. */
export type SendFailed = (error: Error) => void;

/** What Via and Contact say of us on a flow. */
export interface SentBy {
  host: string;
  port: number;
}

/** A `Flow` from inside the stack: one that can send. */
export abstract class BaseFlow implements Flow {
  readonly id: string;
  readonly protocol: TransportProtocol;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly sentBy: SentBy;
  #closed = false;
  #listeners: Set<() => void> | undefined;

  protected constructor(options: {
    id: string;
    protocol: TransportProtocol;
    local: Endpoint;
    remote: Endpoint;
    sentBy: SentBy;
  }) {
    this.id = options.id;
    this.protocol = options.protocol;
    this.local = options.local;
    this.remote = options.remote;
    this.sentBy = options.sentBy;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** RFC 3261 section 17: decides the timers. */
  get reliable(): boolean {
    return this.protocol !== 'udp';
  }

  /** Whether TLS protects this hop, up to the peer or to the proxy that ended it. */
  get secure(): boolean {
    return this.protocol === 'tls';
  }

  get peerDomains(): readonly string[] {
    return [];
  }

  /** Whether the peer was ever reached; always true where there is no connection. */
  get opened(): boolean {
    return true;
  }

  /** Whether anybody wants to know when this flow closes; such a flow is not closed for being idle. */
  get watched(): boolean {
    return this.#listeners !== undefined && this.#listeners.size > 0;
  }

  abstract send(bytes: Uint8Array, failed: SendFailed): void;

  abstract close(): void;

  onClose(listener: () => void): () => void {
    if (this.#closed) {
      let wanted = true;
      queueMicrotask(() => wanted && listener());
      return () => {
        wanted = false;
      };
    }
    // Each call gets an entry of its own, even if one function is given twice.
    const entry = () => listener();
    this.#listeners ??= new Set();
    this.#listeners.add(entry);
    return () => this.#listeners?.delete(entry);
  }

  /** Marks the flow closed and tells the listeners; only the first call does. */
  protected markClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners) for (const listener of listeners) listener();
  }
}

/** `host:port`, with brackets round an IPv6 address. */
export function hostPort({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An IPv6 address without its brackets; everything else as it is. */
export function plainAddress(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}
