import { levelDb, ToneGenerator } from '@ringthrough/rtp';
import { frameMs, frameSamples, sampleRate } from './frame.ts';

const beepMs = 400;
const beepHz = 1000;
/** Louder than the noise of a quiet line. */
const sayingDb = -45;

/** The carrier's own voicemail in one call: says its greeting, beeps, and measures what the caller says then. */
export class AnsweringMachine {
  readonly #says: Int16Array;
  #at = 0;
  #spokenMs = 0;

  constructor(greeting: Int16Array) {
    const beep = new Int16Array((beepMs * sampleRate) / 1000);
    new ToneGenerator({ sampleRate, frequencies: [beepHz] }).fill(beep);
    this.#says = new Int16Array(greeting.length + beep.length);
    this.#says.set(greeting);
    this.#says.set(beep, greeting.length);
  }

  /** After the tone. */
  get listening(): boolean {
    return this.#at >= this.#says.length;
  }

  /** Of sound after the tone, in milliseconds. */
  get spokenMs(): number {
    return this.#spokenMs;
  }

  /** The next frame of what it says. */
  pull(): Int16Array {
    const frame = new Int16Array(frameSamples);
    frame.set(this.#says.subarray(this.#at, this.#at + frameSamples));
    this.#at += frameSamples;
    return frame;
  }

  hear(frame: Int16Array): void {
    if (this.listening && levelDb(frame) > sayingDb) this.#spokenMs += frameMs;
  }
}
