import { readUint32, writeUint32 } from '../packet/rtp-packet.ts';

/** RTCP packet types: RFC 3550 section 12.1, RFC 4585 section 6.1, RFC 3611. */
const type = {
  sr: 200,
  rr: 201,
  sdes: 202,
  bye: 203,
  app: 204,
  transportFeedback: 205,
  payloadFeedback: 206,
} as const;

/** Reception of one source (RFC 3550 section 6.4.1). */
export interface ReportBlock {
  ssrc: number;
  /** Since the last report, in 1/256. */
  fractionLost: number;
  /** Since the beginning; negative when there were more duplicates than losses. */
  packetsLost: number;
  /** Highest sequence number, with roll-overs counted in the upper 16 bits. */
  highestSequence: number;
  /** In timestamp units. */
  jitter: number;
  /** Middle 32 bits of the NTP time of the last SR; 0 when none came. */
  lastSenderReport: number;
  /** Since that SR, in 1/65536 s. */
  delaySinceLastSenderReport: number;
}

export interface SenderInfo {
  /** NTP time: seconds since 1900 and their fraction in 1/2^32. */
  ntpSeconds: number;
  ntpFraction: number;
  rtpTimestamp: number;
  packetCount: number;
  octetCount: number;
}

export interface SenderReport {
  kind: 'sr';
  ssrc: number;
  sender: SenderInfo;
  reports: ReportBlock[];
}

export interface ReceiverReport {
  kind: 'rr';
  ssrc: number;
  reports: ReportBlock[];
}

export interface SourceDescription {
  kind: 'sdes';
  /** `items` by type; 1 is CNAME. */
  chunks: Array<{ ssrc: number; items: Array<{ type: number; text: string }> }>;
}

export interface Bye {
  kind: 'bye';
  ssrcs: number[];
  reason?: string;
}

/** Feedback of RFC 4585 (NACK, PLI, REMB, transport-wide CC): recognised, not interpreted. */
export interface Feedback {
  kind: 'feedback';
  packetType: 205 | 206;
  format: number;
  ssrc: number;
  mediaSsrc: number;
  control: Uint8Array;
}

/** Well formed, but of a type that is not ours to understand (APP, XR, …). */
export interface OtherRtcp {
  kind: 'other';
  packetType: number;
}

export type RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Bye | Feedback | OtherRtcp;

/**
 * Parses a compound packet (RFC 3550 section 6.1), or a reduced-size one (RFC 5506), by the checks of appendix A.2.
 * @returns undefined when the packets do not add up exactly, or one is damaged. Then none of them is to be believed.
 */
export function parseRtcp(bytes: Uint8Array): RtcpPacket[] | undefined {
  const packets: RtcpPacket[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length || bytes[at]! >> 6 !== 2) return undefined;
    const end = at + 4 + 4 * ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (end > bytes.length) return undefined;
    let content = bytes.subarray(at, end);
    if ((bytes[at]! & 0x20) !== 0) {
      // Only the last packet may be padded, by a multiple of four.
      const padding = bytes[end - 1]!;
      if (end !== bytes.length || padding === 0 || padding % 4 !== 0 || padding > end - at - 4)
        return undefined;
      content = bytes.subarray(at, end - padding);
    }
    const packet = parseOne(content);
    if (!packet) return undefined;
    packets.push(packet);
    at = end;
  }
  return packets.length > 0 ? packets : undefined;
}

/** Whether this is a full compound packet: a report comes first (RFC 3550 section 6.1). */
export function isCompound(packets: readonly RtcpPacket[]): boolean {
  return packets[0]?.kind === 'sr' || packets[0]?.kind === 'rr';
}

function parseOne(bytes: Uint8Array): RtcpPacket | undefined {
  const count = bytes[0]! & 0x1f;
  const packetType = bytes[1]!;
  switch (packetType) {
    case type.sr:
      return parseSenderReport(bytes, count);
    case type.rr:
      if (bytes.length < 8 + 24 * count) return undefined;
      return { kind: 'rr', ssrc: readUint32(bytes, 4), reports: parseReports(bytes, 8, count) };
    case type.sdes:
      return parseSdes(bytes, count);
    case type.bye:
      return parseBye(bytes, count);
    case type.transportFeedback:
    case type.payloadFeedback:
      if (bytes.length < 12) return undefined;
      return {
        kind: 'feedback',
        packetType,
        format: count,
        ssrc: readUint32(bytes, 4),
        mediaSsrc: readUint32(bytes, 8),
        control: bytes.subarray(12),
      };
    default:
      return { kind: 'other', packetType };
  }
}

function parseSenderReport(bytes: Uint8Array, count: number): SenderReport | undefined {
  if (bytes.length < 28 + 24 * count) return undefined;
  const sender = {
    ntpSeconds: readUint32(bytes, 8),
    ntpFraction: readUint32(bytes, 12),
    rtpTimestamp: readUint32(bytes, 16),
    packetCount: readUint32(bytes, 20),
    octetCount: readUint32(bytes, 24),
  };
  return { kind: 'sr', ssrc: readUint32(bytes, 4), sender, reports: parseReports(bytes, 28, count) };
}

function parseReports(bytes: Uint8Array, start: number, count: number): ReportBlock[] {
  return Array.from({ length: count }, (_, i) => {
    const at = start + 24 * i;
    return {
      ssrc: readUint32(bytes, at),
      fractionLost: bytes[at + 4]!,
      // A signed number of 24 bits.
      packetsLost: (readUint32(bytes, at + 4) << 8) >> 8,
      highestSequence: readUint32(bytes, at + 8),
      jitter: readUint32(bytes, at + 12),
      lastSenderReport: readUint32(bytes, at + 16),
      delaySinceLastSenderReport: readUint32(bytes, at + 20),
    };
  });
}

