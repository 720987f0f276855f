import { ToneGenerator } from '@ringthrough/rtp';
import type { Ringback } from '../model/types.ts';
import { frameMs, frameSamples, sampleRate } from './frame.ts';

/** The ringing tone of a country, frame by frame. Cadences are whole frames long. */
export class RingbackTone {
  readonly #ringback: Ringback;
  readonly #generator: ToneGenerator;
  readonly #periodMs: number;
  #elapsedMs = 0;

  constructor(ringback: Ringback) {
    this.#ringback = ringback;
    this.#generator = new ToneGenerator({ sampleRate, frequencies: ringback.frequenciesHz, levelDb: -20 });
    this.#periodMs = ringback.cadenceMs.reduce((sum, part) => sum + part, 0);
  }

  next(): Int16Array {
    const frame = new Int16Array(frameSamples);
    if (this.#isOn()) this.#generator.fill(frame);
    this.#elapsedMs += frameMs;
    return frame;
  }

  #isOn(): boolean {
    let rest = this.#elapsedMs % this.#periodMs;
    for (const [index, part] of this.#ringback.cadenceMs.entries()) {
      if (rest < part) return index % 2 === 0;
      rest -= part;
    }
    return false;
  }
}
