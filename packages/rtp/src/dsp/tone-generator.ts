/** The pairs of ITU-T Q.23, low then high, in Hz. */
const dtmfPairs: Readonly<Record<string, readonly [number, number]>> = {
  '1': [697, 1209],
  '2': [697, 1336],
  '3': [697, 1477],
  A: [697, 1633],
  '4': [770, 1209],
  '5': [770, 1336],
  '6': [770, 1477],
  B: [770, 1633],
  '7': [852, 1209],
  '8': [852, 1336],
  '9': [852, 1477],
  C: [852, 1633],
  '*': [941, 1209],
  '0': [941, 1336],
  '#': [941, 1477],
  D: [941, 1633],
};

/** Frequencies of a DTMF key, or undefined when it is none of 0–9 * # A–D. */
export function dtmfFrequencies(key: string): readonly [number, number] | undefined {
  return dtmfPairs[key];
}

export interface ToneOptions {
  /** Hz, of the PCM. */
  sampleRate: number;
  /** Hz; one for a beep, two for DTMF or ringback. */
  frequencies: readonly number[];
  /** Of each frequency, relative to a full-scale sine; default −12 dB. */
  levelDb?: number;
}

/** Sine tones with a phase that runs on from one call to the next. */
export class ToneGenerator {
  readonly #steps: number[];
  readonly #phases: number[];
  readonly #amplitude: number;

  constructor(options: ToneOptions) {
    this.#steps = options.frequencies.map((hz) => (2 * Math.PI * hz) / options.sampleRate);
    this.#phases = options.frequencies.map(() => 0);
    this.#amplitude = 32767 * 10 ** ((options.levelDb ?? -12) / 20);
  }

  /** Fills `out` with the next samples. */
  fill(out: Int16Array): void {
    out.fill(0);
    for (let tone = 0; tone < this.#steps.length; tone++) {
      const step = this.#steps[tone]!;
      let phase = this.#phases[tone]!;
      for (let i = 0; i < out.length; i++) {
        out[i] = Math.max(-32768, Math.min(32767, out[i]! + Math.round(this.#amplitude * Math.sin(phase))));
        phase += step;
      }
      this.#phases[tone] = phase % (2 * Math.PI);
    }
  }
}
