import workletUrl from './pcm-worklet.ts?worker&url';

/** The line carries 300–3400 Hz at 8 kHz; what is above would come back as noise when the rate is changed. */
const lineBandwidthHz = 3400;
const bytesPerFrame = 320;

/** One handset's sound in one call: a level for the meter at once, microphone and loudspeaker when asked. */
export class CallAudio {
  readonly #url: string;
  readonly #onLevel: (level: number) => void;
  #socket: WebSocket | undefined;
  #context: AudioContext | undefined;
  #stream: MediaStream | undefined;
  #worklet: AudioWorkletNode | undefined;
  #level = 0;
  #frames = 0;

  constructor(url: string, onLevel: (level: number) => void) {
    this.#url = url;
    this.#onLevel = onLevel;
  }

  open(): void {
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer && data.byteLength === bytesPerFrame) this.#hear(new Int16Array(data));
    });
    this.#socket = socket;
  }

  /** Starts loudspeaker and microphone. @returns whether there is a microphone */
  async goLive(): Promise<boolean> {
    const context = new AudioContext({ latencyHint: 'interactive' });
    this.#context = context;
    await context.audioWorklet.addModule(workletUrl);
    await context.resume();
    // Closed by the person while the module was loading.
    if (context.state === 'closed') return false;
    const worklet = new AudioWorkletNode(context, 'pcm-line', { outputChannelCount: [1] });
    worklet.port.onmessage = ({ data }) => this.#send(data);
    worklet.connect(lowPass(context)).connect(context.destination);
    this.#worklet = worklet;
    const constraints = { audio: { echoCancellation: true, noiseSuppression: true, channelCount: 1 } };
    const stream = await navigator.mediaDevices?.getUserMedia(constraints).catch(() => undefined);
    if (stream === undefined) return false;
    if (this.#context !== context) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    this.#stream = stream;
    context.createMediaStreamSource(stream).connect(lowPass(context)).connect(worklet);
    return true;
  }

  /** Microphone and loudspeaker off; the meter goes on. */
  silence(): void {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    if (this.#context?.state !== 'closed') void this.#context?.close();
    this.#stream = undefined;
    this.#context = undefined;
    this.#worklet = undefined;
  }

  close(): void {
    this.silence();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #hear(pcm: Int16Array<ArrayBuffer>): void {
    let peak = 0;
    for (const sample of pcm) peak = Math.max(peak, Math.abs(sample));
    // Quick up, slow down, on a scale of 60 dB.
    const value = peak === 0 ? 0 : Math.max(0, 1 + (20 * Math.log10(peak / 32768)) / 60);
    this.#level = Math.max(value, this.#level * 0.85);
    this.#frames += 1;
    if (this.#frames % 3 === 0) this.#onLevel(this.#level);
    this.#worklet?.port.postMessage(pcm, [pcm.buffer]);
  }

  #send(data: unknown): void {
    if (data instanceof Int16Array && this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(data.buffer as ArrayBuffer);
    }
  }
}

function lowPass(context: AudioContext): BiquadFilterNode {
  return new BiquadFilterNode(context, { type: 'lowpass', frequency: lineBandwidthHz, Q: 0.7 });
}
