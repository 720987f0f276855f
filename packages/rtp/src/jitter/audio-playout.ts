import type { AudioCodec } from '../codecs/audio-codec.ts';
import {
  type BufferedPacket,
  JitterBuffer,
  type JitterBufferOptions,
  type JitterBufferStats,
  type PushResult,
} from './jitter-buffer.ts';

export interface AudioPlayoutOptions extends Omit<JitterBufferOptions, 'clockRate' | 'duration' | 'frameMs'> {
  codec: AudioCodec;
}

/**
 * The receiving end of a leg: packets in, an even stream of PCM out. Losses are recovered from redundancy where the
 * codec has it, else concealed; delay is taken back by cross-fading two frames into one. The codec stays the
 * caller's to close.
 */
export class AudioPlayout {
  readonly #codec: AudioCodec;
  readonly #buffer: JitterBuffer;
  /** Decoded but not yet read: `#pcm[#from … #to)`. */
  #pcm: Int16Array;
  #from = 0;
  #to = 0;
  readonly #decoded: Int16Array;
  readonly #second: Int16Array;
  readonly #frameSamples: number;
  /** Frames concealed or recovered, of 20 ms. */
  concealed = 0;
  recovered = 0;
  /** Frames saved by playing two in the time of one. */
  shortened = 0;

  constructor(options: AudioPlayoutOptions) {
    const { codec, ...rest } = options;
    this.#codec = codec;
    this.#buffer = new JitterBuffer({
      ...rest,
      clockRate: codec.clockRate,
      duration: (p) => codec.duration(p),
    });
    this.#frameSamples = codec.sampleRate / 50;
    // 120 ms is the longest packet there is (RFC 6716).
    this.#decoded = new Int16Array(6 * this.#frameSamples);
    this.#second = new Int16Array(6 * this.#frameSamples);
    this.#pcm = new Int16Array(8 * this.#frameSamples);
  }

  get stats(): JitterBufferStats {
    return this.#buffer.stats;
  }

  get targetDelayMs(): number {
    return this.#buffer.targetDelayMs;
  }

  /** See `JitterBuffer.push`. */
  push(packet: BufferedPacket, now: number): PushResult {
    return this.#buffer.push(packet, now);
  }

  /**
   * Fills `out` with the next samples at the codec's sample rate; to be called every `out.length` samples of time.
   * @returns whether any of it came from the peer; false: all silence or concealment
   */
  read(out: Int16Array, now: number): boolean {
    let heard = this.#to > this.#from;
    while (this.#to - this.#from < out.length) {
      if (this.#decodeNext(now)) heard = true;
    }
    out.set(this.#pcm.subarray(this.#from, this.#from + out.length));
    this.#from += out.length;
    return heard;
  }

  #decodeNext(now: number): boolean {
    const frame = this.#buffer.pull(now);
    switch (frame.kind) {
      case 'packet': {
        const shorten = frame.shorten;
        const count = this.#codec.decode(frame.payload, this.#decoded);
        this.#append(this.#decoded, shorten ? this.#merge(count, now) : count);
        return true;
      }
      case 'lost':
        this.#append(this.#decoded, this.#conceal(frame.next));
        return false;
      case 'silence':
        this.#append(this.#decoded.fill(0, 0, this.#frameSamples), this.#frameSamples);
        return false;
    }
  }

  #conceal(next: Uint8Array): number {
    const count = next.length > 0 ? (this.#codec.decodeRedundancy?.(next, this.#decoded) ?? 0) : 0;
    if (count > 0) {
      this.recovered++;
      return count;
    }
    this.concealed++;
    return this.#codec.decode(undefined, this.#decoded);
  }

  /** Cross-fades what was decoded (`count` samples) into the packet after it. */
  #merge(count: number, now: number): number {
    const frame = this.#buffer.pull(now);
    // Nothing to merge with after all: the gap, or the end, shortens by itself.
    if (frame.kind !== 'packet') return count;
    const next = this.#codec.decode(frame.payload, this.#second);
    const overlap = Math.min(count, next);
    for (let i = 0; i < overlap; i++) {
      const share = (i + 1) / (overlap + 1);
      this.#decoded[i] = Math.round((1 - share) * this.#decoded[i]! + share * this.#second[i]!);
    }
    this.#decoded.set(this.#second.subarray(overlap, next), overlap);
    this.shortened++;
    return next;
  }

  #append(pcm: Int16Array, count: number): void {
    if (this.#to + count > this.#pcm.length) {
      this.#pcm.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    if (this.#to + count > this.#pcm.length) {
      const larger = new Int16Array(2 * (this.#to + count));
      larger.set(this.#pcm);
      this.#pcm = larger;
    }
    this.#pcm.set(pcm.subarray(0, count), this.#to);
    this.#to += count;
  }
}
