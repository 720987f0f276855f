import { readFileSync } from 'node:fs';
import { levelDb, parseWav, wavToMono } from '@ringthrough/rtp';

const frameSamples = 160;
/** Quieter than any sound of the prompts, louder than the noise of G.711. */
const soundDb = -45;
/** As long as no pause within a digit; those between digits are twice as long. */
const gapFrames = 10;
/** Frames may begin a little before or after the sound does. */
const slack = 2 * frameSamples;
const surely = 0.7;

/**
 * Understands digits that our own prompts say, as an ear of a handset hears them: sound between pauses, compared with each
 * prompt. A prompt that went through G.711 correlates with itself nearly wholly, and with no other.
 */
export class DigitEar {
  readonly #templates: Int16Array[];
  readonly #shapes: number[][];
  readonly #frames: Int16Array[] = [];
  #silent = 0;
  #said = '';

  /** @param language of the prompts in server/prompts */
  constructor(language: string) {
    this.#templates = Array.from({ length: 10 }, (_, digit) => soundOf(promptOf(language, digit)));
    this.#shapes = this.#templates.map(shapeOf);
  }

  /** A frame of 160 samples. */
  hear(frame: Int16Array): void {
    if (levelDb(frame) > soundDb) {
      this.#silent = 0;
      this.#frames.push(Int16Array.from(frame));
      return;
    }
    this.#silent += 1;
    if (this.#frames.length === 0) return;
    if (this.#silent < gapFrames) this.#frames.push(Int16Array.from(frame));
    else this.#end();
  }

  /** The first run of so many digits; anything else that is said ends a run. */
  digits(count: number): string | undefined {
    return new RegExp(`\\d{${count}}`).exec(this.#said)?.[0];
  }

  /** What was understood so far: digits, and a dash for anything else. */
  get said(): string {
    return this.#said;
  }

  #end(): void {
    const sound = soundOf(joined(this.#frames.splice(0)));
    const shape = shapeOf(sound);
    // The likeliest first: the lab hears in the same thread, and must not be kept from it for long.
    const order = [...this.#templates.keys()].sort(
      (one, other) => this.#distance(shape, one) - this.#distance(shape, other),
    );
    const digit = order.find((one) => likeness(sound, this.#templates[one] ?? sound) > surely);
    this.#said += digit ?? '-';
  }

  #distance(shape: readonly number[], digit: number): number {
    const theirs = this.#shapes[digit] ?? [];
    let sum = 0;
    for (let index = 0; index < Math.max(shape.length, theirs.length); index += 1) {
      sum += Math.abs((shape[index] ?? soundDb) - (theirs[index] ?? soundDb));
    }
    return sum;
  }
}

/** Levels of its frames. */
function shapeOf(samples: Int16Array): number[] {
  const levels: number[] = [];
  for (let at = 0; at < samples.length; at += frameSamples) {
    levels.push(Math.max(soundDb, levelDb(samples.subarray(at, at + frameSamples))));
  }
  return levels;
}

function promptOf(language: string, digit: number): Int16Array {
  const file = new URL(`../../server/prompts/${language}/digits/${digit}.wav`, import.meta.url);
  const audio = parseWav(readFileSync(file));
  if (!audio) throw new Error(`${file} is no WAV`);
  return wavToMono(audio);
}

/** Without the silence around it. */
function soundOf(samples: Int16Array): Int16Array {
  const loud = (at: number): boolean => levelDb(samples.subarray(at, at + frameSamples)) > soundDb;
  let [from, to] = [0, samples.length];
  while (from < to && !loud(from)) from += frameSamples;
  while (to > from && !loud(Math.max(0, to - frameSamples))) to -= frameSamples;
  return samples.subarray(from, to);
}

function joined(frames: readonly Int16Array[]): Int16Array {
  const all = new Int16Array(frames.length * frameSamples);
  for (const [index, frame] of frames.entries()) all.set(frame, index * frameSamples);
  return all;
}

/** The largest normalised correlation at any offset within the slack. */
function likeness(sound: Int16Array, template: Int16Array): number {
  if (Math.abs(sound.length - template.length) > template.length / 2) return 0;
  let best = 0;
  for (let step = 0; step <= 2 * slack; step += 1) {
    // From no offset outwards.
    const offset = step % 2 === 0 ? step / 2 : -(step + 1) / 2;
    best = Math.max(best, correlation(sound, template, offset));
    if (best > surely) break;
  }
  return best;
}

function correlation(sound: Int16Array, template: Int16Array, offset: number): number {
  let [product, ours, theirs] = [0, 0, 0];
  for (
    let index = Math.max(0, -offset);
    index < template.length && index + offset < sound.length;
    index += 1
  ) {
    const [a, b] = [sound[index + offset] ?? 0, template[index] ?? 0];
    product += a * b;
    ours += a * a;
    theirs += b * b;
  }
  return ours === 0 || theirs === 0 ? 0 : product / Math.sqrt(ours * theirs);
}
