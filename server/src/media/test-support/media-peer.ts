import {
  type AudioCodec,
  AudioPlayout,
  createOpusCodec,
  DtmfReceiver,
  DtmfSender,
  G711Codec,
  parseRtcp,
  RtcpSession,
  RtpPacket,
  ToneDetector,
  ToneGenerator,
  writeRtpPacket,
} from '@ringthrough/rtp';
import type { MediaLeg } from '../media-plane.ts';
import { RtpWire, WebrtcWire, type Wire } from './wire.ts';

export type PeerCodec = 'PCMA' | 'PCMU' | 'opus';

export interface PeerOptions {
  kind: 'rtp' | 'webrtc';
  codec: PeerCodec;
  /** The tones this peer can tell apart. */
  listenFor?: readonly number[];
}

const FORMATS: Record<PeerCodec, { payloadType: number; rtpmap: string; event: number; clock: number }> = {
  PCMU: { payloadType: 0, rtpmap: 'PCMU/8000', event: 101, clock: 8000 },
  PCMA: { payloadType: 8, rtpmap: 'PCMA/8000', event: 101, clock: 8000 },
  opus: { payloadType: 111, rtpmap: 'opus/48000/2', event: 110, clock: 48_000 },
};

const now = () => performance.timeOrigin + performance.now();

/** A telephone for tests: sends a tone or silence, hears which tones come, presses keys and hears them. */
export class MediaPeer {
  readonly wire: RtpWire | WebrtcWire;
  readonly codecName: PeerCodec;
  readonly heard: ToneDetector;
  readonly keys: string[] = [];
  /** SSRCs heard, in order. */
  readonly ssrcs: number[] = [];
  packets = 0;
  /** The SDP that answered this peer's last offer. */
  lastAnswer = '';
  rtcpKinds = new Set<string>();
  /** Sequence numbers that did not follow the one before. */
  gaps = 0;
  #lastSequence: number | undefined;
  readonly #codec: AudioCodec;
  readonly #playout: AudioPlayout;
  readonly #presses: DtmfSender;
  readonly #pressed: DtmfReceiver;
  readonly #reports: RtcpSession;
  readonly #ssrc = Math.floor(Math.random() * 2 ** 32);
  readonly #timer: NodeJS.Timeout;
  #nextFrameAt = performance.now();
  #tone: ToneGenerator | undefined;
  #sending = false;
  #sequence = 100;
  #timestamp = 5000;

  private constructor(wire: RtpWire | WebrtcWire, codec: AudioCodec, options: PeerOptions) {
    this.wire = wire;
    this.codecName = options.codec;
    this.#codec = codec;
    this.#playout = new AudioPlayout({ codec });
    const { clock } = FORMATS[options.codec];
    this.#presses = new DtmfSender({ clockRate: clock });
    this.#pressed = new DtmfReceiver({ clockRate: clock });
    this.#reports = new RtcpSession({ ssrc: this.#ssrc, cname: 'peer', clockRate: clock });
    const frequencies = options.listenFor ?? [440, 1000, 1700];
    this.heard = new ToneDetector({ sampleRate: codec.sampleRate, frequencies });
    wire.onRtp = (packet) => this.#onRtp(packet);
    wire.onRtcp = (packet) => this.#onRtcp(packet);
    this.#timer = setInterval(() => this.#beat(), 10);
  }

  static async open(options: PeerOptions): Promise<MediaPeer> {
    const wire: Wire = options.kind === 'rtp' ? await RtpWire.open() : await WebrtcWire.open();
    const codec =
      options.codec === 'opus' ? await createOpusCodec({ sampleRate: 8000 }) : new G711Codec(options.codec);
    return new MediaPeer(wire as RtpWire | WebrtcWire, codec, options);
  }

  /** @param extra lines behind the audio: direction, further m-lines */
  sdp(setup = 'actpass', extra: readonly string[] = ['a=sendrecv']): string {
    const { payloadType, rtpmap, event, clock } = FORMATS[this.codecName];
    const lines = [
      'v=0',
      'o=peer 1 1 IN IP4 127.0.0.1',
      's=-',
      'c=IN IP4 127.0.0.1',
      't=0 0',
      `m=audio ${this.wire.port} ${this.wire.protocol} ${payloadType} ${event}`,
      `a=rtpmap:${payloadType} ${rtpmap}`,
      `a=rtpmap:${event} telephone-event/${clock}`,
      `a=fmtp:${event} 0-15`,
      ...this.wire.attributes(setup),
      ...extra,
    ];
    return `${lines.join('\r\n')}\r\n`;
  }

