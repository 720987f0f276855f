import { randomUUID } from 'node:crypto';
import type { Clock } from '@ringthrough/sip';
import type { Logger } from '../log.ts';
import type { MediaPlane } from '../media/index.ts';
import { costsExtra } from './number-cost.ts';
import type { TrunkDialer } from './trunk-dialer.ts';
import {
  PlacedVoiceCall,
  type VoiceCall,
  type VoiceCallListener,
  type VoiceCallRequest,
} from './voice-call.ts';

export interface VoiceCallsOptions {
  dialer: Pick<TrunkDialer, 'call' | 'canCall'>;
  media: MediaPlane;
  clock: Clock;
  log: Logger;
  /** Calls of ours at once; further ones are not placed. */
  maxConcurrent: number;
  ringTimeoutMs: number;
  /** The longest, from its answer. */
  maxDurationMs: number;
}

/**
 * The calls that the system itself makes and speaks in: to read out a code, to ask for keys, to see whether a number is
 * forwarded. They go over the trunks of the number's carrier (docs/trunks.md), and their number is limited.
 */
export class VoiceCalls {
  readonly #options: VoiceCallsOptions;
  readonly #calls = new Set<PlacedVoiceCall>();
  #closed = false;

  constructor(options: VoiceCallsOptions) {
    this.#options = options;
  }

  /** Whether any trunk of the carrier is for calls of ours. */
  canCall(carrierId: string): boolean {
    return this.#options.dialer.canCall(carrierId);
  }

  /** In progress. */
  get active(): number {
    return this.#calls.size;
  }

  /** Whether one more call may be placed now. */
  get hasRoom(): boolean {
    return !this.#closed && this.#calls.size < this.#options.maxConcurrent;
  }

  /** Whether a call of ours to this number is under way. */
  isCalling(number: string): boolean {
    return [...this.#calls].some((call) => call.to === number);
  }

  /** Calls somebody. What goes wrong comes as `ended`, never as an exception. */
  call(request: VoiceCallRequest, listener: VoiceCallListener): VoiceCall {
    const { dialer, media, clock, log, ringTimeoutMs, maxDurationMs } = this.#options;
    const { hasRoom } = this;
    const call = new PlacedVoiceCall({
      id: randomUUID(),
      request: { ringTimeoutMs, ...request },
      listener,
      dialer,
      media,
      clock,
      maxDurationMs,
      over: ({ why, status, rang, answered }, trunk) => {
        this.#calls.delete(call);
        log.info(
          { carrierId: request.carrierId, trunk, why, status, rang, answered },
          'call of ours is over',
        );
      },
    });
    if (!hasRoom || costsExtra(request.to)) {
      call.refuse();
      return call;
    }
    this.#calls.add(call);
    call.start();
    return call;
  }

  /** Hangs up and places no more; resolves when all media is free. Before the dialer closes. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const calls = [...this.#calls];
    for (const call of calls) call.hangUp();
    await Promise.allSettled(calls.map(({ released }) => released));
  }
}
