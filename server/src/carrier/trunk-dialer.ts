import {
  type Clock,
  parseExpires,
  type SipResponse,
  type SipStack,
  type UacSession,
  weightedOrder,
} from '@ringthrough/sip';
import type { TrunkConfig } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { Carrier } from './catalogue.ts';
import { TrunkLine } from './trunk-line.ts';
import { type OutboundCallOptions, trunkInvite } from './trunk-request.ts';

/** Keeps calls within the limits of their trunks; shared with whoever takes calls from them. */
export interface TrunkLoadLimiter {
  hasRoom(trunk: TrunkConfig): boolean;
  admits(trunk: TrunkConfig, session: { readonly state: string }, direction: 'outbound'): boolean;
}

export interface TrunkDialerOptions {
  carriers: readonly Carrier[];
  stack: SipStack;
  clock: Clock;
  load: TrunkLoadLimiter;
  fabric: Fabric;
  log: Logger;
  /** 0 to below 1; default: `Math.random`. */
  random?: () => number;
}

/** Why a call of ours came to nothing. */
export interface OutboundFailure {
  /**
   * `no-trunk`: no trunk of the carrier is up. `limit`: those that are carry all they may. `unavailable`: every trunk
   * that was tried failed. `refused`: the switch or the callee said no. `cancelled`: we did.
   */
  why: 'no-trunk' | 'limit' | 'unavailable' | 'refused' | 'cancelled';
  /** SIP status, ours where nobody gave one. */
  status: number;
  response?: SipResponse;
}

/** What becomes of a call: it rings, perhaps more than once; then exactly one of the others, in a later turn. */
export interface OutboundCallEvents {
  ringing?(response: SipResponse): void;
  /** The owner has the session from here on, and hangs up. */
  answered(session: UacSession): void;
  failed(failure: OutboundFailure): void;
}

/** A call of ours that is being placed. */
export interface OutboundCall {
  /** The trunk that is being tried, or was last. */
  readonly trunkId: string | undefined;
  /** Gives it up; after `answered` or `failed` it does nothing. @param options.headers of the CANCEL, or BYE */
  cancel(options?: { headers?: Array<[string, string]> }): void;
}

/** One trunk that our calls may go over, as metrics show it. */
export interface TrunkState {
  carrierId: string;
  trunkId: string;
  up: boolean;
  /** Undefined where it wants no registration. */
  registered: boolean | undefined;
  failures: number;
}

/**
 * Places the calls that the system itself makes (number proof, forwarding check): over the trunks of the number's carrier,
 * by priority and weight among those that are up, and over the next one when one does not take it. No user calls through
 * here.
 */
export class TrunkDialer {
  readonly #options: TrunkDialerOptions;
  readonly #lines: readonly TrunkLine[];
  readonly #calls = new Set<PlacedCall>();
  #closed = false;

  constructor(options: TrunkDialerOptions) {
    this.#options = options;
    const { carriers, stack, clock, fabric, log } = options;
    this.#lines = carriers.flatMap((carrier) =>
      carrier.trunks.flatMap((trunk, index) => {
        const { outbound } = trunk;
        return outbound
          ? [new TrunkLine({ carrier, trunk, index, outbound, stack, clock, fabric, log })]
          : [];
      }),
    );
  }

  /** After the stack has started: begins to ask the trunks and to register with them. */
  start(): void {
    for (const line of this.#lines) line.start();
  }

  /** Whether any trunk of the carrier is for calls of ours at all. */
  canCall(carrierId: string): boolean {
    return this.#lines.some((line) => line.carrier.id === carrierId);
  }

  states(): TrunkState[] {
    return this.#lines.map(({ carrier, id, up, registered, failures }) => ({
      carrierId: carrier.id,
      trunkId: id,
      up,
      registered,
      failures,
    }));
  }

  /** Calls somebody. Failures come by `events`, never by an exception. */
  call(options: OutboundCallOptions, events: OutboundCallEvents): OutboundCall {
    const { load, stack, random = Math.random } = this.#options;
    const up = this.#closed
      ? []
      : this.#lines.filter((line) => line.carrier.id === options.carrierId && line.up);
    const order = weightedOrder(
      up.map((line) => ({ line, priority: line.outbound.priority, weight: line.outbound.weight })),
      random,
    );
    const call = new PlacedCall({
      call: options,
      lines: order.map(({ line }) => line),
      stack,
      load,
      events,
      over: () => this.#calls.delete(call),
    });
    this.#calls.add(call);
    call.next();
    return call;
  }

  /** Gives up what is being placed, takes registrations back. Before the stack closes. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) call.cancel();
    await Promise.allSettled(this.#lines.map((line) => line.close()));
  }
}

interface PlacedCallOptions {
  call: OutboundCallOptions;
  /** In the order to try them. */
  lines: TrunkLine[];
  stack: SipStack;
  load: TrunkLoadLimiter;
  events: OutboundCallEvents;
  over(): void;
}

