import { levelDb } from '@ringthrough/rtp';
import { frameSamples } from './frame.ts';
import { type HeardTone, ToneEar } from './tone-ear.ts';

/** What a handset's ear has been hearing lately. */
export interface Heard {
  /** Of the last 200 ms, dB below full scale. */
  levelDb: number;
  /** The one clear tone in the last 100 ms. */
  toneHz: number | undefined;
  /** When the first sound from the other side (not from the network) was heard. */
  firstSoundAt: number | undefined;
  /** Clear tones heard from the other side in this call, each with the time it was recognised. */
  tones: readonly HeardTone[];
}

/** Louder than the noise of a quiet G.711 line. */
const soundDb = -50;
const silenceDb = -100;
const levelFrames = 10;
/** 200 ms of microphone: more means the page runs ahead, and the oldest goes. */
const maxMicrophoneFrames = 10;

/** The mouth and ear of one handset in one call. */
export class HandsetAudio {
  readonly #now: () => number;
  readonly #ear: ToneEar;
  readonly #listeners = new Set<(frame: Int16Array) => void>();
  readonly #microphone: Int16Array[] = [];
  readonly #levels: number[] = [];
  #speech: Int16Array | undefined;
  #spoken = 0;
  #firstSoundAt: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
    this.#ear = new ToneEar(now);
  }

  /** A frame of 160 samples from a microphone. */
  feed(frame: Int16Array): void {
    this.#microphone.push(frame);
    if (this.#microphone.length > maxMicrophoneFrames) this.#microphone.shift();
  }

  /** Says something instead of the microphone, from now on; replaces what is being said. */
  speak(pcm: Int16Array): void {
    this.#speech = pcm;
    this.#spoken = 0;
  }

  stopSpeaking(): void {
    this.#speech = undefined;
  }

  get speaking(): boolean {
    return this.#speech !== undefined;
  }

  /** The next frame of what this handset says; silence when nothing is said. */
  pull(): Int16Array {
    const microphone = this.#microphone.shift();
    const speech = this.#speech;
    if (speech === undefined) return microphone ?? new Int16Array(frameSamples);
    const frame = new Int16Array(frameSamples);
    frame.set(speech.subarray(this.#spoken, this.#spoken + frameSamples));
    this.#spoken += frameSamples;
    if (this.#spoken >= speech.length) this.#speech = undefined;
    return frame;
  }

  /** A frame for the ear; `network` is what the switch itself plays (ringback). */
  hear(frame: Int16Array, from: 'far-end' | 'network'): void {
    const level = levelDb(frame);
    this.#levels.push(level);
    if (this.#levels.length > levelFrames) this.#levels.shift();
    if (from === 'far-end') {
      if (level > soundDb) this.#firstSoundAt ??= this.#now();
      this.#ear.hear(frame);
    }
    for (const listener of this.#listeners) listener(frame);
  }

  /** Calls `listener` with every frame heard; returns how to stop. */
  onHeard(listener: (frame: Int16Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  heard(): Heard {
    const level = this.#levels.length === 0 ? silenceDb : Math.max(...this.#levels);
    return {
      levelDb: Math.round(level * 10) / 10,
      toneHz: this.#ear.toneHz,
      firstSoundAt: this.#firstSoundAt,
      tones: this.#ear.tones,
    };
  }
}
