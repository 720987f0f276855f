import {
  graceSeconds,
  judgeInterval,
  leastSeconds,
  parseMinSe,
  type SessionIntervals,
  settledInterval,
} from '../dialog/session-interval.ts';
import type { SipHeaders, SipRequest, SipResponse } from '../message/index.ts';
import type { Timer } from '../transaction/timer-queue.ts';
import type { UaContext } from './context.ts';

export interface SessionRefresherOptions {
  /** Sends a refresh; resolves with its final response, or undefined if there is nothing to send just now. */
  refresh(): Promise<SipResponse> | undefined;
  /** Nobody refreshed in time. */
  expired(): void;
}

/** A refresh that failed, or had to wait, is sent again after so long, or a share of the interval. */
const retryMs = 30_000;
const retryShare = 18;

/** The session timer of one dialog (RFC 4028), in both roles. Without `sessionTimer` in the stack's options it is idle. */
export class SessionRefresher {
  readonly #context: Pick<UaContext, 'sessionTimer' | 'timers'>;
  readonly #options: SessionRefresherOptions;
  readonly #intervals: SessionIntervals | undefined;
  #seconds: number;
  /** The largest Min-SE that a 422 has told us. */
  #minSeconds: number;
  /** Undefined while no timer is agreed. */
  #ours: boolean | undefined;
  #refresh: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(context: Pick<UaContext, 'sessionTimer' | 'timers'>, options: SessionRefresherOptions) {
    this.#context = context;
    this.#options = options;
    this.#intervals = context.sessionTimer;
    const { expiresSeconds, minSeconds } = context.sessionTimer ?? { expiresSeconds: 0, minSeconds: 0 };
    this.#seconds = Math.max(expiresSeconds, minSeconds);
    this.#minSeconds = minSeconds;
  }

  /** For an INVITE or UPDATE of ours, section 7.1. In a dialog whoever refreshes goes on to (section 7.4). */
  headers(): Array<[string, string]> {
    if (!this.#intervals) return [];
    const role = this.#ours === undefined ? '' : `;refresher=${this.#ours ? 'uac' : 'uas'}`;
    const headers: Array<[string, string]> = [['Session-Expires', `${this.#seconds}${role}`]];
    if (this.#minSeconds > leastSeconds) headers.push(['Min-SE', String(this.#minSeconds)]);
    return headers;
  }

  /** Section 7.3: makes a request that got 422 acceptable. False if it cannot be. */
  raise(headers: SipHeaders, response: SipResponse): boolean {
    const wanted = response.status === 422 ? parseMinSe(response.headers) : undefined;
    if (!this.#intervals || wanted === undefined || wanted <= this.#minSeconds) return false;
    this.#minSeconds = wanted;
    this.#seconds = Math.max(this.#seconds, wanted);
    for (const [name, value] of this.headers()) headers.set(name, value);
    return true;
  }

  /** A 2xx to an INVITE or UPDATE of ours came. */
  answered(response: SipResponse): void {
    if (!this.#intervals) return;
    const interval = settledInterval(response);
    if (interval) this.#start(interval.seconds, interval.refresher === 'uac');
    else this.stop();
  }

  /** An INVITE or UPDATE of the peer is to get a 2xx: the headers of it. The time runs from now on. */
  accept(request: SipRequest): Array<[string, string]> {
    const verdict = this.#intervals ? judgeInterval(request, this.#intervals) : undefined;
    if (verdict?.type !== 'accept') {
      this.stop();
      return [];
    }
    const { seconds, refresher } = verdict.interval;
    this.#start(seconds, refresher === 'uas');
    const headers: Array<[string, string]> = [['Session-Expires', `${seconds};refresher=${refresher}`]];
    if (verdict.peerSupports) headers.push(['Require', 'timer']);
    return headers;
  }

  /** Idempotent. */
  stop(): void {
    this.#clear();
    this.#ours = undefined;
  }

  #start(seconds: number, ours: boolean): void {
    this.#clear();
    this.#seconds = seconds;
    this.#ours = ours;
    const { timers } = this.#context;
    if (ours) this.#refresh = timers.set((seconds * 1_000) / 2, () => this.#send());
    this.#expiry = timers.set((seconds - graceSeconds(seconds)) * 1_000, () => {
      this.stop();
      this.#options.expired();
    });
  }

  #send(): void {
    this.#refresh = undefined;
    const again = () => {
      if (this.#ours !== true || this.#refresh) return;
      const delay = Math.min(retryMs, (this.#seconds * 1_000) / retryShare);
      this.#refresh = this.#context.timers.set(delay, () => this.#send());
    };
    const sent = this.#options.refresh();
    if (!sent) again();
    // A 2xx has started the time anew already.
    else void sent.then(({ status }) => (status >= 300 ? again() : undefined));
  }

  #clear(): void {
    if (this.#refresh) this.#context.timers.clear(this.#refresh);
    if (this.#expiry) this.#context.timers.clear(this.#expiry);
    this.#refresh = this.#expiry = undefined;
  }
}

/** The Min-SE to refuse a request with (422, section 9), or undefined. */
export function tooBrief(context: UaContext, request: SipRequest): number | undefined {
  const verdict = context.sessionTimer ? judgeInterval(request, context.sessionTimer) : undefined;
  return verdict?.type === 'refuse' ? verdict.minSeconds : undefined;
}
