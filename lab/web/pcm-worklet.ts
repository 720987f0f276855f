/** Runs in the audio thread: microphone to 8 kHz frames, 8 kHz frames to the loudspeaker. */

declare const sampleRate: number;
declare const registerProcessor: (name: string, processor: new () => AudioWorkletProcessor) => void;
declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

const lineRate = 8000;
const frameSamples = 160;
/** Start playing with this much in hand, and never hold more than the most. */
const prefill = 3 * frameSamples;
const most = 12 * frameSamples;

class PcmLine extends AudioWorkletProcessor {
  readonly #step = lineRate / sampleRate;
  readonly #queue: number[] = [];
  #playing = false;
  #playPosition = 0;
  #previousOut = 0;
  #frame = new Int16Array(frameSamples);
  #filled = 0;
  #recordPosition = 0;
  #previousIn = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (!(data instanceof Int16Array)) return;
      for (const sample of data) this.#queue.push(sample / 32768);
      if (this.#queue.length > most) this.#queue.splice(0, this.#queue.length - prefill);
    };
  }

  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const microphone = inputs[0]?.[0];
    const loudspeaker = outputs[0]?.[0];
    if (microphone !== undefined) this.#record(microphone);
    if (loudspeaker !== undefined) this.#play(loudspeaker);
    return true;
  }

  /** Linear interpolation is enough: a filter beside the worklet has taken out what is above the line's band. */
  #record(input: Float32Array): void {
    for (const sample of input) {
      this.#recordPosition += this.#step;
      if (this.#recordPosition >= 1) {
        this.#recordPosition -= 1;
        const share = this.#recordPosition / this.#step;
        this.#emit(sample + (this.#previousIn - sample) * share);
      }
      this.#previousIn = sample;
    }
  }

  #emit(value: number): void {
    this.#frame[this.#filled] = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    this.#filled += 1;
    if (this.#filled < frameSamples) return;
    this.port.postMessage(this.#frame, [this.#frame.buffer]);
    this.#frame = new Int16Array(frameSamples);
    this.#filled = 0;
  }

  #play(output: Float32Array): void {
    if (!this.#playing && this.#queue.length >= prefill) this.#playing = true;
    for (let index = 0; index < output.length; index += 1) output[index] = this.#playing ? this.#next() : 0;
  }

  #next(): number {
    this.#playPosition += this.#step;
    while (this.#playPosition >= 1) {
      this.#playPosition -= 1;
      const sample = this.#queue.shift();
      if (sample === undefined) {
        this.#playing = false;
        this.#previousOut = 0;
        return 0;
      }
      this.#previousOut = sample;
    }
    const following = this.#queue[0] ?? this.#previousOut;
    return this.#previousOut + (following - this.#previousOut) * this.#playPosition;
  }
}

registerProcessor('pcm-line', PcmLine);
