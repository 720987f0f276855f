import { type AudioCodec, AudioPlayout, type RtpPacket, VoiceDetector, WavWriter } from '@ringthrough/rtp';
import { MediaError, type RecordingResult, type RecordOptions } from '../media-plane.ts';
import type { PacketSink } from './packet-sink.ts';
import type { Ticker } from './scheduler.ts';

/** Writes what a leg receives into a WAV file, silence for what does not come, and tells voice from silence. */
export class Recorder implements Ticker, PacketSink {
  readonly #options: RecordOptions;
  readonly #writer: WavWriter;
  readonly #playout: AudioPlayout;
  readonly #voice: VoiceDetector;
  readonly #frame: Int16Array;
  readonly #onLimit: () => void;
  #finishing: Promise<RecordingResult> | undefined;

  private constructor(writer: WavWriter, codec: AudioCodec, options: RecordOptions, onLimit: () => void) {
    this.#options = options;
    this.#writer = writer;
    this.#playout = new AudioPlayout({ codec });
    this.#voice = new VoiceDetector(codec.sampleRate);
    this.#frame = new Int16Array(codec.sampleRate / 50);
    this.#onLimit = onLimit;
  }

  /**
   * @param onLimit called once, when the recording has reached its maximum or its silence limit, or the disk fails
   * @throws MediaError `bad-source` when the file cannot be created
   */
  static async start(codec: AudioCodec, options: RecordOptions, onLimit: () => void): Promise<Recorder> {
    const writer = await WavWriter.create(options.path, { sampleRate: codec.sampleRate }).catch((cause) => {
      throw new MediaError('bad-source', `cannot create ${options.path}`, { cause });
    });
    return new Recorder(writer, codec, options, onLimit);
  }

  onPacket(packet: RtpPacket, kind: 'audio' | 'event', now: number): void {
    this.#playout.push(kind === 'audio' ? packet : asSilence(packet), now);
  }

  tick(now: number): void {
    if (this.#finishing) return;
    this.#playout.read(this.#frame, now);
    this.#writer.write(this.#frame);
    this.#voice.push(this.#frame);
    const { maxDurationMs, maxSilenceMs } = this.#options;
    const tooLong = this.#writer.durationMs >= maxDurationMs;
    if (
      this.#writer.failed ||
      tooLong ||
      (maxSilenceMs !== undefined && this.#voice.silenceMs >= maxSilenceMs)
    )
      this.#onLimit();
  }

  failed(): void {
    this.#onLimit();
  }

  /** Idempotent. Resolves when the file is on the disk. */
  finish(): Promise<RecordingResult> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  async #finish(): Promise<RecordingResult> {
    await this.#writer.close();
    const durationMs = Math.round(this.#writer.durationMs);
    return { path: this.#options.path, durationMs, voiceMs: Math.min(durationMs, this.#voice.voiceMs) };
  }
}

const NOTHING = new Uint8Array(0);

/** A key press keeps its place among the packets and is heard as silence. */
export function asSilence(packet: RtpPacket) {
  const { ssrc, sequenceNumber, timestamp, marker } = packet;
  return { ssrc, sequenceNumber, timestamp, marker, payload: NOTHING };
}
