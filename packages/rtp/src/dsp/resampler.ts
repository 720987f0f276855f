export type SampleRate = 8000 | 16000 | 48000;

/** Filter length in samples of the lower rate: its transition from 0 to −60 dB is 0.11 of that rate wide. */
const SPAN = 32;
const KAISER_BETA = 5.65;

/**
 * Streaming converter between 8, 16 and 48 kHz: a polyphase FIR low-pass (Kaiser window). Delay is half the filter, 2 ms
 * at 8 kHz. The passband is flat to 0.43 of the lower rate; aliases and images are 55 dB down from 0.57 of it on.
 */
export class Resampler {
  readonly from: SampleRate;
  readonly to: SampleRate;
  /** Coefficients for each output phase, in the order in which they meet the samples. */
  readonly #phases: Float64Array[];
  readonly #taps: number;
  /** Input samples consumed per output step, and outputs made at each step. */
  readonly #step: number;
  #work: Float64Array;
  /** Input that has not completed a step yet (only when going down with odd frame sizes). */
  #pending = 0;

  /** @throws RangeError when the ratio is not a whole number either way. */
  constructor(from: SampleRate, to: SampleRate) {
    const factor = Math.max(from, to) / Math.min(from, to);
    if (!Number.isInteger(factor)) throw new RangeError(`cannot resample ${from} Hz to ${to} Hz`);
    this.from = from;
    this.to = to;
    const up = to > from;
    this.#step = up ? 1 : factor;
    this.#phases = factor === 1 ? [new Float64Array([1])] : polyphase(factor, up);
    this.#taps = this.#phases[0]!.length;
    this.#work = new Float64Array(this.#taps + 960 + factor);
  }

  /** Samples that `process` may write for `count` samples of input. */
  outputLength(count: number): number {
    return Math.ceil((count * this.to) / this.from);
  }

  /**
   * Converts the next piece of the stream.
   * @returns samples written to `out`, which must have room for `outputLength(pcm.length)`
   */
  process(pcm: Int16Array, out: Int16Array): number {
    const history = this.#taps - 1;
    const available = this.#pending + pcm.length;
    this.#reserve(history + available);
    const work = this.#work;
    const start = history + this.#pending;
    for (let i = 0; i < pcm.length; i++) work[start + i] = pcm[i]!;
    const steps = Math.floor(available / this.#step);
    let written = 0;
    for (let step = 0, at = this.#step - 1; step < steps; step++, at += this.#step) {
      for (const phase of this.#phases) out[written++] = convolve(work, at, phase);
    }
    this.#pending = available - steps * this.#step;
    work.copyWithin(0, steps * this.#step, history + available);
    return written;
  }

  #reserve(length: number): void {
    if (this.#work.length >= length) return;
    const work = new Float64Array(2 * length);
    work.set(this.#work);
    this.#work = work;
  }
}

function convolve(work: Float64Array, at: number, coefficients: Float64Array): number {
  // Four sums, because each addition would otherwise wait for the one before it.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const taps = coefficients.length;
  const whole = taps & ~3;
  for (let tap = 0, p = at; tap < whole; tap += 4, p += 4) {
    a += work[p]! * coefficients[tap]!;
    b += work[p + 1]! * coefficients[tap + 1]!;
    c += work[p + 2]! * coefficients[tap + 2]!;
    d += work[p + 3]! * coefficients[tap + 3]!;
  }
  for (let tap = whole; tap < taps; tap++) a += work[at + tap]! * coefficients[tap]!;
  return Math.max(-32768, Math.min(32767, Math.round(a + b + c + d)));
}

function polyphase(factor: number, up: boolean): Float64Array[] {
  const prototype = lowPass(SPAN * factor, 0.5 / factor);
  if (!up) return [prototype.reverse()];
  // Interpolation: each phase has every factor-th coefficient and makes up for the zeros between the samples.
  const phases: Float64Array[] = [];
  for (let phase = 0; phase < factor; phase++) {
    const part = new Float64Array(SPAN);
    for (let tap = 0; tap < SPAN; tap++) part[SPAN - 1 - tap] = factor * prototype[tap * factor + phase]!;
    phases.push(part);
  }
  return phases;
}

/** Windowed sinc of unit gain at DC; `cutoff` in cycles per sample. */
function lowPass(length: number, cutoff: number): Float64Array {
  const taps = new Float64Array(length);
  const centre = (length - 1) / 2;
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const x = i - centre;
    const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
    const window = besselI0(KAISER_BETA * Math.sqrt(1 - (x / centre) ** 2)) / besselI0(KAISER_BETA);
    taps[i] = sinc * window;
    sum += taps[i]!;
  }
  return taps.map((tap) => tap / sum);
}

function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
