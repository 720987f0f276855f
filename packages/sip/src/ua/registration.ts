import { parseContact, parseContacts, parseExpires, SipRequest, type SipResponse } from '../message/index.ts';
import { newCallId, newTag } from '../transaction/ids.ts';
import { systemClock } from '../transport/clock.ts';
import type { Clock, Target } from '../transport/types.ts';
import { allowedMethods } from './context.ts';
import type { SipStack } from './sip-stack.ts';
import type { Credentials } from './types.ts';

export interface RegisterOptions {
  stack: SipStack;
  /** The address-of-record, `sip:user@domain`. */
  address: string;
  /** Where the registrar is. */
  target: Target;
  credentials?: Credentials;
  /** Contact URI; by default what the stack shows on the way to the target, with the user of `address`. */
  contact?: string;
  /** Asked lifetime in seconds; default 3600. */
  expiresSeconds?: number;
  /** More headers for each REGISTER. */
  headers?: Array<[string, string]>;
  /** Default: the system's. Give the stack's own clock in tests. */
  clock?: Clock;
  /** After each success. */
  registered?: (response: SipResponse) => void;
  /** After each failure; it is tried again, later and later (RFC 5626 section 4.5), until `stop()`. */
  failed?: (response: SipResponse) => void;
}

/** A registration that keeps itself alive, RFC 3261 section 10.2. */
export interface Registration {
  readonly state: 'registering' | 'registered' | 'failed' | 'stopped';
  /** Removes the binding and stops; resolves with the registrar's answer. Idempotent. */
  stop(): Promise<SipResponse | undefined>;
}

/** Registers an address and refreshes it before it expires. */
export function register(options: RegisterOptions): Registration {
  const registration = new SelfRefreshingRegistration(options);
  registration.start();
  return registration;
}

const firstRetryMs = 2_000;
const lastRetryMs = 120_000;

class SelfRefreshingRegistration implements Registration {
  readonly #options: RegisterOptions;
  readonly #clock: Clock;
  readonly #callId = newCallId();
  readonly #from: string;
  #state: Registration['state'] = 'registering';
  #sequence = 0;
  #expiresSeconds: number;
  /** The Contact that the stack shows on the way to the registrar. */
  #shown: string | undefined;
  #retryMs = firstRetryMs;
  #timer: unknown;
  #current: Promise<unknown> = Promise.resolve();

  constructor(options: RegisterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#from = `<${options.address}>;tag=${newTag()}`;
    this.#expiresSeconds = options.expiresSeconds ?? 3_600;
  }

  get state(): Registration['state'] {
    return this.#state;
  }

  start(): void {
    this.#current = this.#register().catch(() => this.#again(this.#retryDelay()));
  }

  async stop(): Promise<SipResponse | undefined> {
    if (this.#state === 'stopped') return undefined;
    this.#state = 'stopped';
    this.#clock.clearTimeout(this.#timer);
    // Section 10.2: no new registration before the last one was answered.
    await this.#current;
    return this.#send(0);
  }

  async #register(): Promise<void> {
    const response = await this.#send(this.#expiresSeconds);
    if (this.#state === 'stopped') return;
    if (response.status >= 200 && response.status < 300) {
      this.#state = 'registered';
      this.#retryMs = firstRetryMs;
      this.#again(refreshDelay(this.#granted(response)));
      this.#options.registered?.(response);
      return;
    }
    const least = parseExpires(response.headers.get('Min-Expires') ?? '');
    if (response.status === 423 && least !== undefined && least > this.#expiresSeconds) {
      // Section 10.2.8: too short for this registrar.
      this.#expiresSeconds = least;
      return this.#register();
    }
    this.#state = 'failed';
    const asked = parseExpires(response.headers.get('Retry-After') ?? '');
    this.#again(asked === undefined ? this.#retryDelay() : asked * 1_000);
    this.#options.failed?.(response);
  }

  #again(delayMs: number): void {
    if (this.#state === 'stopped') return;
    this.#timer = this.#clock.setTimeout(() => this.start(), delayMs);
  }

  #retryDelay(): number {
    const delay = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs);
    return delay;
  }

  async #send(expires: number): Promise<SipResponse> {
    const { address, stack, target, credentials, headers } = this.#options;
    const request = new SipRequest('REGISTER', registrarUri(address));
    request.headers.add('From', this.#from);
    request.headers.add('To', `<${address}>`);
    request.headers.add('Call-ID', this.#callId);
    request.headers.add('CSeq', `${++this.#sequence} REGISTER`);
    this.#shown ??= await this.#options.stack.findContact(target).catch(() => undefined);
    request.headers.add('Contact', this.#contact());
    request.headers.add('Expires', String(expires));
    // A registrar that gives strangers no larger answer than their request needs some room for its challenge.
    request.headers.add('Allow', allowedMethods);
    for (const [name, value] of headers ?? []) request.headers.add(name, value);
    // A challenge makes a second request, with the next number.
    if (credentials) this.#sequence++;
    return stack.request(request, target, credentials ? { credentials } : {});
  }

  #contact(): string {
    const { contact, address } = this.#options;
    if (contact !== undefined) return `<${contact}>`;
    const shown = this.#shown ?? `<${address}>`;
    const user = /^sips?:([^@]+)@/i.exec(address)?.[1];
    return user === undefined ? shown : shown.replace(/^<sip:(?:[^@>]*@)?/, `<sip:${user}@`);
  }

  /** What the registrar granted our Contact, section 10.2.4. */
  #granted(response: SipResponse): number {
    const contacts = parseContacts(response.headers);
    const own = parseContact(this.#contact());
    const uri = own === undefined || own === '*' ? undefined : own.uri;
    const listed = Array.isArray(contacts)
      ? contacts.find((contact) => contact.uri === uri)?.expires
      : undefined;
    return listed ?? parseExpires(response.headers.get('Expires') ?? '') ?? this.#expiresSeconds;
  }
}

/** Some time before the end: enough for retransmissions, and not all devices at once. */
function refreshDelay(seconds: number): number {
  return Math.max(1, seconds * (0.7 + Math.random() * 0.15)) * 1_000;
}

function registrarUri(address: string): string {
  return address.replace(/^(sips?:)[^@]*@/i, '$1');
}
