import { readUint32, writeUint32 } from '../packet/rtp-packet.ts';
import { AesCounterMode } from './aes-counter-mode.ts';
import { HmacSha1 } from './hmac-sha1.ts';
import { deriveSessionKeys, type SrtpMasterKey } from './key-derivation.ts';
import { ReplayWindow } from './replay-window.ts';

/** Bytes a protected RTP packet is longer than a plain one (AES_CM_128_HMAC_SHA1_80). */
export const SRTP_OVERHEAD = 10;
/** Bytes a protected RTCP packet is longer than a plain one: E bit and index, and the tag. */
export const SRTCP_OVERHEAD = 14;

/** Why `unprotect…` refused a packet. Negative, so that a length and a refusal share one number. */
export const srtpRefusal = { malformed: -1, authentication: -2, replayed: -3 } as const;

export interface SrtpCounters {
  malformed: number;
  authentication: number;
  replayed: number;
}

export interface SrtpOptions {
  /** Key of what we send. */
  local: SrtpMasterKey;
  /** Key of what the peer sends. */
  remote: SrtpMasterKey;
  /** Packets; a multiple of 32, at least 64. */
  replayWindow?: number;
  /** Streams (SSRCs) of the peer that are remembered; beyond that the oldest is forgotten. Default 16. */
  maxStreams?: number;
}

/** One SSRC in one direction: the 48-bit index (ROC · 2^16 + SEQ), the SRTCP index, the replay lists. */
interface StreamState {
  /** Highest index so far; −1 before the first packet. */
  highest: number;
  rtcpIndex: number;
  rtpWindow: ReplayWindow;
  rtcpWindow: ReplayWindow;
}

class Direction {
  readonly rtpCipher: AesCounterMode;
  readonly rtpHmac: HmacSha1;
  readonly rtcpCipher: AesCounterMode;
  readonly rtcpHmac: HmacSha1;
  readonly #streams = new Map<number, StreamState>();
  readonly #windowSize: number;
  readonly #maxStreams: number;

  constructor(master: SrtpMasterKey, options: { replayWindow?: number; maxStreams?: number }) {
    const rtp = deriveSessionKeys(master, 'rtp');
    const rtcp = deriveSessionKeys(master, 'rtcp');
    this.rtpCipher = new AesCounterMode(rtp.encryption, rtp.salt);
    this.rtpHmac = new HmacSha1(rtp.authentication);
    this.rtcpCipher = new AesCounterMode(rtcp.encryption, rtcp.salt);
    this.rtcpHmac = new HmacSha1(rtcp.authentication);
    this.#windowSize = options.replayWindow ?? 256;
    this.#maxStreams = options.maxStreams ?? 16;
  }

  find(ssrc: number): StreamState | undefined {
    return this.#streams.get(ssrc);
  }