  /** This peer calls. */
  async offerTo(leg: MediaLeg, extra?: readonly string[]): Promise<string> {
    const answer = await leg.acceptOffer(this.sdp('actpass', extra));
    this.lastAnswer = answer;
    this.wire.setRemote(answer, 'offerer');
    return answer;
  }

  /** This peer is called. */
  async answerTo(leg: MediaLeg): Promise<string> {
    const offer = await leg.createOffer();
    this.wire.setRemote(offer, 'answerer');
    await leg.acceptAnswer(this.sdp('active'));
    return offer;
  }

  /** Sends from now on: this tone, or silence. */
  speak(hz?: number): void {
    this.#tone = hz === undefined ? undefined : this.#toneOf(hz);
    this.#sending = true;
  }

  #toneOf(hz: number): ToneGenerator {
    return new ToneGenerator({ sampleRate: this.#codec.sampleRate, frequencies: [hz] });
  }

  mute(): void {
    this.#sending = false;
  }

  press(key: string): void {
    this.#presses.press(key, 120);
  }

  sendReport(): void {
    this.wire.sendRtcp(Buffer.from(this.#reports.report(now())));
  }

  /** A frame for every 20 ms that have passed: a busy machine must not slow the peer's clock down. */
  #beat(): void {
    for (; this.#nextFrameAt <= performance.now(); this.#nextFrameAt += 20) this.#tick();
  }

  #tick(): void {
    const pcm = new Int16Array(this.#codec.sampleRate / 50);
    this.#playout.read(pcm, now());
    this.heard.push(pcm);
    if (!this.#sending) return;
    this.#timestamp = (this.#timestamp + this.#codec.clockRate / 50) >>> 0;
    const event = Buffer.alloc(4);
    const frame = this.#presses.tick(this.#timestamp, event);
    const { payloadType, event: eventType } = FORMATS[this.codecName];
    if (frame) {
      this.#send({ payloadType: eventType, payload: event, ...frame });
      return;
    }
    pcm.fill(0);
    this.#tone?.fill(pcm);
    const payload = new Uint8Array(1500);
    const length = this.#codec.encode(pcm, payload);
    this.#send({
      payloadType,
      payload: payload.subarray(0, length),
      timestamp: this.#timestamp,
      marker: false,
    });
  }

  #send(fields: { payloadType: number; payload: Uint8Array; timestamp: number; marker: boolean }): void {
    const out = Buffer.alloc(1600);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const length = writeRtpPacket(out, { ...fields, sequenceNumber: this.#sequence, ssrc: this.#ssrc });
    this.wire.sendRtp(out.subarray(0, length));
    this.#reports.sent(fields.timestamp, fields.payload.length, now());
  }

  #onRtp(bytes: Buffer): void {
    const packet = RtpPacket.parse(bytes);
    if (!packet) return;
    this.packets++;
    this.#reports.received(packet, now());
    if (this.ssrcs.at(-1) !== packet.ssrc) this.ssrcs.push(packet.ssrc);
    if (this.#lastSequence !== undefined && packet.sequenceNumber !== ((this.#lastSequence + 1) & 0xffff))
      this.gaps++;
    this.#lastSequence = packet.sequenceNumber;
    const { payloadType, event } = FORMATS[this.codecName];
    if (packet.payloadType === payloadType) this.#playout.push(packet, now());
    else if (packet.payloadType === event) {
      const presses = this.#pressed.receive(packet.timestamp, packet.payload, now());
      for (const press of presses) this.keys.push(press.key);
    }
  }

  #onRtcp(bytes: Buffer): void {
    this.#reports.receivedRtcp(bytes, now());
    for (const packet of parseRtcp(bytes) ?? []) this.rtcpKinds.add(packet.kind);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#codec.close();
    await this.wire.close();
  }
}

/** Waits until it is so. @throws when it is not so in time, with what was waited for */
export async function until(what: string, condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
