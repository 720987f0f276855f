/** RTP data packets, RFC 3550 section 5.1, with the header extension of section 5.3.1. */

const VERSION = 2;
const FIXED_HEADER = 12;

/** What a packet is made from. Sequence number 16 bit, timestamp and SSRC 32 bit, all unsigned. */
export interface RtpFields {
  payloadType: number;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  marker?: boolean;
  csrcs?: readonly number[];
  /** `data` is padded with zeros to whole 32-bit words. */
  extension?: { profile: number; data: Uint8Array };
  payload: Uint8Array;
}

/**
 * Tells RTP from RTCP on a shared port by the second byte (RFC 5761 section 4): 192–223 is RTCP.
 * Says nothing about whether the packet is well formed.
 */
export function isRtcp(bytes: Uint8Array): boolean {
  const type = bytes[1] ?? 0;
  return type >= 192 && type <= 223;
}

/**
 * A view on the bytes of one RTP packet. One instance can be used for every packet of a socket: `parse` moves the
 * view and allocates nothing. Everything it returns is valid until the bytes change.
 */
export class RtpPacket {
  #bytes: Uint8Array = new Uint8Array(0);
  marker = false;
  payloadType = 0;
  sequenceNumber = 0;
  timestamp = 0;
  ssrc = 0;
  csrcCount = 0;
  /** Where the payload begins in the parsed bytes. */
  payloadOffset = 0;
  /** Without padding. */
  payloadLength = 0;
  /** Offset of the extension's data, or 0 when there is none. */
  #extensionOffset = 0;
  #extensionLength = 0;

  /** A new view, or undefined when the bytes are no RTP packet. */
  static parse(bytes: Uint8Array): RtpPacket | undefined {
    const packet = new RtpPacket();
    return packet.parse(bytes) ? packet : undefined;
  }

  /**
   * Moves the view to `bytes[0..length)`.
   * @returns false when that is no well-formed RTP packet; the fields are then meaningless.
   */
  parse(bytes: Uint8Array, length = bytes.length): boolean {
    if (length < FIXED_HEADER || length > bytes.length) return false;
    const first = bytes[0]!;
    const second = bytes[1]!;
    if (first >> 6 !== VERSION) return false;
    this.#bytes = bytes;
    this.csrcCount = first & 0x0f;
    this.marker = (second & 0x80) !== 0;
    this.payloadType = second & 0x7f;
    this.sequenceNumber = (bytes[2]! << 8) | bytes[3]!;
    this.timestamp = readUint32(bytes, 4);
    this.ssrc = readUint32(bytes, 8);
    const offset = this.#skipExtension(first, FIXED_HEADER + 4 * this.csrcCount, length);
    if (offset < 0 || offset > length) return false;
    let end = length;
    if ((first & 0x20) !== 0) {
      // Section 5.1: the last byte counts the padding, itself included, so it is at least 1.
      const padding = bytes[length - 1]!;
      if (padding === 0 || padding > length - offset) return false;
      end -= padding;
    }
    this.payloadOffset = offset;
    this.payloadLength = end - offset;
    return true;
  }

  #skipExtension(first: number, offset: number, length: number): number {
    this.#extensionOffset = 0;
    this.#extensionLength = 0;
    if ((first & 0x10) === 0) return offset;
    if (offset + 4 > length) return -1;
    this.#extensionOffset = offset + 4;
    this.#extensionLength = 4 * ((this.#bytes[offset + 2]! << 8) | this.#bytes[offset + 3]!);
    return this.#extensionOffset + this.#extensionLength;
  }

  /** A view on the payload, not a copy. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(this.payloadOffset, this.payloadOffset + this.payloadLength);
  }

  csrc(index: number): number {
    return index < this.csrcCount ? readUint32(this.#bytes, FIXED_HEADER + 4 * index) : 0;
  }

  get extension(): { profile: number; data: Uint8Array } | undefined {
    const at = this.#extensionOffset;
    if (at === 0) return undefined;
    const profile = (this.#bytes[at - 4]! << 8) | this.#bytes[at - 3]!;
    return { profile, data: this.#bytes.subarray(at, at + this.#extensionLength) };
  }
}

/**
 * Writes the fixed 12-byte header, for senders that place the payload themselves behind it.
 * @returns 12
 */
export function writeRtpHeader(
  out: Uint8Array,
  fields: Omit<RtpFields, 'payload' | 'csrcs' | 'extension'>,
): number {
  out[0] = VERSION << 6;
  out[1] = (fields.marker ? 0x80 : 0) | (fields.payloadType & 0x7f);
  out[2] = (fields.sequenceNumber >>> 8) & 0xff;
  out[3] = fields.sequenceNumber & 0xff;
  writeUint32(out, 4, fields.timestamp);
  writeUint32(out, 8, fields.ssrc);
  return FIXED_HEADER;
}

/**
 * Writes a whole packet.
 * @returns its length
 * @throws RangeError when `out` is too small or there are more than 15 CSRCs: misuse by our own code.
 */
export function writeRtpPacket(out: Uint8Array, fields: RtpFields): number {
  const csrcs = fields.csrcs ?? [];
  const words = fields.extension ? Math.ceil(fields.extension.data.length / 4) : 0;
  const header = FIXED_HEADER + 4 * csrcs.length + (fields.extension ? 4 + 4 * words : 0);
  if (csrcs.length > 15 || words > 0xffff || header + fields.payload.length > out.length) {
    throw new RangeError('RTP packet does not fit');
  }
  writeRtpHeader(out, fields);
  out[0]! |= csrcs.length | (fields.extension ? 0x10 : 0);
  let at = FIXED_HEADER;
  for (const csrc of csrcs) {
    writeUint32(out, at, csrc);
    at += 4;
  }
  if (fields.extension) {
    writeUint32(out, at, fields.extension.profile * 0x10000 + words);
    out.fill(0, at + 4, header).set(fields.extension.data, at + 4);
  }
  out.set(fields.payload, header);
  return header + fields.payload.length;
}

/** Distance from sequence number `b` to `a` modulo 2^16, −32768…32767; positive when `a` is newer. */
export function sequenceDistance(a: number, b: number): number {
  return ((a - b) << 16) >> 16;
}

/** Distance from timestamp `b` to `a` modulo 2^32, signed; positive when `a` is later. */
export function timestampDistance(a: number, b: number): number {
  return (a - b) | 0;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function writeUint32(out: Uint8Array, at: number, value: number): void {
  out[at] = (value >>> 24) & 0xff;
  out[at + 1] = (value >>> 16) & 0xff;
  out[at + 2] = (value >>> 8) & 0xff;
  out[at + 3] = value & 0xff;
}