  create(): StreamState {
    return {
      highest: -1,
      rtcpIndex: 0,
      rtpWindow: new ReplayWindow(this.#windowSize),
      rtcpWindow: new ReplayWindow(this.#windowSize),
    };
  }

  keep(ssrc: number, stream: StreamState): void {
    this.#streams.set(ssrc, stream);
    if (this.#streams.size <= this.#maxStreams) return;
    for (const oldest of this.#streams.keys()) {
      this.#streams.delete(oldest);
      return;
    }
  }

  findOrKeep(ssrc: number): StreamState {
    const known = this.#streams.get(ssrc);
    if (known) return known;
    const stream = this.create();
    this.keep(ssrc, stream);
    return stream;
  }
}

/**
 * SRTP and SRTCP of one session, both directions, AES_CM_128_HMAC_SHA1_80 (RFC 3711, RFC 5764 section 4.1.2).
 *
 * Works in place: the caller's buffer holds the packet from offset 0 and has room for the overhead. A sender must
 * start its sequence numbers below 2^15, so that losing the first packets cannot hide a roll-over from the receiver
 * (RFC 3711 section 3.3.1).
 */
export class SrtpSession {
  readonly #local: Direction;
  readonly #remote: Direction;
  readonly #tag = new Uint8Array(SRTP_OVERHEAD);
  /** Packets refused, by reason. */
  readonly refused: SrtpCounters = { malformed: 0, authentication: 0, replayed: 0 };

  constructor(options: SrtpOptions) {
    // Of our own streams none is ever forgotten: its keystream would begin anew.
    this.#local = new Direction(options.local, { maxStreams: Number.POSITIVE_INFINITY });
    this.#remote = new Direction(options.remote, options);
  }

  /**
   * Encrypts and authenticates the RTP packet in `buffer[0..length)`.
   * @returns the new length
   * @throws RangeError when it is no RTP packet or `buffer` has no room: misuse by our own code.
   */
  protectRtp(buffer: Uint8Array, length: number): number {
    const header = rtpHeaderLength(buffer, length);
    if (header < 0 || length + SRTP_OVERHEAD > buffer.length)
      throw new RangeError('cannot protect this RTP packet');
    const ssrc = readUint32(buffer, 8);
    const stream = this.#local.findOrKeep(ssrc);
    const index = estimateIndex(stream.highest, (buffer[2]! << 8) | buffer[3]!);
    if (index > stream.highest) stream.highest = index;
    this.#local.rtpCipher.apply(buffer, header, length, ssrc, index);
    this.#local.rtpHmac.digest(buffer, length, rollOver(index), this.#tag, SRTP_OVERHEAD);
    buffer.set(this.#tag, length);
    return length + SRTP_OVERHEAD;
  }

  /**
   * Checks and decrypts the SRTP packet in `buffer[0..length)`.
   * @returns the length of the RTP packet, or one of `srtpRefusal`; the buffer is unchanged when refused.
   */
  unprotectRtp(buffer: Uint8Array, length: number): number {
    const end = length - SRTP_OVERHEAD;
    const header = rtpHeaderLength(buffer, end);
    if (header < 0) return this.#refuse('malformed');
    const ssrc = readUint32(buffer, 8);
    const known = this.#remote.find(ssrc);
    const stream = known ?? this.#remote.create();
    const index = estimateIndex(stream.highest, (buffer[2]! << 8) | buffer[3]!);
    if (index < 0 || !stream.rtpWindow.isNew(index)) return this.#refuse('replayed');
    this.#remote.rtpHmac.digest(buffer, end, rollOver(index), this.#tag, SRTP_OVERHEAD);
    if (!tagMatches(this.#tag, buffer, end)) return this.#refuse('authentication');
    // State only changes once the packet is authentic, and a forged SSRC never takes a place.
    if (!known) this.#remote.keep(ssrc, stream);
    stream.rtpWindow.accept(index);
    if (index > stream.highest) stream.highest = index;
    this.#remote.rtpCipher.apply(buffer, header, end, ssrc, index);
    return end;
  }

  /**
   * Encrypts and authenticates the compound RTCP packet in `buffer[0..length)` (RFC 3711 section 3.4).
   * @returns the new length
   * @throws RangeError as `protectRtp`.
   */
  protectRtcp(buffer: Uint8Array, length: number): number {
    if (length < 8 || length + SRTCP_OVERHEAD > buffer.length)
      throw new RangeError('cannot protect this RTCP packet');
    const ssrc = readUint32(buffer, 4);
    const stream = this.#local.findOrKeep(ssrc);
    stream.rtcpIndex = (stream.rtcpIndex + 1) % 0x80000000;
    this.#local.rtcpCipher.apply(buffer, 8, length, ssrc, stream.rtcpIndex);
    writeUint32(buffer, length, 0x80000000 + stream.rtcpIndex);
    this.#local.rtcpHmac.digest(buffer, length + 4, undefined, this.#tag, SRTP_OVERHEAD);
    buffer.set(this.#tag, length + 4);
    return length + SRTCP_OVERHEAD;
  }

  /**
   * Checks and decrypts the SRTCP packet in `buffer[0..length)`. One with the E bit clear is authenticated only.
   * @returns the length of the RTCP packet, or one of `srtpRefusal`.
   */
  unprotectRtcp(buffer: Uint8Array, length: number): number {
    const end = length - SRTCP_OVERHEAD;
    if (end < 8 || length > buffer.length || buffer[0]! >> 6 !== 2) return this.#refuse('malformed');
    const ssrc = readUint32(buffer, 4);
    const trailer = readUint32(buffer, end);
    const index = trailer & 0x7fffffff;
    const known = this.#remote.find(ssrc);
    const stream = known ?? this.#remote.create();
    if (!stream.rtcpWindow.isNew(index)) return this.#refuse('replayed');
    this.#remote.rtcpHmac.digest(buffer, end + 4, undefined, this.#tag, SRTP_OVERHEAD);
    if (!tagMatches(this.#tag, buffer, end + 4)) return this.#refuse('authentication');
    if (!known) this.#remote.keep(ssrc, stream);
    stream.rtcpWindow.accept(index);
    if (trailer >= 0x80000000) this.#remote.rtcpCipher.apply(buffer, 8, end, ssrc, index);
    return end;
  }

  #refuse(reason: keyof SrtpCounters): number {
    this.refused[reason]++;
    return srtpRefusal[reason];
  }
}

/** RFC 3711 section 3.3.1 and appendix A; negative for a packet from before the first. */
function estimateIndex(highest: number, sequenceNumber: number): number {
  if (highest < 0) return sequenceNumber;
  const last = highest % 0x10000;
  const base = highest - last;
  const distance = sequenceNumber - last;
  if (last < 0x8000) return base + sequenceNumber - (distance > 0x8000 ? 0x10000 : 0);
  return base + sequenceNumber + (last - 0x8000 > sequenceNumber ? 0x10000 : 0);
}

function rollOver(index: number): number {
  return Math.floor(index / 0x10000);
}

function tagMatches(tag: Uint8Array, buffer: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let i = 0; i < SRTP_OVERHEAD; i++) difference |= tag[i]! ^ buffer[at + i]!;
  return difference === 0;
}

/** Bytes before the encrypted part (header, CSRCs, extension), or −1 when this is no RTP packet. */
function rtpHeaderLength(buffer: Uint8Array, length: number): number {
  if (length < 12 || length > buffer.length || buffer[0]! >> 6 !== 2) return -1;
  let header = 12 + 4 * (buffer[0]! & 0x0f);
  if ((buffer[0]! & 0x10) !== 0) {
    if (header + 4 > length) return -1;
    header += 4 + 4 * ((buffer[header + 2]! << 8) | buffer[header + 3]!);
  }
  return header <= length ? header : -1;
}
