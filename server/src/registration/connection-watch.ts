import type { Clock, Flow } from '@ringthrough/sip';
import { trueWithin } from './liveness.ts';

export interface ConnectionWatchOptions {
  clock: Clock;
  /** How often each connection is asked whether it lives. */
  intervalMs: number;
  /** Asks the device itself, by OPTIONS over the connection. Absent: telephones are not asked at all. */
  device?: { ask: (flow: Flow) => Promise<boolean>; patienceMs: number } | undefined;
  /** The connection has closed, by whomever. Not called after `close`. */
  closed: (flow: Flow) => void;
}

/** Watches the connections that devices have registered over: for their end, and for silence. */
export class ConnectionWatch {
  readonly #options: ConnectionWatchOptions;
  /** By id. */
  readonly #watched = new Map<string, { flow: Flow; stop: () => void }>();
  /** Connections with a question open. */
  readonly #asked = new Set<Flow>();
  /** Connections whose devices have answered a CRLF. */
  readonly #answering = new WeakSet<Flow>();
  #timer: unknown;
  #closed = false;

  constructor(options: ConnectionWatchOptions) {
    this.#options = options;
  }

  /** Begins to ask. */
  start(): void {
    const { clock, intervalMs } = this.#options;
    this.#timer = clock.setTimeout(() => {
      for (const { flow } of this.#watched.values()) void this.#ping(flow);
      this.start();
    }, intervalMs);
  }

  /** Until it closes; more than once is as good as once. */
  watch(flow: Flow): void {
    if (this.#closed || this.#watched.has(flow.id)) return;
    const ended = () => {
      this.#watched.delete(flow.id);
      this.#options.closed(flow);
    };
    this.#watched.set(flow.id, { flow, stop: flow.onClose(ended) });
  }

  close(): void {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
  }

  /** A half-open connection is found by silence: nobody else will tell. */
  async #ping(flow: Flow): Promise<void> {
    if (this.#asked.has(flow)) return;
    this.#asked.add(flow);
    const alive = await this.#lives(flow).finally(() => this.#asked.delete(flow));
    if (!alive && !this.#closed) flow.close();
  }

  /** A device need not answer our CRLF: in RFC 5626 section 3.5.1 the pings are its own. OPTIONS it must answer. */
  async #lives(flow: Flow): Promise<boolean> {
    const { device, clock, intervalMs } = this.#options;
    if (device === undefined && flow.protocol !== 'ws') return true;
    if (await flow.ping?.(intervalMs / 2)) {
      this.#answering.add(flow);
      return true;
    }
    // A page that has answered before is frozen now; of one that never did nothing can be said without OPTIONS.
    if (device === undefined) return !this.#answering.has(flow);
    return trueWithin(clock, device.patienceMs, device.ask(flow));
  }
}
