import type { Duplex } from 'node:stream';
import { FrameReader } from '../pdu/frame-reader.ts';
import { decodePdu, encodePdu, isCommand, maxPduLength, type Pdu, type PduFields } from '../pdu/pdu.ts';
import { status } from '../pdu/status.ts';

/** A request has no answer: the connection ended, the answer did not come in time, or nobody wants it any more. */
export class SmppLinkError extends Error {
  readonly code: 'closed' | 'timeout' | 'aborted';

  constructor(code: SmppLinkError['code'], message: string) {
    super(message);
    this.name = 'SmppLinkError';
    this.code = code;
  }
}

/** What a request of the peer is answered with; parameters only with status 0. */
export interface Answer {
  status: number;
  fields?: PduFields;
}

export interface SmppSessionOptions {
  /** Connected. */
  socket: Duplex;
  /** For an answer to a request of ours. */
  answerMs: number;
  /** Silence after which the peer is asked whether it lives; without an answer the session ends. */
  enquireLinkMs: number;
  /** Requests of `submit` that may be without an answer at once; further ones wait. */
  window: number;
  /** Requests of the peer in work at once; beyond, nothing is read. */
  maxIncoming: number;
  /**
   * deliver_sm, data_sm and the like; enquire_link and unbind are answered here. A rejection is a system error. What is
   * malformed comes here, too: without a refusal for good the peer would send it again for ever.
   */
  onRequest: (pdu: Pdu) => Promise<Answer>;
}

interface Waiting {
  resolve: (pdu: Pdu) => void;
  reject: (error: SmppLinkError) => void;
}

const lastSequence = 0x7fff_ffff;
/** A peer that takes no answers may have so many octets waiting for it; then nothing of it is read. */
const maxUnsent = 64 * maxPduLength;

/**
 * One connection between two SMPP entities: requests with their answers, in both directions. Either side may use it;
 * binding is the owner's. It ends once, for whatever reason, and never throws out of the socket.
 */
export class SmppSession {
  /** Resolves with the reason when the session has ended. */
  readonly ended: Promise<string>;
  readonly #options: SmppSessionOptions;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  readonly #queue: Array<() => void> = [];
  readonly #end: (why: string) => void;
  #why: string | undefined;
  #sequence = 0;
  #inWindow = 0;
  #incoming = 0;
  #heardAt = Date.now();
  #enquiry: NodeJS.Timeout | undefined;

  constructor(options: SmppSessionOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#end = resolve;
    const { socket } = options;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => this.destroy(error.code ?? error.message));
    socket.on('end', () => this.destroy('the peer closed the connection'));
    socket.on('close', () => this.destroy('the connection closed'));
    socket.on('drain', () => this.#readOn());
    this.#armEnquiry(options.enquireLinkMs);
  }

  get isOpen(): boolean {
    return this.#why === undefined;
  }

  /**
   * Sends a request at once and waits for its answer, whatever status that has.
   * @throws SmppLinkError as rejection
   */
  request(command: string, fields: PduFields = {}, signal?: AbortSignal): Promise<Pdu> {
    if (this.#why !== undefined) return Promise.reject(new SmppLinkError('closed', this.#why));
    if (signal?.aborted) return Promise.reject(new SmppLinkError('aborted', 'nobody waits for it'));
    const sequence = this.#nextSequence();
    const octets = encodePdu({ command, sequence, fields });
    const { promise, resolve, reject } = Promise.withResolvers<Pdu>();
    const fail = (code: SmppLinkError['code'], why: string) => reject(new SmppLinkError(code, why));
    const timer = setTimeout(() => fail('timeout', `no answer to ${command}`), this.#options.answerMs);
    const onAbort = () => fail('aborted', 'nobody waits for it');
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(sequence, { resolve, reject });
    this.#options.socket.write(octets);
    return promise.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#waiting.delete(sequence);
    });
  }

