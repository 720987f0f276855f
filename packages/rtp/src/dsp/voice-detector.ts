import { levelDb } from './tone-detector.ts';

const FRAME_MS = 10;
/** Never voice: quieter than this, relative to full scale. */
const ABSOLUTE_FLOOR_DB = -50;
/** The noise floor is never taken to be louder than this, so that a steady beep stays a sound. */
const LOUDEST_NOISE_DB = -38;
/** How far above the noise floor voice is. */
const MARGIN_DB = 8;
/** Quiet gaps inside words and between them count as voice. */
const HANGOVER_MS = 150;
/** A click is no voice: sound must last this long. */
const ONSET_MS = 30;
/** The noise floor is the quietest of this long. */
const FLOOR_WINDOW_MS = 1500;

/**
 * Tells voice and beeps from silence and comfort noise by their energy over an adaptive noise floor (the minimum of
 * the last 1.5 s). Good enough to tell a message from a hang-up; no speech recogniser.
 */
export class VoiceDetector {
  readonly #frame: Int16Array;
  #filled = 0;
  /** Minima of the current and of the previous half window. */
  #floor = { current: 0, previous: 0, frames: 0 };
  #loudMs = 0;
  #hangoverMs = 0;
  /** Whether the last frame was voice. */
  speaking = false;
  /** Voice heard in all, in milliseconds. */
  voiceMs = 0;
  /** Everything heard, in milliseconds. */
  totalMs = 0;
  /** Since voice was heard last, or since the start, in milliseconds. */
  silenceMs = 0;

  constructor(sampleRate: number) {
    this.#frame = new Int16Array((sampleRate * FRAME_MS) / 1000);
  }

  push(pcm: Int16Array): void {
    for (let at = 0; at < pcm.length; ) {
      const part = Math.min(pcm.length - at, this.#frame.length - this.#filled);
      this.#frame.set(pcm.subarray(at, at + part), this.#filled);
      this.#filled += part;
      at += part;
      if (this.#filled === this.#frame.length) {
        this.#filled = 0;
        this.#take(levelDb(this.#frame));
      }
    }
  }

  #take(level: number): void {
    const noise = Math.min(LOUDEST_NOISE_DB, this.#noiseFloor(level));
    const loud = level > Math.max(ABSOLUTE_FLOOR_DB, noise + MARGIN_DB);
    this.#loudMs = loud ? this.#loudMs + FRAME_MS : 0;
    if (this.#loudMs >= ONSET_MS) {
      // The frames that made up the onset were voice as well.
      if (!this.speaking) this.voiceMs += ONSET_MS - FRAME_MS;
      this.#hangoverMs = HANGOVER_MS;
    } else {
      this.#hangoverMs = Math.max(0, this.#hangoverMs - FRAME_MS);
    }
    this.speaking = this.#hangoverMs > 0;
    this.totalMs += FRAME_MS;
    this.voiceMs += this.speaking ? FRAME_MS : 0;
    this.silenceMs = this.speaking ? 0 : this.silenceMs + FRAME_MS;
  }

  #noiseFloor(level: number): number {
    const floor = this.#floor;
    if (floor.frames === (FLOOR_WINDOW_MS / FRAME_MS) >> 1) {
      floor.previous = floor.current;
      floor.current = level;
      floor.frames = 0;
    }
    floor.frames++;
    floor.current = Math.min(floor.current, level);
    return Math.min(floor.current, floor.previous);
  }
}
