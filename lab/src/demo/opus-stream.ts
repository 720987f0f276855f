import { createOpusCodec, type OpusCodec, RtpPacket, ToneGenerator, writeRtpPacket } from '@ringthrough/rtp';
import type { MediaStreamTrack } from 'werift';
import { frameSamples, sampleRate } from '../media/frame.ts';
import { Pacer } from '../media/pacer.ts';
import { ToneEar } from '../media/tone-ear.ts';

/** Ticks of Opus' RTP clock in 20 ms (RFC 7587 section 4.1). */
const timestampStep = 960;

/** The sound of one WebRTC call: a tone to speak, Opus both ways, an ear for tones. */
export class OpusStream {
  readonly ear = new ToneEar(Date.now);
  readonly #codec: OpusCodec;
  readonly #out: MediaStreamTrack;
  readonly #pacer = new Pacer(() => this.#tick());
  readonly #packet = new Uint8Array(1500);
  readonly #payload = new Uint8Array(1275);
  readonly #decoded = new Int16Array(6 * frameSamples);
  #tone: ToneGenerator | undefined;
  #sequenceNumber = 1;
  #timestamp = 1;
  #closed = false;

  private constructor(codec: OpusCodec, out: MediaStreamTrack) {
    this.#codec = codec;
    this.#out = out;
  }

  /** `out`: the local track of the peer connection. */
  static async open(out: MediaStreamTrack): Promise<OpusStream> {
    return new OpusStream(await createOpusCodec({ sampleRate }), out);
  }

  start(): void {
    this.#pacer.start();
  }

  /** Takes what comes in on the remote track. */
  listen(track: MediaStreamTrack): void {
    const view = new RtpPacket();
    track.onReceiveRtp.subscribe((rtp) => {
      if (this.#closed || !view.parse(rtp.serialize())) return;
      const count = this.#codec.decode(view.payload, this.#decoded);
      // On loopback nothing is reordered; whole frames of 20 ms are what the server sends.
      for (let at = 0; at + frameSamples <= count; at += frameSamples) {
        this.ear.hear(this.#decoded.slice(at, at + frameSamples));
      }
    });
  }

  say(hz: number): void {
    this.#tone = new ToneGenerator({ sampleRate, frequencies: [hz] });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pacer.stop();
    this.#codec.close();
  }

  #tick(): void {
    const frame = new Int16Array(frameSamples);
    this.#tone?.fill(frame);
    const length = this.#codec.encode(frame, this.#payload);
    const payload = this.#payload.subarray(0, length);
    // Payload type and SSRC are what the peer connection agreed on; it fills them in.
    const size = writeRtpPacket(this.#packet, {
      payloadType: 96,
      sequenceNumber: this.#sequenceNumber,
      timestamp: this.#timestamp,
      ssrc: 1,
      payload,
    });
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + timestampStep) >>> 0;
    this.#out.writeRtp(Buffer.from(this.#packet.subarray(0, size)));
  }
}
