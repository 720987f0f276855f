import { ToneGenerator, writeWav } from '@ringthrough/rtp';
import type { Clock } from '@ringthrough/sip';
import {
  type LegReport,
  MediaError,
  type MediaLeg,
  type MediaLegEvents,
  type MediaPlane,
  type OpenLegOptions,
  type PlaySource,
  type RecordingResult,
  type RecordOptions,
} from '../media-plane.ts';

/**
 * Media without a network, for tests whose network is in memory: keeps the order of things that the interface
 * demands, and time on the test's clock. A recording writes a real file.
 */
export class FakeMedia implements MediaPlane {
  readonly legs: FakeLeg[] = [];
  readonly connections: Array<[FakeLeg, FakeLeg]> = [];
  readonly clock: Clock;
  /** What the next recordings will hold. */
  voiceMs = 2000;
  greetingMs = 5000;
  /** A recording fails when it is finished. */
  diskFull = false;
  portsFree = 100;
  /** The engine has ended, and no other is there yet. */
  lost = false;
  #count = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async openLeg(options: OpenLegOptions): Promise<FakeLeg> {
    return this.#newLeg(options);
  }

  #newLeg(options: OpenLegOptions): FakeLeg {
    const refusal = this.#refusal();
    if (refusal) throw refusal;
    this.#count += 1;
    const leg = new FakeLeg(this, `leg${this.#count}`, options);
    this.legs.push(leg);
    return leg;
  }

  #refusal(): MediaError | undefined {
    if (this.lost) return new MediaError('closed', 'media engine has ended');
    return this.open.length >= this.portsFree ? new MediaError('no-free-port', 'no free port') : undefined;
  }

  async openOfferingLeg(options: OpenLegOptions) {
    const leg = await this.openLeg(options);
    return { leg, sdp: await leg.createOffer() };
  }

  openAnsweringLeg(options: OpenLegOptions, offer: string) {
    const refusal = this.#refusal();
    if (refusal) return { leg: new FakeLeg(this, 'none', options), answer: Promise.reject(refusal) };
    const leg = this.#newLeg(options);
    const answer = leg.acceptOffer(offer).catch(async (error: unknown) => {
      await leg.close();
      throw error;
    });
    return { leg, answer };
  }

  async connect(a: MediaLeg, b: MediaLeg): Promise<void> {
    const [left, right] = [a as FakeLeg, b as FakeLeg];
    if (!left.negotiated || !right.negotiated) throw new MediaError('wrong-state', 'not negotiated');
    this.connections.push([left, right]);
  }

  get open(): FakeLeg[] {
    return this.legs.filter((leg) => !leg.closed);
  }

  async stats() {
    return { legs: this.open.length, rtpPortsFree: this.portsFree - this.open.length };
  }

  async close(): Promise<void> {
    for (const leg of this.open) await leg.close();
  }
}

type Listener = (...args: unknown[]) => void;

export class FakeLeg implements MediaLeg {
  readonly id: string;
  readonly kind: MediaLeg['kind'];
  readonly options: OpenLegOptions;
  readonly played: PlaySource[] = [];
  negotiated = false;
  closed = false;
  echoing = false;
  offersTaken = 0;
  offersMade = 0;
  readonly #plane: FakeMedia;
  readonly #listeners = new Map<string, Set<Listener>>();
  #stop: ((how: 'ended' | 'stopped') => void) | undefined;
  #recording: { options: RecordOptions; timer: unknown } | undefined;
  #recorded: Promise<RecordingResult> | undefined;

  constructor(plane: FakeMedia, id: string, options: OpenLegOptions) {
    this.#plane = plane;
    this.id = id;
    this.kind = options.kind;
    this.options = options;
  }

  async createOffer(): Promise<string> {
    this.#mustBeOpen();
    this.offersMade += 1;
    return fakeSdp(this.id);
  }

  async acceptAnswer(sdp: string): Promise<void> {
    this.#take(sdp);
  }

  async acceptOffer(sdp: string): Promise<string> {
    this.#take(sdp);
    this.offersTaken += 1;
    return fakeSdp(this.id);
  }

