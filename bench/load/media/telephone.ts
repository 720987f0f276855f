import { type AudioCodec, createOpusCodec, G711Codec, ToneDetector, writeRtpHeader } from '@ringthrough/rtp';
import type { WebrtcWire } from '../../../server/src/media/test-support/wire.ts';
import { Histogram } from './histogram.ts';
import type { RtpSockets } from './rtp-sockets.ts';
import { MARKERS, type Voice } from './voices.ts';

const HEADER = 12;
const FRAME_MS = 20;
/** A stream that begins so late in a window, or ends so early, has a hole there. */
const HOLE_MS = 200;

/** How packets leave. */
export interface Line {
  readonly protocol: string;
  readonly port: number;
  /** SDP attributes of its own. */
  attributes(): string[];
  connect(answer: string): void;
  send(packet: Buffer): void;
}

export class RtpLine implements Line {
  readonly protocol = 'RTP/AVP';
  readonly #socket;
  readonly #rtcpPort: number;
  /** Of the media plane. */
  remotePort = 0;

  constructor(sockets: RtpSockets) {
    this.#socket = sockets.take();
    this.#rtcpPort = sockets.rtcpPort;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  attributes(): string[] {
    return [`a=rtcp:${this.#rtcpPort}`];
  }

  connect(answer: string): void {
    this.remotePort = Number(/^m=audio (\d+)/m.exec(answer)?.[1]);
  }

  send(packet: Buffer): void {
    this.#socket.send(packet, this.remotePort, '127.0.0.1');
  }
}

/** A browser's end: ICE, DTLS, SRTP, on a port of its own. */
export class WebrtcLine implements Line {
  readonly protocol: string;
  readonly wire: WebrtcWire;

  constructor(wire: WebrtcWire) {
    this.wire = wire;
    this.protocol = wire.protocol;
  }

  get port(): number {
    return this.wire.port;
  }

  attributes(): string[] {
    return this.wire.attributes('actpass');
  }

  connect(answer: string): void {
    this.wire.setRemote(answer, 'offerer');
  }

  send(packet: Buffer): void {
    this.wire.sendRtp(packet);
  }
}

/** What all telephones together saw in the current window. */
export class Tally {
  /** The window whose packets are counted; 0: none. */
  window = 0;
  /** The window that packets sent now belong to; it ends earlier, for what is still on its way. */
  stamp = 0;
  sent = 0;
  received = 0;
  wrong = 0;
  readonly times = new Histogram();

  begin(window: number): void {
    this.window = window;
    this.stamp = window;
    this.sent = 0;
    this.received = 0;
    this.wrong = 0;
    this.times.clear();
  }
}

const FORMATS = {
  PCMU: { payloadType: 0, rtpmap: 'PCMU/8000', ticks: 160 },
  opus: { payloadType: 111, rtpmap: 'opus/48000/2', ticks: 960 },
};

/** One end of a call: sends its voice every 20 ms and looks at what comes. */
export class Telephone {
  readonly id: number;
  readonly line: Line;
  readonly #codec: 'PCMU' | 'opus';
  readonly #voice: Voice;
  readonly #tally: Tally;
  #sequence = Math.floor(Math.random() * 0x8000);
  #timestamp = Math.floor(Math.random() * 2 ** 31);
  readonly #ssrc = Math.floor(Math.random() * 2 ** 32);
  /** In the current window. */
  #stream = { window: 0, count: 0, firstAt: 0, lastAt: 0 };
  #ear: { decoder: AudioCodec; detector: ToneDetector; pcm: Int16Array; before: number } | undefined;
  #heardMs = 0;
  /** What a relayed packet carries, as it must arrive; undefined: what is sent is transcoded on the way. */
  readonly #stamped: Buffer | undefined;

  constructor(options: {
    id: number;
    line: Line;
    codec: 'PCMU' | 'opus';
    voice: Voice;
    tally: Tally;
    stamped: boolean;
  }) {
    this.id = options.id;
    this.line = options.line;
    this.#codec = options.codec;
    this.#voice = options.voice;
    this.#tally = options.tally;
    if (options.stamped) this.#stamped = contentOf(options.id);
  }

  /** Decodes what comes from now on and listens for the marker of the other end. */
  async listen(): Promise<void> {
    const decoder =
      this.#codec === 'opus' ? await createOpusCodec({ sampleRate: 8000 }) : new G711Codec('PCMU');
    const detector = new ToneDetector({ sampleRate: 8000, frequencies: MARKERS });
    this.#ear = { decoder, detector, pcm: new Int16Array(960), before: 0 };
  }

