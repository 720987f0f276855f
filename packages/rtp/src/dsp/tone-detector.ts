/**
 * Power of one frequency in a block, by Goertzel's algorithm, relative to a full-scale sine: −12 for a tone generated
 * at −12 dB, about −100 for silence.
 */
export function toneLevelDb(pcm: Int16Array, sampleRate: number, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let previous = 0;
  let beforeThat = 0;
  for (let i = 0; i < pcm.length; i++) {
    const current = pcm[i]! + coefficient * previous - beforeThat;
    beforeThat = previous;
    previous = current;
  }
  const power = previous * previous + beforeThat * beforeThat - coefficient * previous * beforeThat;
  const amplitude = (2 * Math.sqrt(Math.max(0, power))) / Math.max(1, pcm.length);
  return 20 * Math.log10(Math.max(amplitude / 32767, 1e-5));
}

/** Root mean square of a block, relative to full scale; a full-scale sine is −3. Silence is −100. */
export function levelDb(pcm: Int16Array): number {
  let sum = 0;
  for (let i = 0; i < pcm.length; i++) sum += pcm[i]! * pcm[i]!;
  return 20 * Math.log10(Math.max(Math.sqrt(sum / Math.max(1, pcm.length)) / 32768, 1e-5));
}

export interface ToneDetectorOptions {
  sampleRate: number;
  /** The tones to tell apart, in Hz, at least 50 Hz from each other. */
  frequencies: readonly number[];
  /** A tone quieter than this is not heard; relative to a full-scale sine, default −40. */
  minLevelDb?: number;
}

/**
 * Tells which of some known tones a stream carries, block by block (40 ms). A block counts for a tone when most of its
 * power is that tone, so that speech, noise and other tones do not.
 */
export class ToneDetector {
  readonly #options: ToneDetectorOptions;
  readonly #block: Int16Array;
  #filled = 0;
  readonly #heardMs = new Map<number, number>();
  /** The tone of the last whole block. */
  current: number | undefined;

  constructor(options: ToneDetectorOptions) {
    this.#options = options;
    this.#block = new Int16Array(Math.round(options.sampleRate * 0.04));
  }

  push(pcm: Int16Array): void {
    for (let at = 0; at < pcm.length; ) {
      const part = Math.min(pcm.length - at, this.#block.length - this.#filled);
      this.#block.set(pcm.subarray(at, at + part), this.#filled);
      this.#filled += part;
      at += part;
      if (this.#filled === this.#block.length) this.#finishBlock();
    }
  }

  /** Milliseconds for which this tone has been heard, in all. */
  heardMs(hz: number): number {
    return this.#heardMs.get(hz) ?? 0;
  }

  #finishBlock(): void {
    this.#filled = 0;
    this.current = undefined;
    const { sampleRate, frequencies, minLevelDb = -40 } = this.#options;
    // A sine's RMS is 3 dB under its level. So a tone of the level of the whole block's RMS is half of its power.
    const needed = Math.max(minLevelDb, levelDb(this.#block));
    let best = needed;
    for (const hz of frequencies) {
      const level = toneLevelDb(this.#block, sampleRate, hz);
      if (level < best) continue;
      best = level;
      this.current = hz;
    }
    if (this.current !== undefined) this.#heardMs.set(this.current, this.heardMs(this.current) + 40);
  }
}
