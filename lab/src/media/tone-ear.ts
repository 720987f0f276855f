import { ToneDetector } from '@ringthrough/rtp';
import { sampleRate } from './frame.ts';

/** A clear tone and when it was recognised (40 ms to 80 ms after it began). */
export interface HeardTone {
  hz: number;
  at: number;
}

/** Everything a telephone line carries, in steps the detector can tell apart. */
const frequencies = Array.from({ length: 61 }, (_, step) => 300 + step * 50);
const keptTones = 50;

/** Notes which clear tones come in; speech and noise are none. */
export class ToneEar {
  readonly #now: () => number;
  readonly #detector = new ToneDetector({ sampleRate, frequencies });
  readonly #tones: HeardTone[] = [];
  #current: number | undefined;
  /** A tone counts from its second block on: one block alone may be a vowel or a click. */
  #candidate: number | undefined;
  #lastBlockMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get toneHz(): number | undefined {
    return this.#current;
  }

  get tones(): readonly HeardTone[] {
    return this.#tones;
  }

  /** Takes a frame of 20 ms; the detector works in blocks of two. */
  hear(frame: Int16Array): void {
    this.#detector.push(frame);
    this.#lastBlockMs += 20;
    if (this.#lastBlockMs < 40) return;
    this.#lastBlockMs = 0;
    const heard = this.#detector.current;
    const confirmed = heard !== undefined && heard === this.#candidate;
    this.#candidate = heard;
    if (!confirmed) {
      if (heard === undefined) this.#current = undefined;
      return;
    }
    if (heard === this.#current) return;
    this.#current = heard;
    this.#tones.push({ hz: heard, at: this.#now() });
    if (this.#tones.length > keptTones) this.#tones.shift();
  }
}
