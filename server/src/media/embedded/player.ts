import type { AudioCodec } from '@ringthrough/rtp';
import type { PcmSource } from './pcm-source.ts';
import type { Ticker } from './scheduler.ts';

/** Largest packet of any codec here. */
const MAX_PAYLOAD = 1500;

export interface PlayerOutput {
  /** Whether a frame sent now can arrive; playing waits until it can. */
  ready(): boolean;
  send(payload: Uint8Array, ticks: number, now: number): void;
}

/** Plays a source to one leg, a frame of 20 ms at each tick. */
export class Player implements Ticker {
  readonly #source: PcmSource;
  readonly #codec: AudioCodec;
  readonly #output: PlayerOutput;
  readonly #frame: Int16Array;
  readonly #payload = new Uint8Array(MAX_PAYLOAD);
  readonly #onDone: (how: 'ended' | 'stopped') => void;
  #done = false;

  constructor(options: {
    source: PcmSource;
    codec: AudioCodec;
    output: PlayerOutput;
    onDone: (how: 'ended' | 'stopped') => void;
  }) {
    this.#source = options.source;
    this.#codec = options.codec;
    this.#output = options.output;
    this.#onDone = options.onDone;
    this.#frame = new Int16Array(options.codec.sampleRate / 50);
  }

  tick(now: number): void {
    if (this.#done || !this.#output.ready()) return;
    if (!this.#source.read(this.#frame)) {
      this.#finish('ended');
      return;
    }
    const length = this.#codec.encode(this.#frame, this.#payload);
    this.#output.send(this.#payload.subarray(0, length), this.#codec.clockRate / 50, now);
  }

  failed(): void {
    this.#finish('stopped');
  }

  /** Idempotent. */
  stop(): void {
    this.#finish('stopped');
  }

  #finish(how: 'ended' | 'stopped'): void {
    if (this.#done) return;
    this.#done = true;
    this.#onDone(how);
  }
}