  get marker(): number {
    return this.#voice.marker;
  }

  offer(): string {
    const { payloadType, rtpmap } = FORMATS[this.#codec];
    const lines = [
      'v=0',
      'o=bench 1 1 IN IP4 127.0.0.1',
      's=-',
      'c=IN IP4 127.0.0.1',
      't=0 0',
      `m=audio ${this.line.port} ${this.line.protocol} ${payloadType}`,
      `a=rtpmap:${payloadType} ${rtpmap}`,
      ...this.line.attributes(),
    ];
    return `${lines.join('\r\n')}\r\n`;
  }

  speak(frame: number): void {
    const payload = this.#stamped ?? this.#voice.payloads[frame % this.#voice.payloads.length];
    if (!payload) return;
    // A new one each time: the socket may keep it for a while when it is full.
    const packet = Buffer.allocUnsafe(HEADER + payload.length);
    const { payloadType, ticks } = FORMATS[this.#codec];
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + ticks) >>> 0;
    const [sequenceNumber, timestamp, ssrc] = [this.#sequence, this.#timestamp, this.#ssrc];
    writeRtpHeader(packet, { payloadType, sequenceNumber, timestamp, ssrc });
    packet.set(payload, HEADER);
    if (this.#stamped) {
      packet.writeUInt32BE(this.#tally.stamp, HEADER + 4);
      packet.writeDoubleBE(performance.now(), HEADER + 8);
    }
    this.line.send(packet);
    if (this.#tally.stamp > 0) this.#tally.sent++;
  }

  /** A packet has come that the other end, `from`, is said to have sent. */
  hear(packet: Buffer, from: Telephone): void {
    if (this.#stamped) this.#hearStamped(packet, from);
    else this.#hearStream(packet, from);
  }

  #hearStamped(packet: Buffer, from: Telephone): void {
    const tally = this.#tally;
    const window = packet.readUInt32BE(HEADER + 4);
    if (window === 0 || window !== tally.window) return;
    tally.received++;
    tally.times.add(performance.now() - packet.readDoubleBE(HEADER + 8));
    const content = from.#stamped;
    const same =
      content !== undefined &&
      packet.readUInt32BE(HEADER) === from.id &&
      packet.compare(content, STAMP, content.length, HEADER + STAMP) === 0;
    if (!same) tally.wrong++;
  }

  #hearStream(packet: Buffer, from: Telephone): void {
    const tally = this.#tally;
    const ear = this.#ear;
    if (ear) {
      const length = ear.decoder.decode(packet.subarray(HEADER), ear.pcm);
      ear.detector.push(ear.pcm.subarray(0, length));
    }
    if (tally.stamp === 0) return;
    const now = performance.now();
    const stream = this.#stream;
    if (stream.window !== tally.window) {
      this.#stream = { window: tally.window, count: 0, firstAt: now, lastAt: now };
      if (ear) ear.before = ear.detector.heardMs(from.marker);
    } else {
      tally.times.add(now - stream.lastAt);
      stream.lastAt = now;
      stream.count++;
      if (ear) this.#heardMs = ear.detector.heardMs(from.marker) - ear.before;
    }
  }

  /** For what is not stamped: packets received in the window, how many should have been, and whether it sounded right. */
  result(beganAt: number, endedAt: number): { received: number; expected: number; wrong: number } {
    const { window, count, firstAt, lastAt } = this.#stream;
    const whole = Math.floor((endedAt - beganAt) / FRAME_MS) - 1;
    if (window !== this.#tally.window) return { received: 0, expected: whole, wrong: 0 };
    const broken = firstAt - beganAt > HOLE_MS || endedAt - lastAt > HOLE_MS;
    const expected = broken ? whole : Math.round((lastAt - firstAt) / FRAME_MS);
    const deaf = this.#ear !== undefined && this.#heardMs < 0.9 * (endedAt - beganAt);
    return { received: Math.min(count, expected), expected, wrong: deaf ? 1 : 0 };
  }

  close(): void {
    this.#ear?.decoder.close();
  }
}

/** Id, window and time of sending, in front of what is the telephone's own. */
const STAMP = 16;

function contentOf(id: number): Buffer {
  const content = Buffer.alloc(160);
  for (let i = STAMP; i < content.length; i++) content[i] = (id * 31 + i * 7 + (i * id) / 5) & 0xff;
  content.writeUInt32BE(id, 0);
  return content;
}
