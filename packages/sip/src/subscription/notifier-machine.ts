import type { SubscriptionState, TerminationReason } from './subscription-headers.ts';

/** Why a NOTIFY is sent: a SUBSCRIBE wants the whole state, a change what is new, an end the last word. */
export type NotifyCause = 'subscribe' | 'change' | 'end';

export type NotifierTimer = 'expiry' | 'pace' | 'retry';

export interface NotifierLimits {
  /** Asked for less, SUBSCRIBE gets 423. */
  minExpiresSeconds: number;
  /** Asked for more, it gets this. */
  maxExpiresSeconds: number;
  /** Where SUBSCRIBE does not say; the event package knows (RFC 6665 section 5.4.4). */
  defaultExpiresSeconds: number;
  /** From one NOTIFY to the next that only tells of a change (section 5.4.10). */
  minIntervalMs: number;
}

export type NotifierInput =
  /** A SUBSCRIBE that was authorised: the first one, a refresh, or the end of it (0 seconds). */
  | { type: 'subscribe'; expiresSeconds: number | undefined }
  /** The resource has another state now. */
  | { type: 'changed' }
  /** The last NOTIFY got its final response; 408 and 503 where none came. */
  | { type: 'notified'; status: number; retryAfterSeconds?: number | undefined }
  /** There was nothing new to tell: the NOTIFY for a change was not sent. */
  | { type: 'unchanged' }
  | { type: 'timer'; timer: NotifierTimer }
  | { type: 'terminate'; reason: TerminationReason; retryAfterSeconds?: number | undefined }
  /** The connection of the subscriber is gone, and nothing leads there. */
  | { type: 'lost' };

/** How a subscription ended. `refused`: the subscriber did not take a NOTIFY. */
export type SubscriptionEnd = 'expired' | 'unsubscribed' | 'refused' | 'lost' | 'terminated';

/** What the driver has to do, in this order. `at` is in the time of the `now` that was given. */
export type NotifierOutput =
  | { type: 'respond'; status: 200; expiresSeconds: number }
  | { type: 'respond'; status: 423; minExpiresSeconds: number }
  | { type: 'notify'; cause: NotifyCause; state: SubscriptionState }
  | { type: 'arm'; timer: NotifierTimer; at: number }
  | { type: 'cancel'; timer: NotifierTimer }
  | { type: 'ended'; how: SubscriptionEnd };

/** Whoever refuses and says "at once" must not keep us busy. */
const shortestRetrySeconds = 1;

/**
 * One subscription as its notifier has it, RFC 6665 section 4.2. Without I/O and clock: each input returns the outputs
 * that the driver carries out; after the end it returns nothing.
 *
 * One NOTIFY is under way at a time, for a second one could overtake it; what comes in between is told with the next.
 */
export class NotifierMachine {
  readonly #limits: NotifierLimits;
  #state: 'init' | 'active' | 'terminated' = 'init';
  #expiresAt = 0;
  #inFlight = false;
  #waiting: 'subscribe' | 'change' | undefined;
  /** When the last NOTIFY was sent, and the one before: one that had nothing to say does not count. */
  #notifiedAt = Number.NEGATIVE_INFINITY;
  #notifiedBefore = Number.NEGATIVE_INFINITY;
  readonly #armed = new Set<NotifierTimer>();
  #outputs: NotifierOutput[] = [];

  constructor(limits: NotifierLimits) {
    this.#limits = limits;
  }

  get state(): 'init' | 'active' | 'terminated' {
    return this.#state;
  }

