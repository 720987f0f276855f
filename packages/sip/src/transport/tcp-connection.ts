import { type SipMessage, type SipParseError, StreamFramer } from '../message/index.ts';
import { BaseFlow, type SendFailed, type SentBy } from './flow.ts';
import type { StreamSocket } from './network.ts';
import type { Clock, StackLimits } from './types.ts';

const ping = Buffer.from('\r\n\r\n');
const pong = Buffer.from('\r\n');
/** The halves of a double CRLF are not further apart. */
const halfPingMs = 1_000;

export interface ConnectionEvents {
  message(message: SipMessage): void;
  /** A message that cannot be read; `partial` is what could be made of it. */
  malformed(error: SipParseError, partial: SipMessage | undefined): void;
  closed(why: Error): void;
}

/** One TCP or TLS connection, accepted or opened by us, RFC 3261 section 18 and RFC 5626 section 3.5.1. */
export class TcpConnection extends BaseFlow {
  readonly #socket: StreamSocket;
  readonly #clock: Clock;
  readonly #limits: StackLimits;
  readonly #framer: StreamFramer;
  #events: ConnectionEvents | undefined;
  #unsent = new Set<SendFailed>();
  #open: boolean;
  #lastUsed: number;
  #lastHeard: number;
  /** When the message began that is not complete yet. */
  #begun: number | undefined;
  /** When a keep-alive of ours left that nothing has come after. */
  #asked: number | undefined;
  #pongDue = false;
  /** Whether the peer answers keep-alives: not every one of RFC 3261 does. */
  #answers: 'unknown' | 'yes' | 'no' = 'unknown';
  /** Runs while the connection opens, or waits for the peer to take our last bytes. */
  #deadline: unknown;
  #pongs: Array<(alive: boolean) => void> = [];

  constructor(options: {
    id: string;
    protocol: 'tcp' | 'tls';
    socket: StreamSocket;
    sentBy: SentBy;
    clock: Clock;
    limits: StackLimits;
    /** False while it opens or shakes hands. */
    open: boolean;
  }) {
    const { id, protocol, socket, sentBy } = options;
    super({ id, protocol, local: socket.local, remote: socket.remote, sentBy });
    this.#socket = socket;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#framer = new StreamFramer(options.limits);
    this.#open = options.open;
    this.#lastUsed = options.clock.now();
    this.#lastHeard = this.#lastUsed;
  }

  override get opened(): boolean {
    return this.#open;
  }

  override get peerDomains(): readonly string[] {
    return this.#socket.peerDomains ?? [];
  }

  /** When a message last went either way, in the time of the clock. */
  get lastUsed(): number {
    return this.#lastUsed;
  }

