import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Pdu } from '../pdu/pdu.ts';
import { status, statusName } from '../pdu/status.ts';
import { type Answer, SmppLinkError, SmppSession } from './session.ts';

/** Which way messages go over a connection (SMPP 3.4 section 2.2). */
export type BindMode = 'transceiver' | 'transmitter' | 'receiver';

/** Times in milliseconds. */
export interface SmppClientOptions {
  host: string;
  port: number;
  /** SMPP over TLS; the certificate is always verified. Asked for at every connection, so that files may change. */
  tls?: () => ConnectionOptions;
  mode: BindMode;
  systemId: string;
  password: string;
  systemType: string;
  addressRange: string;
  answerMs: number;
  enquireLinkMs: number;
  window: number;
  firstReconnectMs: number;
  maxReconnectMs: number;
  /** deliver_sm and data_sm. `link` is another one for each connection. */
  onRequest: (pdu: Pdu, link: string) => Promise<Answer>;
  /** Called after each change. */
  onState?: (state: SmppLinkState) => void;
  /** 0 to 1, for the jitter. */
  random?: () => number;
}

/** `refused`: the SMS centre is there and does not let us in. */
export type SmppLinkState =
  | { state: 'up' }
  | { state: 'down'; why: string; refused: boolean; retryInMs: number };

/** Requests of the SMS centre in work at once: each waits for the disk. */
const maxIncoming = 64;

/** Keeps one bound connection to an SMS centre: binds, watches it, and comes back with growing pauses. */
export class SmppClient {
  readonly #options: SmppClientOptions;
  #session: SmppSession | undefined;
  #bound: SmppSession | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;

  constructor(options: SmppClientOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#connect();
  }

  /** The bound session, while there is one. */
  get session(): SmppSession | undefined {
    return this.#bound?.isOpen ? this.#bound : undefined;
  }

  /** Unbinds. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const bound = this.#bound;
    this.#bound = undefined;
    if (bound) await bound.close();
    this.#session?.destroy('closed');
  }

  async #connect(): Promise<void> {
    const boundAt = Date.now();
    let end: { why: string; refused: boolean };
    try {
      end = await this.#live();
    } catch (error) {
      end = { why: reasonOf(error), refused: error instanceof BindRefused };
    }
    this.#bound = undefined;
    if (this.#closed) return;
    // A connection that held for a while starts the pauses anew.
    if (Date.now() - boundAt > this.#options.maxReconnectMs) this.#failures = 0;
    const retryInMs = this.#pause();
    this.#timer = setTimeout(() => void this.#connect(), retryInMs);
    this.#options.onState?.({ state: 'down', ...end, retryInMs });
  }

  /** One connection from its beginning to its end. */
  async #live(): Promise<{ why: string; refused: boolean }> {
    const session = await this.#open();
    this.#session = session;
    try {
      await this.#bind(session);
    } catch (error) {
      session.destroy('not bound');
      throw error;
    }
    if (this.#closed) await session.close();
    else {
      this.#bound = session;
      this.#options.onState?.({ state: 'up' });
    }
    return { why: await session.ended, refused: false };
  }

  async #open(): Promise<SmppSession> {
    const { answerMs, enquireLinkMs, window, onRequest } = this.#options;
    const socket = await this.#dial();
    const link = randomUUID();
    return new SmppSession({
      socket,
      answerMs,
      enquireLinkMs,
      window,
      maxIncoming,
      onRequest: (pdu) => onRequest(pdu, link),
    });
  }

  #dial(): Promise<Socket> {
    const { host, port, tls, answerMs } = this.#options;
    const socket = tls ? connectTls({ ...tls(), host, port }) : connect({ host, port });
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    const timer = setTimeout(() => reject(new Error('no connection in time')), answerMs);
    socket.once(tls ? 'secureConnect' : 'connect', () => resolve(socket));
    socket.once('error', reject);
    // A connection that is closed while it is made says nothing else.
    socket.once('close', () => reject(new Error('the connection closed')));
    socket.setNoDelay(true);
    return promise.then(
      (connected) => {
        clearTimeout(timer);
        connected.off('error', reject);
        return connected;
      },
      (error: unknown) => {
        clearTimeout(timer);
        socket.destroy();
        throw error;
      },
    );
  }

  async #bind(session: SmppSession): Promise<void> {
    const { mode, systemId, password, systemType, addressRange } = this.#options;
    const answer = await session.request(`bind_${mode}`, {
      system_id: systemId,
      password,
      system_type: systemType,
      // SMPP 3.4.
      interface_version: 0x34,
      address_range: addressRange,
    });
    if (answer.status !== status.ok) throw new BindRefused(statusName(answer.status));
  }

  /** Exponential, with a quarter less or more, so that all do not come back at once. */
  #pause(): number {
    const { firstReconnectMs, maxReconnectMs, random = Math.random } = this.#options;
    const pause = Math.min(firstReconnectMs * 2 ** this.#failures, maxReconnectMs);
    this.#failures = Math.min(this.#failures + 1, 30);
    return Math.round(pause * (0.75 + random() / 2));
  }
}

class BindRefused extends Error {}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof BindRefused) return `bind refused: ${message}`;
  return error instanceof SmppLinkError ? message : (code ?? message);
}
