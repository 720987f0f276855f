/**
 * Packet loss concealment for codecs that have none of their own, after the idea of G.711 appendix I: repeat the last
 * pitch period, fade it out within 60 ms, and cross-fade back into the real signal.
 */
export class Concealment {
  readonly #history: Int16Array;
  readonly #minPitch: number;
  readonly #maxPitch: number;
  readonly #fadeSamples: number;
  readonly #overlap: number;
  /** Samples made since the last real one; 0 while nothing is lost. */
  #made = 0;
  #pitch = 0;

  constructor(sampleRate: number) {
    this.#minPitch = Math.round(sampleRate / 200);
    this.#maxPitch = Math.round(sampleRate / 66);
    this.#fadeSamples = Math.round(sampleRate * 0.06);
    this.#overlap = Math.round(sampleRate * 0.004);
    this.#history = new Int16Array(3 * this.#maxPitch);
  }

  /** Takes note of real audio. The first frame after a loss is cross-faded, in place, with what was being made up. */
  heard(pcm: Int16Array, count: number): void {
    if (this.#made > 0) {
      const overlap = Math.min(this.#overlap, count);
      for (let i = 0; i < overlap; i++) {
        const share = (i + 1) / (overlap + 1);
        pcm[i] = Math.round(share * pcm[i]! + (1 - share) * this.#next());
      }
      this.#made = 0;
    }
    const history = this.#history;
    const kept = Math.min(count, history.length);
    history.copyWithin(0, kept);
    history.set(pcm.subarray(count - kept, count), history.length - kept);
  }

  /** @returns `count`, the samples written to `out` */
  conceal(out: Int16Array, count: number): number {
    if (this.#made === 0) this.#pitch = this.#findPitch();
    for (let i = 0; i < count; i++) out[i] = this.#next();
    return count;
  }

  #next(): number {
    const history = this.#history;
    const gain = Math.max(0, 1 - this.#made / this.#fadeSamples);
    const sample = history[history.length - this.#pitch + (this.#made % this.#pitch)]!;
    this.#made++;
    return Math.round(gain * sample);
  }

  /** The lag at which the newest audio resembles itself most (normalised cross-correlation, every second sample). */
  #findPitch(): number {
    const history = this.#history;
    const window = this.#maxPitch;
    const start = history.length - window;
    let best = this.#maxPitch;
    let bestScore = 0;
    for (let lag = this.#minPitch; lag <= this.#maxPitch; lag++) {
      let product = 0;
      let energy = 1;
      for (let i = start; i < history.length; i += 2) {
        const past = history[i - lag]!;
        product += history[i]! * past;
        energy += past * past;
      }
      const score = product > 0 ? (product * product) / energy : 0;
      if (score > bestScore) {
        bestScore = score;
        best = lag;
      }
    }
    return best;
  }
}
