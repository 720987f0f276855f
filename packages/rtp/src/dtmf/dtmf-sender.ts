import { dtmfCode, writeDtmfEvent } from './dtmf-event.ts';

export interface DtmfSenderOptions {
  /** Of the telephone-event payload type: that of the audio beside it (8000; 48000 next to Opus). */
  clockRate: number;
  /** Milliseconds between calls of `tick`; default 20. */
  frameMs?: number;
  /** Power below 0 dBm0; default 10. */
  volume?: number;
}

/** What to send instead of audio in this frame. */
export interface DtmfFrame {
  /** Of the RTP header: that of the start of the press. */
  timestamp: number;
  /** First packet of a press. */
  marker: boolean;
}

const END_PACKETS = 3;
const MAX_DURATION = 0xffff;
/** Silence between two keys; ITU-T Q.24 receivers need 40 ms or more. */
const GAP_MS = 60;

/**
 * Makes the packets of key presses (RFC 4733 section 2.5.1): one at the start, an update in every frame, and the end
 * three times. A press longer than the 16-bit duration goes on in further segments (section 2.5.1.3).
 */
export class DtmfSender {
  readonly #clockRate: number;
  readonly #frameTicks: number;
  readonly #frameMs: number;
  readonly #volume: number;
  readonly #queue: Array<{ code: number; ticks: number }> = [];
  #active:
    | { code: number; left: number; timestamp: number; duration: number; ends: number; first: boolean }
    | undefined;
  #gapMs = 0;

  constructor(options: DtmfSenderOptions) {
    this.#clockRate = options.clockRate;
    this.#frameMs = options.frameMs ?? 20;
    this.#frameTicks = (this.#clockRate * this.#frameMs) / 1000;
    this.#volume = options.volume ?? 10;
  }

  /**
   * Queues a press, at least 40 ms long.
   * @returns false when `key` is none of 0–9 * # A–D
   */
  press(key: string, durationMs = 160): boolean {
    const code = dtmfCode(key);
    if (code === undefined) return false;
    this.#queue.push({ code, ticks: (Math.max(40, durationMs) * this.#clockRate) / 1000 });
    return true;
  }

  get busy(): boolean {
    return this.#active !== undefined || this.#queue.length > 0;
  }

  /**
   * Called once per frame, with the RTP timestamp that audio would have now.
   * @returns what to send instead of audio, with its payload of 4 bytes in `out`; undefined: send audio
   */
  tick(timestamp: number, out: Uint8Array): DtmfFrame | undefined {
    if (this.#gapMs > 0) {
      this.#gapMs -= this.#frameMs;
      return undefined;
    }
    const press = this.#active ?? this.#start(timestamp);
    if (!press) return undefined;
    const marker = press.first;
    press.first = false;
    if (press.ends === 0) this.#advance(press);
    if (press.left <= 0) press.ends++;
    const { code: event, duration } = press;
    writeDtmfEvent(out, { event, end: press.ends > 0, volume: this.#volume, duration });
    if (press.ends === END_PACKETS) {
      this.#active = undefined;
      this.#gapMs = GAP_MS - (END_PACKETS - 1) * this.#frameMs;
    }
    return { timestamp: press.timestamp, marker };
  }

  #start(timestamp: number) {
    const next = this.#queue.shift();
    if (!next) return undefined;
    this.#active = { code: next.code, left: next.ticks, timestamp, duration: 0, ends: 0, first: true };
    return this.#active;
  }

  #advance(press: { left: number; timestamp: number; duration: number }): void {
    const ticks = Math.min(this.#frameTicks, press.left);
    if (press.duration + ticks > MAX_DURATION) {
      press.timestamp = (press.timestamp + press.duration) >>> 0;
      press.duration = 0;
    }
    press.duration += ticks;
    press.left -= ticks;
  }
}