  /** Takes one input at time `now` (ms) and returns what is to be done. */
  handle(input: NotifierInput, now: number): NotifierOutput[] {
    if (this.#state !== 'terminated') this.#step(input, now);
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #step(input: NotifierInput, now: number): void {
    switch (input.type) {
      case 'subscribe':
        this.#subscribe(input.expiresSeconds ?? this.#limits.defaultExpiresSeconds, now);
        return;
      case 'changed':
        if (this.#armed.has('retry')) return;
        this.#tell('change', now);
        return;
      case 'unchanged':
        this.#inFlight = false;
        this.#notifiedAt = this.#notifiedBefore;
        this.#tellWaiting(now);
        return;
      case 'notified':
        this.#notified(input.status, input.retryAfterSeconds, now);
        return;
      case 'timer':
        this.#fired(input.timer, now);
        return;
      case 'terminate':
        this.#terminate('terminated', { reason: input.reason, retryAfter: input.retryAfterSeconds });
        return;
      case 'lost':
        this.#end('lost');
        return;
    }
  }

  /** Sections 4.2.1.1 and 4.2.1.4. */
  #subscribe(askedSeconds: number, now: number): void {
    const { minExpiresSeconds, maxExpiresSeconds } = this.#limits;
    if (askedSeconds > 0 && askedSeconds < minExpiresSeconds) {
      this.#outputs.push({ type: 'respond', status: 423, minExpiresSeconds });
      return;
    }
    const first = this.#state === 'init';
    const expiresSeconds = Math.min(askedSeconds, maxExpiresSeconds);
    this.#outputs.push({ type: 'respond', status: 200, expiresSeconds });
    this.#state = 'active';
    if (expiresSeconds === 0) {
      // Section 4.4.3: the state is fetched once, or told a last time.
      this.#terminate('unsubscribed', { reason: 'timeout' }, first ? 'subscribe' : 'end');
      return;
    }
    this.#expiresAt = now + expiresSeconds * 1000;
    this.#arm('expiry', this.#expiresAt);
    this.#cancel('retry');
    this.#tell('subscribe', now);
  }

  #tell(cause: 'subscribe' | 'change', now: number): void {
    if (this.#inFlight) {
      if (this.#waiting !== 'subscribe') this.#waiting = cause;
      return;
    }
    const mayAt = this.#notifiedAt + this.#limits.minIntervalMs;
    // Section 4.2.1.2: what answers a SUBSCRIBE is sent at once.
    if (cause === 'change' && now < mayAt) {
      if (!this.#armed.has('pace')) this.#arm('pace', mayAt);
      return;
    }
    this.#cancel('pace');
    this.#waiting = undefined;
    this.#inFlight = true;
    this.#notifiedBefore = this.#notifiedAt;
    this.#notifiedAt = now;
    const expires = Math.max(0, Math.ceil((this.#expiresAt - now) / 1000));
    this.#outputs.push({ type: 'notify', cause, state: { state: 'active', expires } });
  }

  #tellWaiting(now: number): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#tell(waiting, now);
  }

  /** Section 4.2.2: what fails without a word when to try again ends the subscription. */
  #notified(status: number, retryAfterSeconds: number | undefined, now: number): void {
    this.#inFlight = false;
    if (status >= 200 && status < 300) {
      this.#tellWaiting(now);
    } else if (retryAfterSeconds === undefined || status === 481) {
      this.#end('refused');
    } else if (this.#waiting === 'subscribe') {
      // The subscriber has asked again meanwhile.
      this.#tellWaiting(now);
    } else {
      this.#arm('retry', now + Math.max(retryAfterSeconds, shortestRetrySeconds) * 1000);
    }
  }

  #fired(timer: NotifierTimer, now: number): void {
    if (!this.#armed.delete(timer)) return;
    if (timer === 'expiry') this.#terminate('expired', { reason: 'timeout' });
    // The change that was refused was not told: the whole state then.
    else this.#tell(timer === 'retry' ? 'subscribe' : 'change', now);
  }

  #terminate(
    how: SubscriptionEnd,
    { reason, retryAfter }: { reason: TerminationReason; retryAfter?: number | undefined },
    cause: NotifyCause = 'end',
  ): void {
    if (this.#state === 'active') {
      const state: SubscriptionState = { state: 'terminated', reason };
      if (retryAfter !== undefined) state.retryAfter = retryAfter;
      this.#outputs.push({ type: 'notify', cause, state });
    }
    this.#end(how);
  }

  #end(how: SubscriptionEnd): void {
    this.#state = 'terminated';
    for (const timer of [...this.#armed]) this.#cancel(timer);
    this.#outputs.push({ type: 'ended', how });
  }

  #arm(timer: NotifierTimer, at: number): void {
    this.#cancel(timer);
    this.#armed.add(timer);
    this.#outputs.push({ type: 'arm', timer, at });
  }

  #cancel(timer: NotifierTimer): void {
    if (this.#armed.delete(timer)) this.#outputs.push({ type: 'cancel', timer });
  }
}