class PlacedCall implements OutboundCall {
  readonly #options: PlacedCallOptions;
  readonly #left: TrunkLine[];
  #session: UacSession | undefined;
  #line: TrunkLine | undefined;
  #failure: OutboundFailure = { why: 'no-trunk', status: 503 };
  #rung = false;
  #cancelled = false;
  #goodbye: { headers?: Array<[string, string]> } = {};
  #over = false;

  constructor(options: PlacedCallOptions) {
    this.#options = options;
    this.#left = [...options.lines];
  }

  get trunkId(): string | undefined {
    return this.#line?.id;
  }

  cancel(options: { headers?: Array<[string, string]> } = {}): void {
    if (this.#over || this.#cancelled) return;
    this.#cancelled = true;
    this.#goodbye = options;
    if (this.#session) this.#session.cancel(options);
    else this.#fail({ why: 'cancelled', status: 487 });
  }

  /** Tries the next trunk that is still up and has room. */
  next(): void {
    this.#session = undefined;
    for (let line = this.#left.shift(); line; line = this.#left.shift()) {
      if (!line.up) continue;
      if (!this.#options.load.hasRoom(line.trunk)) {
        if (this.#failure.why === 'no-trunk') this.#failure = { why: 'limit', status: 503 };
        continue;
      }
      this.#try(line);
      return;
    }
    this.#fail(this.#failure);
  }

  #try(line: TrunkLine): void {
    const { stack, load, call, events } = this.#options;
    const { carrier, trunk, outbound, credentials } = line;
    this.#line = line;
    const { country, cNumber } = carrier;
    const session = stack.invite({
      request: trunkInvite(call, { country, cNumber, trunk, outbound }),
      target: { uri: outbound.uri },
      answerWithinMs: outbound.answerSeconds * 1000,
      ...(credentials ? { credentials } : {}),
    });
    load.admits(trunk, session, 'outbound');
    this.#session = session;
    session.on('provisional', (response) => {
      this.#rung = true;
      line.note({ type: 'call-answered' });
      if (!this.#cancelled) events.ringing?.(response);
    });
    session.on('accepted', () => this.#accepted(line, session));
    session.on('rejected', (response) => this.#rejected(line, response));
  }

  #accepted(line: TrunkLine, session: UacSession): void {
    line.note({ type: 'call-answered' });
    if (this.#cancelled) {
      session.bye(this.#goodbye);
      this.#fail({ why: 'cancelled', status: 487 });
      return;
    }
    this.#end();
    this.#options.events.answered(session);
  }

  #rejected(line: TrunkLine, response: SipResponse): void {
    const { status } = response;
    const failed = !this.#rung && (status === 503 || status === 408);
    if (this.#cancelled) {
      this.#fail({ why: 'cancelled', status: 487 });
      return;
    }
    if (!failed) {
      line.note({ type: 'call-answered' });
      this.#fail({ why: 'refused', status, response });
      return;
    }
    line.note({ type: 'call-failed', retryAfterMs: retryAfterMs(response) });
    this.#failure = { why: 'unavailable', status, response };
    this.next();
  }

  #fail(failure: OutboundFailure): void {
    if (this.#over) return;
    this.#end();
    // Never before the caller of `call` has it in its hands.
    queueMicrotask(() => this.#options.events.failed(failure));
  }

  #end(): void {
    this.#over = true;
    this.#options.over();
  }
}

function retryAfterMs({ headers }: SipResponse): number | undefined {
  const seconds = parseExpires(/^\s*(\d+)/.exec(headers.get('Retry-After') ?? '')?.[1] ?? '');
  return seconds === undefined ? undefined : Math.min(seconds, 3_600) * 1_000;
}
