import { type AudioCodec, createOpusCodec, G711Codec, RtpPacket } from '@ringthrough/rtp';
import {
  type CodecName,
  type LegKind,
  type LegReport,
  MediaError,
  type MediaLegEvents,
  type PlaySource,
  type RecordingResult,
  type RecordOptions,
} from '../media-plane.ts';
import { LegStream } from './leg-stream.ts';
import type { LegTransport } from './leg-transport.ts';
import type { PacketSink } from './packet-sink.ts';
import { openSource } from './pcm-source.ts';
import { Player } from './player.ts';
import { Recorder } from './recorder.ts';
import { RelaySink } from './relay-sink.ts';
import type { RtpSender } from './rtp-sender.ts';
import type { Scheduler } from './scheduler.ts';
import { type Agreement, agreeOnAnswer, agreeOnOffer, parseRemote, type RemoteAudio } from './sdp.ts';
import { type LocalAudio, writeAnswer, writeOffer } from './sdp-write.ts';

export interface LegOptions {
  id: string;
  callId: string;
  kind: LegKind;
  codecs: readonly CodecName[];
  addresses: readonly string[];
  transport: LegTransport;
  scheduler: Scheduler;
  silenceTimeoutMs: number;
  /** Unix time in milliseconds that never goes back. */
  now: () => number;
  emit: <E extends keyof MediaLegEvents>(event: E, ...args: MediaLegEvents[E]) => void;
}

/** What a leg knows of the bridge it is part of. */
export interface LegBridge {
  /** The codec of a leg has changed. */
  refresh(): Promise<void>;
  end(): void;
}

/** For playing, recording and everything else that is not next to another codec. */
const OPUS_RATE = 16_000;

/** One leg in the worker: its negotiation, and what is done with its media. */
export class Leg {
  #id: string;
  #callId: string;
  #codecs: readonly CodecName[];
  readonly stream: LegStream;
  readonly #options: LegOptions;
  readonly #sessionId = Math.floor(Math.random() * 2 ** 48);
  readonly #packet = new RtpPacket();
  #version = 0;
  #offerPending = false;
  #remote: RemoteAudio | undefined;
  /** Who takes the packets that come in. */
  sink: PacketSink | undefined;
  bridge: LegBridge | undefined;
  #codec: AudioCodec | undefined;
  #codecQueue: Promise<unknown> = Promise.resolve();
  #player: Player | undefined;
  #recorder: Recorder | undefined;
  #recorded: Promise<RecordingResult> | undefined;
  #firstPacketAt: number | undefined;
  /** Since when packets are expected; undefined: not at all. */
  #expectedSince: number | undefined;
  #heardAt = 0;
  #silent = false;
  #closing: Promise<LegReport> | undefined;

  constructor(options: LegOptions) {
    this.#id = options.id;
    this.#callId = options.callId;
    this.#codecs = options.codecs;
    this.#options = options;
    this.stream = new LegStream(options.transport, (key, durationMs) =>
      options.emit('dtmf', { key, durationMs }),
    );
  }

  get id(): string {
    return this.#id;
  }

  get callId(): string {
    return this.#callId;
  }

  get codecName(): CodecName | undefined {
    return this.stream.codec;
  }

  get sender(): RtpSender | undefined {
    return this.stream.sender;
  }

  get eventClockRate(): number | undefined {
    return this.stream.eventClockRate;
  }