  async play(source: PlaySource): Promise<'ended' | 'stopped'> {
    this.#mustBeOpen();
    this.played.push(source);
    const durationMs = this.#durationOf(source);
    return new Promise((resolve) => {
      const timer = this.#plane.clock.setTimeout(() => this.#stop?.('ended'), durationMs);
      this.#stop = (how) => {
        this.#plane.clock.clearTimeout(timer);
        this.#stop = undefined;
        resolve(how);
      };
    });
  }

  #durationOf(source: PlaySource): number {
    if ('parts' in source) return source.parts.reduce((sum, part) => sum + this.#durationOf(part), 0);
    if ('file' in source) return this.#plane.greetingMs;
    return 'silenceMs' in source ? source.silenceMs : source.durationMs;
  }

  async stopPlaying(): Promise<void> {
    this.#stop?.('stopped');
  }

  async record(options: RecordOptions): Promise<void> {
    this.#mustBeOpen();
    const timer = this.#plane.clock.setTimeout(() => {
      this.stopRecording().then(
        (result) => this.emit('recordingEnded', result),
        () => this.emit('recordingFailed'),
      );
    }, options.maxDurationMs);
    this.#recording = { options, timer };
  }

  /** The disk fails while it records. */
  async failRecording(): Promise<void> {
    this.#plane.diskFull = true;
    await this.stopRecording().catch(() => undefined);
    this.emit('recordingFailed');
  }

  async stopRecording(): Promise<RecordingResult> {
    if (this.#recording !== undefined) {
      this.#recorded = this.#finish(this.#recording);
      this.#recording = undefined;
    }
    if (this.#recorded === undefined) throw new MediaError('wrong-state', 'not recording');
    return this.#recorded;
  }

  async #finish({ options, timer }: { options: RecordOptions; timer: unknown }): Promise<RecordingResult> {
    this.#plane.clock.clearTimeout(timer);
    if (this.#plane.diskFull) throw new Error('ENOSPC: no space left on device');
    const durationMs = this.#plane.voiceMs + 500;
    const samples = new Int16Array(8 * durationMs);
    new ToneGenerator({ sampleRate: 8000, frequencies: [440] }).fill(
      samples.subarray(0, 8 * this.#plane.voiceMs),
    );
    await writeWav(options.path, { sampleRate: 8000, channels: 1, samples });
    return { path: options.path, durationMs, voiceMs: this.#plane.voiceMs };
  }

  async echo(): Promise<void> {
    this.#mustBeOpen();
    this.echoing = true;
  }

  on<E extends keyof MediaLegEvents>(event: E, listener: (...args: MediaLegEvents[E]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    const entry = listener as Listener;
    this.#listeners.set(event, listeners.add(entry));
    return () => listeners.delete(entry);
  }

  emit<E extends keyof MediaLegEvents>(event: E, ...args: MediaLegEvents[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      listener(...args);
    }
  }

  async close(): Promise<LegReport> {
    this.closed = true;
    this.#stop?.('stopped');
    this.#plane.clock.clearTimeout(this.#recording?.timer);
    return {
      codec: this.kind === 'webrtc' ? 'opus' : 'PCMU',
      packetsSent: 100,
      packetsReceived: 100,
      packetsLost: 1,
      jitterMs: 2,
      roundTripMs: 10,
      firstPacketAt: undefined,
    };
  }

  #take(sdp: string): void {
    this.#mustBeOpen();
    if (!sdp.startsWith('v=0')) throw new MediaError('bad-sdp', 'no SDP');
    if (!/ RTP\/AVP.*\b[08]\b/.test(sdp)) throw new MediaError('no-common-codec', 'no common codec');
    this.negotiated = true;
  }

  #mustBeOpen(): void {
    if (this.closed) throw new MediaError('closed', 'the leg is closed');
  }
}

/** Enough of an SDP to be told apart. */
export function fakeSdp(name: string, payloadTypes = '0 8', direction = 'sendrecv'): string {
  return [
    'v=0',
    `o=${name} 1 1 IN IP4 10.0.0.1`,
    's=-',
    'c=IN IP4 10.0.0.1',
    't=0 0',
    `m=audio 4000 RTP/AVP ${payloadTypes}`,
    `a=${direction}`,
    '',
  ].join('\r\n');
}
