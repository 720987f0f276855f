import type { FastifyReply } from 'fastify';
import type { Lab } from '../lab.ts';
import type { SmsRecord } from '../model/sms-centre.ts';
import type { CallView, CarrierView, HandsetView } from '../views.ts';

/** What `event: state` carries: everything the page shows but the ladders. */
export interface Snapshot {
  carriers: CarrierView[];
  handsets: HandsetView[];
  calls: CallView[];
  /** Newest first. */
  sms: readonly SmsRecord[];
}

/** Changes of one moment make one event. */
const coalesceMs = 30;
/** A comment now and then, so that a vanished reader is noticed and proxies keep the stream open. */
const heartbeatMs = 15_000;
const maxBufferedBytes = 1 << 20;

/** Server-sent events of the lab, for every open page. */
export class EventStream {
  readonly #lab: Lab;
  readonly #replies = new Set<FastifyReply>();
  readonly #stopListening: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  #pending: NodeJS.Timeout | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#stopListening = lab.on((event) => {
      if (event.type === 'ladder') this.#send('ladder', event.entry);
      else this.#pending ??= setTimeout(() => this.#sendState(), coalesceMs);
    });
    this.#heartbeat = setInterval(() => {
      for (const reply of this.#replies) this.#write(reply, ': still here\n\n');
    }, heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Takes a request over: state at once, then `state` and `ladder` events until the reader goes. */
  add(reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    this.#replies.add(reply);
    reply.raw.on('close', () => this.#replies.delete(reply));
    reply.raw.write(encode('state', this.#snapshot()));
  }

  close(): void {
    this.#stopListening();
    clearInterval(this.#heartbeat);
    clearTimeout(this.#pending);
    for (const reply of this.#replies) reply.raw.end();
  }

  /** For a page that does not keep up the stream ends; it connects again and gets the present state. */
  #write({ raw }: FastifyReply, text: string): void {
    if (raw.writableEnded) return;
    if (raw.writableLength > maxBufferedBytes) raw.end();
    else raw.write(text);
  }

  #sendState(): void {
    this.#pending = undefined;
    this.#send('state', this.#snapshot());
  }

  #snapshot(): Snapshot {
    const lab = this.#lab;
    return { carriers: lab.carriers(), handsets: lab.handsets(), calls: lab.calls(), sms: lab.sms() };
  }

  #send(event: string, data: unknown): void {
    const text = encode(event, data);
    for (const reply of this.#replies) this.#write(reply, text);
  }
}

const encode = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
