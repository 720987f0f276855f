import {
  type Clock,
  type Credentials,
  parseUri,
  type Registration,
  register,
  SipRequest,
  type SipResponse,
  type SipStack,
} from '@ringthrough/sip';
import { type OutboundTrunkConfig, type TrunkConfig, trunkIdAt } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { Carrier } from './catalogue.ts';
import { type HealthInput, TrunkHealth } from './trunk-health.ts';

export interface TrunkLineOptions {
  carrier: Carrier;
  trunk: TrunkConfig;
  /** Its place in the list of the carrier, from 0. */
  index: number;
  outbound: OutboundTrunkConfig;
  stack: SipStack;
  clock: Clock;
  fabric: Fabric;
  log: Logger;
}

/** Whoever stops the server does not wait longer for a registrar that is gone. */
const goodbyeMs = 2_000;

/** A trunk that calls of ours go over: whether it is up, by OPTIONS, registration and what calls find. */
export class TrunkLine {
  readonly carrier: Carrier;
  readonly trunk: TrunkConfig;
  readonly outbound: OutboundTrunkConfig;
  readonly id: string;
  /** Calls that it did not take: no answer, 503, no way to it. */
  failures = 0;
  readonly #options: TrunkLineOptions;
  readonly #health: TrunkHealth;
  #registration: Registration | undefined;
  #registered = false;
  #timer: unknown;
  #closed = false;

  constructor(options: TrunkLineOptions) {
    this.#options = options;
    const { carrier, trunk, index, outbound } = options;
    this.carrier = carrier;
    this.trunk = trunk;
    this.outbound = outbound;
    this.id = trunkIdAt(trunk, index);
    const { upAfter, downAfter, downSeconds, optionsSeconds } = outbound;
    this.#health = new TrunkHealth({
      upAfter,
      downAfter,
      downMs: downSeconds * 1000,
      asked: optionsSeconds > 0,
    });
  }

  /** Begins to ask and to register. */
  start(): void {
    const { optionsSeconds } = this.outbound;
    // Spread over the first second: a hundred trunks are not asked in one burst.
    if (optionsSeconds > 0) this.#askIn(Math.min(1_000, optionsSeconds * 1000) * Math.random());
    this.#register();
  }

  /** Whether it takes calls, as far as we know. */
  get up(): boolean {
    const { clock } = this.#options;
    return !this.#closed && this.registered !== false && this.#health.isUp(clock.now());
  }

  /** Undefined where it wants no registration. */
  get registered(): boolean | undefined {
    return this.outbound.register && this.#registered;
  }

  get credentials(): Credentials | undefined {
    const { username, password } = this.outbound;
    return username === undefined || password === undefined ? undefined : { username, password };
  }

  /** What a call over it has found. */
  note(input: HealthInput): void {
    if (input.type === 'call-failed') this.failures += 1;
    const change = this.#health.input(input, this.#options.clock.now());
    if (change !== undefined) this.#tell(change, input.type);
  }

  /** Stops; takes its registration back, if the registrar answers soon. */
  async close(): Promise<void> {
    const { clock } = this.#options;
    this.#closed = true;
    clock.clearTimeout(this.#timer);
    const registration = this.#registration;
    if (!registration) return;
    await new Promise<void>((resolve) => {
      const limit = clock.setTimeout(resolve, goodbyeMs);
      const done = () => {
        clock.clearTimeout(limit);
        resolve();
      };
      registration.stop().then(done, done);
    });
  }

  #tell(change: 'up' | 'down', why: string): void {
    const { log, fabric, carrier } = this.#options;
    const details = { carrierId: carrier.id, trunk: this.id, why };
    if (change === 'down') log.warn(details, 'trunk is down');
    else log.info(details, 'trunk is up');
    fabric.publish('trunk.changed', { carrierId: carrier.id, trunkId: this.id, up: change === 'up' });
  }

  #askIn(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.#ask(), delayMs);
  }

  /** RFC 3261 section 11: any answer but 503 and 408 says that somebody is there. */
  async #ask(): Promise<void> {
    const { clock } = this.#options;
    const answered = await new Promise<boolean>((resolve) => {
      const timer = clock.setTimeout(() => resolve(false), this.outbound.answerSeconds * 1000);
      this.#sendOptions().then(
        ({ status }) => {
          clock.clearTimeout(timer);
          resolve(status !== 503 && status !== 408);
        },
        () => resolve(false),
      );
    });
    if (this.#closed) return;
    this.note({ type: answered ? 'answered' : 'unanswered' });
    this.#askIn(this.outbound.optionsSeconds * 1000);
  }

  #sendOptions(): Promise<SipResponse> {
    const { uri } = this.outbound;
    const { scheme = 'sip', host = '' } = parseUri(uri) ?? {};
    const request = new SipRequest('OPTIONS', `${scheme}:${host.includes(':') ? `[${host}]` : host}`);
    const { credentials } = this;
    return this.#options.stack.request(request, { uri }, credentials ? { credentials } : {});
  }

  #register(): void {
    const { register: wanted, uri } = this.outbound;
    const { credentials } = this;
    if (!wanted || !credentials) return;
    const { stack, clock } = this.#options;
    this.#registration = register({
      stack,
      clock,
      credentials,
      address: wanted.address,
      target: { uri },
      expiresSeconds: wanted.expiresSeconds,
      registered: () => this.#setRegistered(true),
      failed: () => this.#setRegistered(false),
    });
  }

  #setRegistered(registered: boolean): void {
    if (this.#registered === registered) return;
    this.#registered = registered;
    this.#tell(registered ? 'up' : 'down', 'registration');
  }
}