function parseSdes(bytes: Uint8Array, count: number): SourceDescription | undefined {
  const chunks: SourceDescription['chunks'] = [];
  let at = 4;
  for (let i = 0; i < count; i++) {
    if (at + 5 > bytes.length) return undefined;
    const items: Array<{ type: number; text: string }> = [];
    const ssrc = readUint32(bytes, at);
    at += 4;
    while (at < bytes.length && bytes[at] !== 0) {
      const length = bytes[at + 1];
      if (length === undefined || at + 2 + length > bytes.length) return undefined;
      items.push({ type: bytes[at]!, text: utf8(bytes.subarray(at + 2, at + 2 + length)) });
      at += 2 + length;
    }
    if (at >= bytes.length) return undefined;
    // The list ends with a zero, and the chunk at the next 32-bit boundary.
    at = (at + 4) & ~3;
    chunks.push({ ssrc, items });
  }
  return { kind: 'sdes', chunks };
}

function parseBye(bytes: Uint8Array, count: number): Bye | undefined {
  const reasonAt = 4 + 4 * count;
  if (bytes.length < reasonAt) return undefined;
  const ssrcs = Array.from({ length: count }, (_, i) => readUint32(bytes, 4 + 4 * i));
  if (bytes.length === reasonAt) return { kind: 'bye', ssrcs };
  const length = bytes[reasonAt]!;
  if (reasonAt + 1 + length > bytes.length) return undefined;
  return { kind: 'bye', ssrcs, reason: utf8(bytes.subarray(reasonAt + 1, reasonAt + 1 + length)) };
}

const decoder = new TextDecoder();
function utf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** What we send: everything that is parsed, save feedback and unknown types. */
export type WritableRtcp = SenderReport | ReceiverReport | SourceDescription | Bye;

/**
 * Writes packets one behind the other.
 * @throws RangeError when more than 31 reports, chunks or sources, or a text over 255 bytes: misuse by our own code.
 */
export function writeRtcp(packets: readonly WritableRtcp[]): Uint8Array {
  return Buffer.concat(packets.map(writeOne));
}

function writeOne(packet: WritableRtcp): Uint8Array {
  switch (packet.kind) {
    case 'sr': {
      const out = start(type.sr, packet.reports.length, 28 + 24 * packet.reports.length);
      const { ntpSeconds, ntpFraction, rtpTimestamp, packetCount, octetCount } = packet.sender;
      const words = [packet.ssrc, ntpSeconds, ntpFraction, rtpTimestamp, packetCount, octetCount];
      for (const [i, word] of words.entries()) writeUint32(out, 4 + 4 * i, word);
      writeReports(out, 28, packet.reports);
      return out;
    }
    case 'rr': {
      const out = start(type.rr, packet.reports.length, 8 + 24 * packet.reports.length);
      writeUint32(out, 4, packet.ssrc);
      writeReports(out, 8, packet.reports);
      return out;
    }
    case 'sdes': {
      const chunks = Buffer.concat(packet.chunks.map(sdesChunk));
      const out = start(type.sdes, packet.chunks.length, 4 + chunks.length);
      out.set(chunks, 4);
      return out;
    }
    case 'bye': {
      const reason = packet.reason === undefined ? Buffer.alloc(0) : text(packet.reason);
      const out = start(type.bye, packet.ssrcs.length, 4 + 4 * packet.ssrcs.length + reason.length);
      for (const [i, ssrc] of packet.ssrcs.entries()) writeUint32(out, 4 + 4 * i, ssrc);
      out.set(reason, 4 + 4 * packet.ssrcs.length);
      return out;
    }
  }
}

/** Header of a packet of `length` bytes, rounded up to words. */
function start(packetType: number, count: number, length: number): Uint8Array {
  const words = Math.ceil(length / 4);
  if (count > 31 || words > 0x10000) throw new RangeError('too much for one RTCP packet');
  const out = new Uint8Array(4 * words);
  writeUint32(out, 0, 0x80000000 + count * 0x1000000 + packetType * 0x10000 + words - 1);
  return out;
}

function writeReports(out: Uint8Array, begin: number, reports: readonly ReportBlock[]): void {
  for (const [i, report] of reports.entries()) {
    const at = begin + 24 * i;
    const lost = Math.max(-0x800000, Math.min(0x7fffff, report.packetsLost)) & 0xffffff;
    const words = [
      report.ssrc,
      report.fractionLost * 0x1000000 + lost,
      report.highestSequence,
      report.jitter,
      report.lastSenderReport,
      report.delaySinceLastSenderReport,
    ];
    for (const [word, value] of words.entries()) writeUint32(out, at + 4 * word, value);
  }
}

function sdesChunk(chunk: SourceDescription['chunks'][number]): Uint8Array {
  const items = chunk.items.map((item) => Buffer.concat([Uint8Array.of(item.type), text(item.text)]));
  const length = 4 + items.reduce((sum, item) => sum + item.length, 0);
  const ssrc = new Uint8Array(4);
  writeUint32(ssrc, 0, chunk.ssrc);
  // At least one zero ends the list.
  return Buffer.concat([ssrc, ...items, new Uint8Array(4 - (length & 3))]);
}

/** One byte of length, then UTF-8. */
function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  if (bytes.length > 255) throw new RangeError('RTCP texts are at most 255 bytes');
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}
