import {
  Application,
  createDecoder,
  createEncoder,
  type OpusDecoderHandle,
  type OpusEncoderHandle,
  Signal,
} from 'libopus-wasm';
import type { AudioCodec } from './audio-codec.ts';

export interface OpusOptions {
  /** Of the PCM on our side. The RTP clock is 48 kHz whatever this is; 8000 is cheapest next to G.711. Default 48000. */
  sampleRate?: 8000 | 16000 | 48000;
  /** 0…10, default 5. */
  complexity?: number;
  /** Bits per second, default 24000. */
  bitrate?: number;
  /** In-band forward error correction (RFC 6716 section 2.1.7); default on, see `expectedLossPercent`. */
  fec?: boolean;
  /**
   * Packets in a hundred that are lost on the way to the peer; FEC is spent accordingly, none at 0. Default 0, because it
   * costs a quarter more to encode: `setExpectedLoss` turns it on once the peer reports loss.
   */
  expectedLossPercent?: number;
}

/** Loads libopus (once per thread) and makes a mono codec for live speech. Call `close` when the leg ends. */
export async function createOpusCodec(options: OpusOptions = {}): Promise<OpusCodec> {
  const sampleRate = options.sampleRate ?? 48000;
  const decoder = await createDecoder({ channels: 1, sampleRate });
  try {
    const encoder = await createEncoder({
      application: Application.Voip,
      signal: Signal.Voice,
      channels: 1,
      sampleRate,
      bitrate: options.bitrate ?? 24000,
      complexity: options.complexity ?? 5,
      fec: options.fec ?? true,
      packetLossPercent: options.expectedLossPercent ?? 0,
      // A silent sender is how we notice a dead peer, so silence is sent too.
      dtx: false,
    });
    return new OpusCodec(encoder, decoder);
  } catch (error) {
    decoder.free();
    throw error;
  }
}

/** One packet must fit one datagram (RFC 6716 section 3.4: 1275 bytes per frame at most). */
const MAX_PACKET_BYTES = 1275;

export class OpusCodec implements AudioCodec {
  readonly name = 'opus';
  readonly clockRate = 48000;
  readonly sampleRate: number;
  readonly #encoder: OpusEncoderHandle;
  readonly #decoder: OpusDecoderHandle;
  readonly #frame: number;
  readonly #encodeOptions = { frameSize: 0, maxPacketBytes: MAX_PACKET_BYTES };
  readonly #lostFrame: { frameSize: number };
  readonly #redundantFrame: { frameSize: number; decodeFec: true };
  #closed = false;
  /** Payloads that libopus refused and that were concealed instead. */
  malformed = 0;

  constructor(encoder: OpusEncoderHandle, decoder: OpusDecoderHandle) {
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.sampleRate = encoder.sampleRate;
    this.#frame = encoder.sampleRate / 50;
    this.#lostFrame = { frameSize: this.#frame };
    this.#redundantFrame = { frameSize: this.#frame, decodeFec: true };
  }

  /** Follows the bandwidth towards the peer. Bits per second. */
  setBitrate(bitsPerSecond: number): void {
    this.#encoder.setBitrate(bitsPerSecond);
  }

  /** Follows the loss that the peer's receiver reports tell of. 0…100. */
  setExpectedLoss(percent: number): void {
    this.#encoder.setPacketLossPercent(Math.max(0, Math.min(100, Math.round(percent))));
  }

  /** @throws RangeError when `pcm` is not 2.5, 5, 10, 20, 40 or 60 ms long: misuse by our own code. */
  encode(pcm: Int16Array, out: Uint8Array): number {
    this.#encodeOptions.frameSize = pcm.length;
    this.#encodeOptions.maxPacketBytes = Math.min(out.length, MAX_PACKET_BYTES);
    const packet = this.#encoder.encode(pcm, this.#encodeOptions);
    out.set(packet);
    return packet.length;
  }

  decode(payload: Uint8Array | undefined, out: Int16Array): number {
    if (payload === undefined || payload.length === 0) return this.#conceal(out);
    try {
      const pcm = this.#decoder.decode(payload);
      if (pcm.length <= out.length) {
        out.set(pcm);
        return pcm.length;
      }
    } catch {
      // What a peer sends may be anything; libopus says so by an error code, which the binding throws.
    }
    this.malformed++;
    return this.#conceal(out);
  }

  decodeRedundancy(next: Uint8Array, out: Int16Array): number {
    if (!hasRedundancy(next)) return 0;
    try {
      const pcm = this.#decoder.decode(next, this.#redundantFrame);
      out.set(pcm);
      return pcm.length;
    } catch {
      return 0;
    }
  }

  duration(payload: Uint8Array): number {
    return opusDuration(payload);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#encoder.free();
    this.#decoder.free();
  }

  #conceal(out: Int16Array): number {
    out.set(this.#decoder.decode(null, this.#lostFrame));
    return this.#frame;
  }
}

/** Ticks of 48 kHz in an Opus packet, by its TOC byte (RFC 6716 section 3.1); 0 when malformed or over 120 ms. */
export function opusDuration(packet: Uint8Array): number {
  if (packet.length === 0) return 0;
  const toc = packet[0]!;
  const config = toc >> 3;
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : packet.length > 1 ? packet[1]! & 0x3f : 0;
  const ticks = frames * frameTicks(config);
  return ticks <= 5760 ? ticks : 0;
}

/** RFC 6716 table 2. */
function frameTicks(config: number): number {
  if (config < 12) return [480, 960, 1920, 2880][config & 3]!;
  if (config < 16) return (config & 1) === 0 ? 480 : 960;
  return 120 << (config & 3);
}

/**
 * Whether the packet may carry the previous frame at a lower rate: SILK and hybrid modes only, where the LBRR flag
 * follows the voice activity flags of the first frame (RFC 6716 section 4.2.3). One-frame mono packets are looked into;
 * for anything else libopus decides, and makes a concealed frame when there is none.
 */
function hasRedundancy(packet: Uint8Array): boolean {
  if (packet.length < 2) return false;
  const config = packet[0]! >> 3;
  if (config >= 16) return false;
  const oneMonoFrame = (packet[0]! & 0x07) === 0;
  if (!oneMonoFrame) return true;
  // One VAD flag for each 20 ms of the frame, then the LBRR flag.
  const silkFrames = config < 12 ? [1, 1, 2, 3][config & 3]! : 1;
  return (packet[1]! & (0x80 >> silkFrames)) !== 0;
}
