import type { Clock } from '@ringthrough/sip';
import type { VoiceCall, VoiceCallEnd, VoiceCalls } from '../carrier/index.ts';
import type { OpenCheck } from './returning-call.ts';
import { userToUserOf } from './returning-call.ts';
import type { CheckSeen } from './types.ts';

export interface TestCallOptions {
  number: string;
  carrierId: string;
  cNumber: string;
  /** 128 random bits, hexadecimal. */
  token: string;
  calls: Pick<VoiceCalls, 'call'>;
  clock: Clock;
  /** It has to be back by then. */
  timeoutMs: number;
  /** How long the phone may ring; 0: it is hung up as soon as it rings. */
  ringMs: number;
  /** Once. `cause`: a word or status for people who know. */
  done(seen: CheckSeen, cause: string | undefined): void;
}

/** A phone that rings is picked up by a person no sooner; who answers before that is a machine of the carrier. */
const pickUpMs = 2_500;

/** So that the phone does not show a call that was missed: it was answered elsewhere (RFC 3326, 3GPP TS 24.229). */
const elsewhere = 'SIP;cause=200;text="Call completed elsewhere"';

/**
 * One call from the system to a number, to see where it goes (R-FWD-CHECK). Both its ends are ours if the number is
 * forwarded; whatever it meets first is the answer, and then it is hung up.
 */
export class TestCall implements OpenCheck {
  readonly number: string;
  readonly carrierId: string;
  readonly cNumber: string;
  readonly token: string;
  readonly #options: TestCallOptions;
  readonly #call: VoiceCall;
  #rangAt: number | undefined;
  #timer: unknown;
  #running = true;

  constructor(options: TestCallOptions) {
    this.#options = options;
    this.number = options.number;
    this.carrierId = options.carrierId;
    this.cNumber = options.cNumber;
    this.token = options.token;
    this.#call = options.calls.call(
      {
        carrierId: options.carrierId,
        to: options.number,
        ringTimeoutMs: options.timeoutMs,
        headers: [['User-to-User', userToUserOf(options.token)]],
      },
      {
        ringing: () => this.#ringing(),
        answered: () => this.#answered(),
        ended: (end) => this.#ended(end),
      },
    );
  }

  get running(): boolean {
    return this.#running;
  }

  /** It has come back; or something else says all there is to know. The call ends at once. */
  finish(seen: CheckSeen, cause?: string): void {
    if (!this.#running) return;
    this.#running = false;
    this.#options.clock.clearTimeout(this.#timer);
    this.hangUp();
    this.#options.done(seen, cause);
  }

  /** Ends the call, and nothing more. */
  hangUp(): void {
    this.#call.hangUp(elsewhere);
  }

  #ringing(): void {
    const { clock, ringMs } = this.#options;
    if (!this.#running) return;
    this.#rangAt = clock.now();
    if (ringMs === 0) this.finish('rang');
    else this.#timer = clock.setTimeout(() => this.finish('rang'), ringMs);
  }

  /** A mailbox, or a person. */
  #answered(): void {
    const person = this.#rangAt !== undefined && this.#options.clock.now() - this.#rangAt >= pickUpMs;
    this.finish(person ? 'rang' : 'carrier-voicemail', 'answered');
  }

  #ended(end: VoiceCallEnd): void {
    const { why, rang, earlyMedia, status, q850 } = end;
    if (why === 'refused') {
      const cause = [String(status), ...(q850 === undefined ? [] : [`Q.850 ${q850}`])].join(' ');
      this.finish(isBusy(end) ? 'busy' : 'rejected', cause);
    } else if (why === 'no-answer') {
      // Ringback that the network plays, and does not announce, is all that lasts so long.
      this.finish(rang || earlyMedia ? 'rang' : 'nothing', 'no-answer');
    } else this.finish('nothing', why);
  }
}

/** Q.850 says more than the status that a gateway has made of it (RFC 3398 section 8.2.6.1). */
function isBusy({ status, q850 }: VoiceCallEnd): boolean {
  return q850 === undefined ? status === 486 || status === 600 : q850 === 17;
}