  /** Starts to read. A connection that does not open in time is closed. */
  run(events: ConnectionEvents): void {
    this.#events = events;
    if (!this.#open)
      this.#deadline = this.#clock.setTimeout(() => this.close(), this.#limits.connectTimeoutMs);
    this.#socket.handle({
      open: () => {
        this.#open = true;
        this.#unsent.clear();
        this.#clock.clearTimeout(this.#deadline);
      },
      data: (bytes) => this.#data(bytes),
      close: (error) => this.#ended(error ?? new Error('connection closed')),
    });
  }

  send(bytes: Uint8Array, failed: SendFailed): void {
    if (this.closed) {
      queueMicrotask(() => failed(new Error('connection is closed')));
      return;
    }
    if (this.#socket.bufferedBytes + bytes.length > this.#limits.maxBufferedBytes) {
      queueMicrotask(() => failed(new Error('peer does not read')));
      this.close();
      return;
    }
    if (!this.#open) this.#unsent.add(failed);
    this.#lastUsed = this.#clock.now();
    this.#socket.write(bytes);
  }

  close(): void {
    this.#abandon(new Error('connection closed by us'));
  }

  #abandon(why: Error): void {
    this.#socket.destroy();
    this.#ended(why);
  }

  ping(timeoutMs: number): Promise<boolean> {
    if (this.closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const handle = this.#clock.setTimeout(() => answer(false), timeoutMs);
      const answer = (alive: boolean) => {
        this.#clock.clearTimeout(handle);
        this.#pongs = this.#pongs.filter((other) => other !== answer);
        resolve(alive);
      };
      this.#pongs.push(answer);
      this.#writePing();
    });
  }

  /** To be called every few seconds. Whoever sends a byte now and then for ever is closed (slow-loris). */
  endSlowMessage(): void {
    if (this.closed || this.#begun === undefined) return;
    if (this.#clock.now() - this.#begun < this.#limits.messageTimeoutMs) return;
    this.#abandon(new Error('the message was not complete in time'));
  }

  /**
   * To be called every few seconds: keeps the way through NATs open and finds a peer that is gone. One that never
   * answered is asked once, late enough for the kernel's own probes to have told if it is gone (`streamOptions`).
   */
  keepAlive(): void {
    if (!this.#open || this.closed || this.#answers === 'no') return;
    const { keepAliveMs, keepAliveTimeoutMs } = this.#limits;
    const now = this.#clock.now();
    if (this.#asked === undefined) {
      const patience = this.#answers === 'yes' ? keepAliveMs : keepAliveMs * 2;
      if (now - this.#lastHeard < patience) return;
      this.#asked = now;
      this.#writePing();
    } else if (now - this.#asked >= keepAliveTimeoutMs) {
      if (this.#answers === 'yes') this.#abandon(new Error('no answer to a keep-alive'));
      else this.#answers = 'no';
    }
  }

  #data(bytes: Uint8Array): void {
    this.#lastHeard = this.#clock.now();
    this.#asked = undefined;
    for (const item of this.#framer.push(bytes)) {
      if (this.closed) return;
      if (!('keepAlive' in item)) {
        this.#lastUsed = this.#lastHeard;
        this.#begun = undefined;
      }
      if ('message' in item) this.#events?.message(item.message);
      else if ('error' in item) {
        this.#events?.malformed(item.error, item.partial);
        if (item.fatal) this.#finish();
      } else if (item.keepAlive === 'ping') this.#answerPing();
      else this.#pong();
    }
    if (this.#framer.inMessage) this.#begun ??= this.#lastHeard;
    else this.#begun = undefined;
  }

  #pong(): void {
    // Half of a ping of the peer's own looks the same.
    if (!this.#pongDue) return;
    this.#pongDue = false;
    this.#answers = 'yes';
    this.#framer.pongTaken();
    for (const alive of this.#pongs) alive(true);
  }

  #writePing(): void {
    this.#pongDue = true;
    // A single CRLF that nothing has followed for so long was a whole keep-alive, of peers before RFC 5626: the answer
    // to this question must not be taken for its other half.
    if (this.#clock.now() - this.#lastHeard > halfPingMs) this.#framer.pongTaken();
    this.#socket.write(ping);
  }

  #answerPing(): void {
    // Whoever asks without reading the answers is not answered for ever.
    if (this.#socket.bufferedBytes + pong.length <= this.#limits.maxBufferedBytes) this.#socket.write(pong);
    else this.#abandon(new Error('peer does not read'));
  }

  /** Framing is lost: what was answered may still leave, then it is over. */
  #finish(): void {
    this.#socket.end();
    this.#clock.clearTimeout(this.#deadline);
    this.#deadline = this.#clock.setTimeout(() => this.close(), 1_000);
  }

  #ended(error: Error): void {
    if (this.closed) return;
    this.#clock.clearTimeout(this.#deadline);
    const unsent = this.#unsent;
    this.#unsent = new Set();
    for (const alive of this.#pongs) alive(false);
    this.markClosed();
    for (const failed of unsent) failed(error);
    this.#events?.closed(error);
  }
}
