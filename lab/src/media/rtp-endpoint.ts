import { randomBytes, randomInt } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import {
  AudioPlayout,
  DtmfReceiver,
  DtmfSender,
  G711Codec,
  isRtcp,
  RtcpSession,
  RtpPacket,
  reportIntervalMs,
  writeRtpPacket,
} from '@ringthrough/rtp';
import type { RemoteMedia } from '../switch/sdp.ts';
import { frameSamples } from './frame.ts';
import { bindPortPair, type PortPair } from './port-pair.ts';

const maxPacketBytes = 1500;
const dtmfPressMs = 120;

interface Terms {
  remote: RemoteMedia;
  codec: G711Codec;
  playout: AudioPlayout;
}

/** The lab's end of one plain RTP/AVP stream: G.711 and RFC 4733 keys, with RTCP beside it. */
export class RtpEndpoint {
  readonly #ports: PortPair;
  readonly #ssrc = randomBytes(4).readUInt32BE();
  readonly #rtcp = new RtcpSession({
    ssrc: this.#ssrc,
    cname: randomBytes(12).toString('base64'),
    clockRate: 8000,
  });
  readonly #dtmf = new DtmfSender({ clockRate: 8000 });
  readonly #dtmfReceiver = new DtmfReceiver({ clockRate: 8000 });
  readonly #packet = new RtpPacket();
  readonly #out = new Uint8Array(maxPacketBytes);
  readonly #payload = new Uint8Array(frameSamples);
  readonly #keys: string[] = [];
  #terms: Terms | undefined;
  #sequenceNumber = randomInt(2 ** 15);
  #timestamp = randomInt(2 ** 31);
  #marker = true;
  #reportTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(ports: PortPair) {
    this.#ports = ports;
    ports.rtp.on('message', (bytes, from) => this.#onPacket(bytes, from));
    ports.rtcp.on('message', (bytes, from) => this.#onReport(bytes, from));
  }

  /** Binds a pair of ports of `host`. @throws Error when there is none. */
  static async open(host: string): Promise<RtpEndpoint> {
    return new RtpEndpoint(await bindPortPair(host));
  }

  get port(): number {
    return this.#ports.rtp.address().port;
  }

  /** Keys the far end pressed, in order. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** Where and how to send from now on; again after a re-offer. */
  negotiate(remote: RemoteMedia): void {
    if (this.#closed) return;
    const old = this.#terms;
    if (old?.remote.codec === remote.codec && old.remote.payloadType === remote.payloadType) {
      old.remote = remote;
    } else {
      const codec = new G711Codec(remote.codec);
      this.#terms = { remote, codec, playout: new AudioPlayout({ codec }) };
    }
    if (this.#reportTimer === undefined) this.#armReport(true);
  }

  /** Sends one frame of 160 samples, or the key that is being pressed in its place. */
  send(frame: Int16Array): void {
    const terms = this.#terms;
    if (terms === undefined || this.#closed) return;
    const timestamp = this.#timestamp;
    this.#timestamp = (this.#timestamp + frameSamples) >>> 0;
    if (terms.remote.direction === 'sendonly' || terms.remote.direction === 'inactive') return;
    const { dtmfPayloadType } = terms.remote;
    const dtmf = dtmfPayloadType === undefined ? undefined : this.#dtmf.tick(timestamp, this.#payload);
    if (dtmf !== undefined && dtmfPayloadType !== undefined) {
      this.#transmit(dtmfPayloadType, dtmf.timestamp, dtmf.marker, this.#payload.subarray(0, 4));
      return;
    }
    const length = terms.codec.encode(frame, this.#payload);
    this.#transmit(terms.remote.payloadType, timestamp, this.#marker, this.#payload.subarray(0, length));
    this.#marker = false;
  }

  /** Sends a key in the next frames. Without telephone-event at the far end it is lost, as on a real trunk. */
  pressKey(key: string): void {
    this.#dtmf.press(key, dtmfPressMs);
  }

  /** The next 20 ms from the far end; `undefined` before terms are agreed or while nothing comes. */
  receive(): Int16Array | undefined {
    if (this.#terms === undefined || this.#closed) return undefined;
    const frame = new Int16Array(frameSamples);
    this.#terms.playout.read(frame, performance.now());
    return frame;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#reportTimer);
    this.#sendReport(this.#rtcp.bye(now()));
    this.#ports.rtp.close();
    // After the goodbye has left the socket.
    setImmediate(() => this.#ports.rtcp.close());
  }

  #transmit(payloadType: number, timestamp: number, marker: boolean, payload: Uint8Array): void {
    const remote = this.#terms?.remote;
    if (remote === undefined) return;
    const sequenceNumber = this.#sequenceNumber;
    this.#sequenceNumber = (sequenceNumber + 1) & 0xffff;
    const fields = { payloadType, sequenceNumber, timestamp, ssrc: this.#ssrc, marker, payload };
    const length = writeRtpPacket(this.#out, fields);
    // The socket may read the bytes after this returns, when the next frame is being written.
    this.#ports.rtp.send(Buffer.from(this.#out.subarray(0, length)), remote.port, remote.host, () => {});
    this.#rtcp.sent(timestamp, payload.length, now());
  }

  #onPacket(bytes: Uint8Array, from: RemoteInfo): void {
    const terms = this.#terms;
    if (terms === undefined || this.#closed || from.address !== terms.remote.host) return;
    if (isRtcp(bytes)) {
      this.#rtcp.receivedRtcp(bytes, now());
      return;
    }
    const packet = this.#packet;
    if (!packet.parse(bytes)) return;
    if (packet.payloadType === terms.remote.dtmfPayloadType) {
      for (const { key } of this.#dtmfReceiver.receive(packet.timestamp, packet.payload, now())) {
        this.#keys.push(key);
      }
      const { ssrc, sequenceNumber, timestamp, marker } = packet;
      const silence = { ssrc, sequenceNumber, timestamp, marker, payload: this.#out.subarray(0, 0) };
      terms.playout.push(silence, performance.now());
    }
    this.#rtcp.received(packet, now());
    if (packet.payloadType === terms.remote.payloadType) terms.playout.push(packet, performance.now());
  }

  #onReport(bytes: Uint8Array, from: RemoteInfo): void {
    if (from.address === this.#terms?.remote.host) this.#rtcp.receivedRtcp(bytes, now());
  }

  #armReport(first: boolean): void {
    this.#reportTimer = setTimeout(
      () => {
        this.#sendReport(this.#rtcp.report(now()));
        this.#armReport(false);
      },
      reportIntervalMs(Math.random(), first),
    );
  }

  #sendReport(bytes: Uint8Array): void {
    const remote = this.#terms?.remote;
    if (remote !== undefined) this.#ports.rtcp.send(bytes, remote.port + 1, remote.host, () => {});
  }
}

const now = (): number => performance.timeOrigin + performance.now();