  createOffer(): string {
    this.#offerPending = true;
    return writeOffer(this.#local(), this.#codecs, this.#remote);
  }

  /** An offer of these codecs, of which nothing comes unless the leg is adopted with it. */
  prepareOffer(codecs: readonly CodecName[]): string {
    const offer = writeOffer(this.#local(), codecs, undefined);
    this.#version = 0;
    return offer;
  }

  /** A leg that was opened for later has its call now. `offered`: its peer gets the offer that was prepared. */
  adopt(call: { id: string; callId: string; codecs: readonly CodecName[]; offered: boolean }): void {
    this.#id = call.id;
    this.#callId = call.callId;
    this.#codecs = call.codecs;
    this.#offerPending = call.offered;
    if (call.offered) this.#version = 1;
  }

  async acceptAnswer(text: string): Promise<void> {
    if (!this.#offerPending && !this.#remote)
      throw new MediaError('wrong-state', 'there is no offer to answer');
    const remote = parseRemote(text, this.#options.kind);
    const agreement = agreeOnAnswer(remote, this.#codecs);
    this.#offerPending = false;
    await this.#apply(remote, agreement, 'answer');
  }

  async acceptOffer(text: string): Promise<string> {
    if (this.#offerPending) throw new MediaError('wrong-state', 'our own offer is not answered yet');
    const remote = parseRemote(text, this.#options.kind);
    const agreement = agreeOnOffer(remote, this.#codecs);
    await this.#apply(remote, agreement, 'offer');
    return writeAnswer(this.#local(), remote, agreement);
  }

  #local(): LocalAudio {
    const { kind, addresses, transport } = this.#options;
    const { ssrc, cname } = this.stream;
    const version = ++this.#version;
    return { kind, addresses, ssrc, cname, sessionId: this.#sessionId, version, ...transport.local() };
  }

  async #apply(remote: RemoteAudio, agreement: Agreement, from: 'offer' | 'answer'): Promise<void> {
    const now = this.#options.now();
    this.#remote = remote;
    this.#options.transport.setRemote(remote, from);
    const changed = this.stream.agree(agreement, now);
    this.stream.sender!.enabled = remote.receives;
    // Nothing is expected of a peer on hold; afterwards its silence counts anew.
    this.#heardAt = now;
    if (!changed) return;
    this.#player?.stop();
    // A file has one sample rate, a recording one decoder.
    await this.#endRecording();
    await this.bridge?.refresh();
  }

  /** The codec in use, made for PCM of that rate (Opus; G.711 always has 8 kHz). One at a time; others are closed. */
  takeCodec(opusRate: 8000 | 16_000): Promise<AudioCodec> {
    const taken = this.#codecQueue.then(async () => {
      const name = this.#required();
      const rate = name === 'opus' ? opusRate : 8000;
      const codec = this.#codec;
      if (codec?.name === name && codec.sampleRate === rate) return codec;
      const made = name === 'opus' ? await createOpusCodec({ sampleRate: opusRate }) : new G711Codec(name);
      if (this.#closing) {
        made.close();
        throw new MediaError('closed', 'the leg is closed');
      }
      this.#codec?.close();
      this.#codec = made;
      return made;
    });
    this.#codecQueue = taken.catch(() => undefined);
    return taken;
  }

  /** The agreed codec. @throws MediaError `wrong-state` */
  #required(): CodecName {
    const name = this.codecName;
    if (!name) throw new MediaError('wrong-state', 'the leg is not negotiated yet');
    return name;
  }

  #requireFree(): void {
    this.#required();
    if (this.bridge) throw new MediaError('wrong-state', 'the leg is connected');
  }

  async play(source: PlaySource): Promise<'ended' | 'stopped'> {
    this.#requireFree();
    const codec = await this.takeCodec(OPUS_RATE);
    const pcm = await openSource(source, codec.sampleRate as 8000 | 16_000);
    this.#requireFree();
    this.#requireOpen();
    this.#player?.stop();
    this.expectMedia();
    const { scheduler, transport } = this.#options;
    return new Promise((resolve) => {
      const player = new Player({
        source: pcm,
        codec,
        output: {
          ready: () => transport.ready,
          send: (payload, ticks, now) => this.sender?.sendFrame(payload, ticks, now),
        },
        onDone: (how) => {
          scheduler.remove(player);
          if (this.#player === player) this.#player = undefined;
          resolve(how);
        },
      });
      this.#player = player;
      scheduler.add(player);
    });
  }

  stopPlaying(): void {
    this.#player?.stop();
  }

  async record(options: RecordOptions): Promise<void> {
    this.#requireFree();
    const codec = await this.takeCodec(OPUS_RATE);
    if (this.#recorder) throw new MediaError('wrong-state', 'the leg is recording already');
    const recorder = await Recorder.start(codec, options, () => void this.#endRecording());
    if (this.#closing || this.bridge || this.#recorder) {
      await recorder.finish();
      throw new MediaError(this.#closing ? 'closed' : 'wrong-state', 'the leg has been put to other use');
    }
    this.#recorder = recorder;
    this.#recorded = undefined;
    this.sink = recorder;
    this.expectMedia();
    this.#options.scheduler.add(recorder);
  }

  async stopRecording(): Promise<RecordingResult> {
    const recorder = this.#detachRecorder();
    if (recorder) this.#recorded = recorder.finish();
    if (!this.#recorded) throw new MediaError('wrong-state', 'nothing was recorded');
    return this.#recorded;
  }

  /** Ends the recording by itself, and says so. */
  async #endRecording(): Promise<void> {
    const recorder = this.#detachRecorder();
    if (!recorder) return;
    this.#recorded = recorder.finish();
    // Why it failed is told to whoever asks for the result.
    const result = await this.#recorded.catch(() => undefined);
    if (result) this.#options.emit('recordingEnded', result);
    else this.#options.emit('recordingFailed');
  }

  #detachRecorder(): Recorder | undefined {
    const recorder = this.#recorder;
    if (!recorder) return undefined;
    this.#recorder = undefined;
    this.#options.scheduler.remove(recorder);
    if (this.sink === recorder) this.sink = undefined;
    return recorder;
  }

  echo(): void {
    this.#requireFree();
    if (this.#recorder) throw new MediaError('wrong-state', 'the leg is recording');
    this.#player?.stop();
    this.sink = new RelaySink(this, this);
    this.expectMedia();
  }

  /** Frees the leg for a bridge. @throws MediaError `wrong-state` */
  prepareForBridge(): void {
    this.#required();
    if (this.#recorder) throw new MediaError('wrong-state', 'the leg is recording');
    this.#player?.stop();
    this.bridge?.end();
    this.sink = undefined;
    this.expectMedia();
  }

  /** From now on silence of the peer counts. */
  expectMedia(): void {
    this.#expectedSince ??= this.#options.now();
  }

  onRtp(buffer: Buffer, length: number): void {
    const packet = this.#packet;
    if (this.#closing || !packet.parse(buffer, length)) return;
    const now = this.#options.now();
    this.#heardAt = now;
    this.#silent = false;
    const kind = this.stream.receive(packet, now);
    if (!kind) return;
    if (this.#firstPacketAt === undefined) {
      this.#firstPacketAt = Math.round(now);
      this.expectMedia();
      this.#options.emit('media');
    }
    this.sink?.onPacket(packet, kind, now);
  }

  onRtcp(bytes: Uint8Array): void {
    if (!this.#closing) this.stream.receiveRtcp(bytes, this.#options.now());
  }

  /** The path to the peer is broken for good. */
  onFailed(): void {
    if (this.#closing || this.#silent) return;
    this.#silent = true;
    this.#options.emit('silent');
  }

  /** Called several times a second. */
  check(now: number): void {
    const loss = this.stream.check(now);
    if (loss !== undefined) this.#codec?.setExpectedLoss?.(100 * loss);
    if (this.#silent || this.#expectedSince === undefined || !this.#remote?.sends) return;
    if (now - Math.max(this.#heardAt, this.#expectedSince) < this.#options.silenceTimeoutMs) return;
    this.#silent = true;
    this.#options.emit('silent');
  }

  #requireOpen(): void {
    if (this.#closing) throw new MediaError('closed', 'the leg is closed');
  }

  /** Idempotent. Resolves when the recording is on the disk and the ports are free. */
  close(): Promise<LegReport> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<LegReport> {
    this.bridge?.end();
    this.sink = undefined;
    this.#player?.stop();
    this.stream.end(this.#options.now());
    const report = this.stream.report(this.#firstPacketAt);
    await this.#endRecording();
    await this.#options.transport.close();
    await this.#codecQueue;
    this.#codec?.close();
    return report;
  }
}