  /** A request that takes a place in the window; waits for one. @throws SmppLinkError as rejection */
  async submit(command: string, fields: PduFields, signal?: AbortSignal): Promise<Pdu> {
    await this.#enterWindow();
    try {
      return await this.request(command, fields, signal);
    } finally {
      this.#inWindow -= 1;
      this.#queue.shift()?.();
    }
  }

  /** Says goodbye (unbind), then closes. Idempotent. */
  async close(): Promise<void> {
    if (this.isOpen) await this.request('unbind').catch(() => {});
    this.destroy('unbound');
  }

  /** Ends the session at once; everything without an answer fails. Idempotent. */
  destroy(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    clearTimeout(this.#enquiry);
    this.#options.socket.destroy();
    for (const { reject } of [...this.#waiting.values()]) reject(new SmppLinkError('closed', why));
    for (const enter of this.#queue.splice(0)) enter();
    this.#end(why);
  }

  #enterWindow(): Promise<void> {
    if (this.#inWindow < this.#options.window) {
      this.#inWindow += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#queue.push(() => {
        this.#inWindow += 1;
        resolve();
      });
    });
  }

  #nextSequence(): number {
    do this.#sequence = this.#sequence === lastSequence ? 1 : this.#sequence + 1;
    while (this.#waiting.has(this.#sequence));
    return this.#sequence;
  }

  #read(chunk: Buffer): void {
    this.#heardAt = Date.now();
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(decodePdu(frame));
    } catch (error) {
      this.destroy(`what came is no SMPP: ${(error as Error).message}`);
    }
  }

  #take(pdu: Pdu): void {
    if (this.#why !== undefined) return;
    // A generic_nack answers the request whose sequence number it has (SMPP 3.4 section 4.3).
    if (pdu.isResponse) {
      this.#waiting.get(pdu.sequence)?.resolve(pdu);
      return;
    }
    switch (pdu.command) {
      case 'enquire_link':
        this.#answer(pdu, { status: status.ok });
        return;
      case 'unbind':
        this.#answer(pdu, { status: status.ok });
        this.destroy('the peer unbound');
        return;
      case 'alert_notification':
        return;
      default:
        void this.#serve(pdu);
    }
  }

  async #serve(pdu: Pdu): Promise<void> {
    const { onRequest } = this.#options;
    this.#incoming += 1;
    if (this.#isFull) this.#options.socket.pause();
    const answer = await onRequest(pdu).catch((): Answer => ({ status: status.systemError }));
    this.#incoming -= 1;
    if (this.#why !== undefined) return;
    this.#answer(pdu, answer);
    this.#readOn();
  }

  /** What has no answer of its own, such as outbind, is none of what we take (SMPP 3.4 section 4.3). */
  #answer({ command, sequence }: Pdu, { status: code, fields = {} }: Answer): void {
    const { socket } = this.#options;
    const own = `${command}_resp`;
    const answer = isCommand(own) ? own : 'generic_nack';
    socket.write(encodePdu({ command: answer, sequence, status: code, fields }));
    if (this.#isFull) socket.pause();
  }

  /** As many requests in work, or answers that the peer does not take, as there may be. */
  get #isFull(): boolean {
    const { socket, maxIncoming } = this.#options;
    return this.#incoming >= maxIncoming || socket.writableLength >= maxUnsent;
  }

  #readOn(): void {
    if (this.#why === undefined && !this.#isFull) this.#options.socket.resume();
  }

  #armEnquiry(delayMs: number): void {
    this.#enquiry = setTimeout(() => void this.#enquire(), delayMs);
  }

  async #enquire(): Promise<void> {
    const { enquireLinkMs } = this.#options;
    const silentMs = Date.now() - this.#heardAt;
    if (silentMs >= enquireLinkMs) {
      const answered = await this.request('enquire_link').then(
        () => true,
        () => false,
      );
      if (!answered) this.destroy('no answer to enquire_link');
    }
    if (this.#why !== undefined) return;
    this.#armEnquiry(Math.max(enquireLinkMs - (Date.now() - this.#heardAt), 1));
  }
}
