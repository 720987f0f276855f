import type { SubscriptionState } from './subscription-headers.ts';

/** RFC 6665 section 4.1.2, figure 1. */
export type SubscriberState = 'init' | 'notify_wait' | 'pending' | 'active' | 'terminated';

/** `N`: the NOTIFY that follows each SUBSCRIBE; section 4.1.2. */
export type SubscriberTimer = 'N' | 'refresh' | 'expiry';

export type SubscriberInput =
  | { type: 'start' }
  /** The final response to the last SUBSCRIBE. */
  | {
      type: 'response';
      status: number;
      expiresSeconds?: number | undefined;
      minExpiresSeconds?: number | undefined;
    }
  /** A NOTIFY of this subscription. */
  | { type: 'notify'; state: SubscriptionState }
  | { type: 'unsubscribe' }
  | { type: 'timer'; timer: SubscriberTimer };

/** How a subscription ended, as its subscriber sees it. */
export type SubscriberEnd =
  /** SUBSCRIBE was refused with this status. */
  | { how: 'refused'; status: number }
  /** The notifier has ended it; its reason and after how many seconds to come back, if it said so. */
  | { how: 'terminated'; reason: string | undefined; retryAfterSeconds: number | undefined }
  /** No NOTIFY came, or it could not be refreshed in time. */
  | { how: 'timeout' };

/** What the driver has to do, in this order. */
export type SubscriberOutput =
  | { type: 'subscribe'; expiresSeconds: number }
  | { type: 'arm'; timer: SubscriberTimer; at: number }
  | { type: 'cancel'; timer: SubscriberTimer }
  | { type: 'ended'; end: SubscriberEnd };

/** Of the time granted, before the subscription is refreshed. */
const refreshShare = 0.8;

/** One subscription as its subscriber has it, RFC 6665 section 4.1. Without I/O and clock. */
export class SubscriberMachine {
  readonly #timerNMs: number;
  #expiresSeconds: number;
  #state: SubscriberState = 'init';
  #leaving = false;
  /** The SUBSCRIBE that ends it was sent. */
  #left = false;
  readonly #armed = new Set<SubscriberTimer>();
  #outputs: SubscriberOutput[] = [];

  /** @param options.expiresSeconds 0 fetches the state once (section 4.4.3) */
  constructor(options: { expiresSeconds: number; t1: number }) {
    this.#expiresSeconds = options.expiresSeconds;
    this.#timerNMs = 64 * options.t1;
  }

  get state(): SubscriberState {
    return this.#state;
  }

  /** Takes one input at time `now` (ms) and returns what is to be done. */
  handle(input: SubscriberInput, now: number): SubscriberOutput[] {
    if (this.#state !== 'terminated') this.#step(input, now);
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #step(input: SubscriberInput, now: number): void {
    switch (input.type) {
      case 'start':
        this.#state = 'notify_wait';
        this.#subscribe(this.#expiresSeconds, now);
        return;
      case 'response':
        this.#answered(input, now);
        return;
      case 'notify':
        this.#notified(input.state, now);
        return;
      case 'unsubscribe':
        if (this.#leaving) return;
        this.#leaving = true;
        this.#cancel('refresh');
        // Before the first NOTIFY there is no dialog (section 4.1.2.4).
        if (this.#state !== 'notify_wait') this.#leave(now);
        return;
      case 'timer':
        this.#fired(input.timer, now);
        return;
    }
  }

  #leave(now: number): void {
    this.#left = true;
    this.#subscribe(0, now);
  }

  #subscribe(expiresSeconds: number, now: number): void {
    this.#outputs.push({ type: 'subscribe', expiresSeconds });
    this.#arm('N', now + this.#timerNMs);
  }

  #answered(response: Extract<SubscriberInput, { type: 'response' }>, now: number): void {
    const { status, expiresSeconds, minExpiresSeconds } = response;
    if (status >= 200 && status < 300) {
      if (expiresSeconds !== undefined && !this.#leaving) this.#granted(expiresSeconds, now);
      return;
    }
    const longer =
      status === 423 && minExpiresSeconds !== undefined && minExpiresSeconds > this.#expiresSeconds;
    if (longer && !this.#leaving) {
      this.#expiresSeconds = minExpiresSeconds;
      this.#subscribe(minExpiresSeconds, now);
      return;
    }
    // Section 4.1.2.2: a refresh that fails leaves the subscription until it expires, unless it is gone there.
    if (this.#state !== 'notify_wait' && status !== 481 && !this.#leaving) {
      this.#cancel('N');
      return;
    }
    this.#end({ how: 'refused', status });
  }

  #notified(state: SubscriptionState, now: number): void {
    this.#cancel('N');
    if (state.state === 'terminated') {
      this.#end({ how: 'terminated', reason: state.reason, retryAfterSeconds: state.retryAfter });
      return;
    }
    this.#state = state.state === 'active' ? 'active' : 'pending';
    if (this.#leaving && !this.#left) this.#leave(now);
    // Until the last NOTIFY comes.
    else if (this.#leaving) this.#arm('N', now + this.#timerNMs);
    else if (state.expires !== undefined) this.#granted(state.expires, now);
  }

  /** Section 4.1.2.1: the notifier may give less, never more. */
  #granted(grantedSeconds: number, now: number): void {
    const seconds = Math.min(grantedSeconds, this.#expiresSeconds);
    if (seconds === 0) return;
    this.#arm('refresh', now + seconds * 1000 * refreshShare);
    this.#arm('expiry', now + seconds * 1000);
  }

  #fired(timer: SubscriberTimer, now: number): void {
    if (!this.#armed.delete(timer)) return;
    if (timer === 'refresh') this.#subscribe(this.#expiresSeconds, now);
    else this.#end({ how: 'timeout' });
  }

  #end(end: SubscriberEnd): void {
    this.#state = 'terminated';
    for (const timer of [...this.#armed]) this.#cancel(timer);
    this.#outputs.push({ type: 'ended', end });
  }

  #arm(timer: SubscriberTimer, at: number): void {
    this.#cancel(timer);
    this.#armed.add(timer);
    this.#outputs.push({ type: 'arm', timer, at });
  }

  #cancel(timer: SubscriberTimer): void {
    if (this.#armed.delete(timer)) this.#outputs.push({ type: 'cancel', timer });
  }
}
