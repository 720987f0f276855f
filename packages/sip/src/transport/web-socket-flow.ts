import { isUtf8 } from 'node:buffer';
import { BaseFlow, type SendFailed, type SentBy } from './flow.ts';
import type { Clock, Endpoint, StackLimits, WebSocketLike } from './types.ts';

const open = 1;
const keepAlive = '\r\n\r\n';

/** One WebSocket, RFC 7118. Whoever upgraded it has agreed on the subprotocol `sip`. */
export class WebSocketFlow extends BaseFlow {
  readonly #socket: WebSocketLike;
  readonly #clock: Clock;
  readonly #limits: StackLimits;
  #pongs: Array<(alive: boolean) => void> = [];
  readonly #secure: boolean;
  #lastUsed: number;

  constructor(options: {
    id: string;
    socket: WebSocketLike;
    local: Endpoint;
    remote: Endpoint;
    sentBy: SentBy;
    /** It came over TLS. */
    secure: boolean;
    clock: Clock;
    limits: StackLimits;
  }) {
    const { id, local, remote, sentBy } = options;
    super({ id, protocol: 'ws', local, remote, sentBy });
    this.#socket = options.socket;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#secure = options.secure;
    this.#lastUsed = options.clock.now();
  }

  override get secure(): boolean {
    return this.#secure;
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  run(events: { message(bytes: Uint8Array): void; closed(): void }): void {
    this.#socket.on('message', (data) => {
      if (this.closed) return;
      this.#lastUsed = this.#clock.now();
      for (const alive of this.#pongs) alive(true);
      events.message(bytesOf(data));
    });
    const ended = () => {
      if (this.closed) return;
      for (const alive of this.#pongs) alive(false);
      this.markClosed();
      events.closed();
    };
    // `ws` reports an error and then closes; the close is what counts.
    this.#socket.on('error', () => this.#socket.terminate());
    this.#socket.on('close', ended);
    if (this.#socket.readyState > open) queueMicrotask(ended);
  }

  send(bytes: Uint8Array, failed: SendFailed): void {
    if (this.closed || this.#socket.readyState !== open) {
      queueMicrotask(() => failed(new Error('WebSocket is closed')));
      return;
    }
    if (this.#socket.bufferedAmount + bytes.length > this.#limits.maxBufferedBytes) {
      queueMicrotask(() => failed(new Error('peer does not read')));
      this.#socket.terminate();
      return;
    }
    this.#lastUsed = this.#clock.now();
    // Browsers' stacks want text frames; only a body that is no UTF-8 has to go as a binary one.
    const data = isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() : bytes;
    this.#socket.send(data, (error) => error && failed(error));
  }

  close(): void {
    if (this.closed) return;
    this.#socket.close(1000);
    // A peer that vanished never answers the close frame.
    const handle = this.#clock.setTimeout(() => this.#socket.terminate(), 1_000);
    this.onClose(() => this.#clock.clearTimeout(handle));
  }

  /** Closes without waiting for the peer. */
  terminate(): void {
    this.#socket.terminate();
  }

  /**
   * By CRLF (RFC 7118 section 6), and not by a WebSocket ping: that one is answered by the browser, while the page that
   * would have to ring is frozen. Whatever the page sends is an answer.
   */
  ping(timeoutMs: number): Promise<boolean> {
    if (this.closed || this.#socket.readyState !== open) return Promise.resolve(false);
    return new Promise((resolve) => {
      const handle = this.#clock.setTimeout(() => answer(false), timeoutMs);
      const answer = (alive: boolean) => {
        this.#clock.clearTimeout(handle);
        this.#pongs = this.#pongs.filter((other) => other !== answer);
        resolve(alive);
      };
      this.#pongs.push(answer);
      this.#socket.send(keepAlive);
    });
  }
}

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
