import { timestampDistance } from '../packet/rtp-packet.ts';
import { dtmfKey, parseDtmfEvent } from './dtmf-event.ts';

export interface DtmfPress {
  /** 0–9 * # A–D */
  key: string;
  durationMs: number;
}

export interface DtmfReceiverOptions {
  /** Of the telephone-event payload type. */
  clockRate: number;
  /** A press of which nothing more came for this long has ended, its end packets were lost. Default 120. */
  timeoutMs?: number;
}

/**
 * Makes one press of the many packets that tell of it (RFC 4733 section 2.5.2): reported when it ends, by its first
 * end packet, by the next press, or by timeout.
 */
export class DtmfReceiver {
  readonly #clockRate: number;
  readonly #timeoutMs: number;
  /** `start`: timestamp of the press; `segment`: of the current packet, later than `start` in long presses. */
  #active: { code: number; start: number; segment: number; duration: number; heardAt: number } | undefined;
  /** Timestamp up to which everything has been reported. */
  #done: number | undefined;

  constructor(options: DtmfReceiverOptions) {
    this.#clockRate = options.clockRate;
    this.#timeoutMs = options.timeoutMs ?? 120;
  }

  /**
   * Takes a telephone-event packet: the timestamp of its RTP header and its payload. `now` in milliseconds.
   * @returns the presses that ended by it: none, one, or two when the one before had lost its end
   */
  receive(timestamp: number, payload: Uint8Array, now: number): DtmfPress[] {
    const event = parseDtmfEvent(payload);
    if (!event || dtmfKey(event.event) === undefined) return [];
    if (this.#done !== undefined && this.#isOld(timestamp, this.#done)) return [];
    const ended: DtmfPress[] = [];
    if (this.#active && !this.#belongs(event.event, timestamp)) {
      if (this.#isOld(timestamp, this.#active.segment)) return [];
      ended.push(this.#finish(this.#active));
    }
    this.#active ??= { code: event.event, start: timestamp, segment: timestamp, duration: 0, heardAt: now };
    const active = this.#active;
    active.heardAt = now;
    if (timestamp === active.segment) active.duration = Math.max(active.duration, event.duration);
    else if (timestampDistance(timestamp, active.segment) > 0) {
      active.segment = timestamp;
      active.duration = event.duration;
    }
    if (event.end) ended.push(this.#finish(active));
    return ended;
  }

  /** To be called now and then (every frame is fine). @returns the press whose end packets were lost, if any */
  poll(now: number): DtmfPress | undefined {
    if (!this.#active || now - this.#active.heardAt < this.#timeoutMs) return undefined;
    return this.#finish(this.#active);
  }

  /** At or a little before `reference`: a repeated or reordered packet. Much earlier: the peer's clock began anew. */
  #isOld(timestamp: number, reference: number): boolean {
    const distance = timestampDistance(timestamp, reference);
    return distance <= 0 && distance > -5 * this.#clockRate;
  }

  /** The same press: the same timestamp, or a further segment that starts where the last one ended. */
  #belongs(code: number, timestamp: number): boolean {
    const active = this.#active!;
    if (code !== active.code) return false;
    if (timestamp === active.segment) return true;
    const since = timestampDistance(timestamp, active.segment);
    return active.duration > 0x8000 && since > 0 && since <= 0xffff;
  }

  #finish(active: { code: number; start: number; segment: number; duration: number }): DtmfPress {
    this.#active = undefined;
    this.#done = active.segment;
    const ticks = timestampDistance(active.segment, active.start) + active.duration;
    return { key: dtmfKey(active.code)!, durationMs: Math.round((1000 * ticks) / this.#clockRate) };
  }
}
