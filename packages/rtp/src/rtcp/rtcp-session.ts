import { ReceiverStatistics } from './receiver-statistics.ts';
import { parseRtcp, type ReportBlock, type RtcpPacket, type WritableRtcp, writeRtcp } from './rtcp-packet.ts';

/** Seconds from 1900 (NTP) to 1970 (Unix). */
const NTP_EPOCH = 2_208_988_800;

export interface RtcpSessionOptions {
  /** Of what we send. */
  ssrc: number;
  /** RFC 7022: short-lived and random, tells nobody who we are. */
  cname: string;
  /** Of what we send and, until `receiveClockRate` says otherwise, of what we receive; Hz. */
  clockRate: number;
  /** See `ReceiverStatistics`. */
  probation?: number;
}

/** What is known of a leg's media. Counts are of packets. */
export interface RtpQuality {
  packetsSent: number;
  packetsReceived: number;
  packetsLost: number;
  jitterMs: number;
  /** Undefined until the peer has reported on one of our reports. */
  roundTripMs: number | undefined;
  /** What the peer last said of our stream, 0…1 and milliseconds. */
  remoteFractionLost: number | undefined;
  remoteJitterMs: number | undefined;
}

/**
 * Reports of one leg: counts what is sent and received and makes and reads the RTCP for it. Reads no clock: every
 * `now` is Unix time in milliseconds, with fractions, and never goes back (`performance.timeOrigin + performance.now()`).
 */
export class RtcpSession {
  readonly #options: RtcpSessionOptions;
  #source: ReceiverStatistics | undefined;
  /** Of sources before the current one. */
  #earlier = { received: 0, lost: 0 };
  #receiveClockRate: number;
  #packetsSent = 0;
  #octetsSent = 0;
  #sentSinceReport = false;
  #lastSent = { timestamp: 0, at: 0 };
  #remoteReport: { middle: number; at: number } | undefined;
  #remote: { fractionLost: number; jitter: number } | undefined;
  #roundTripMs: number | undefined;
  /** The peer has said goodbye (RFC 3550 section 6.6). */
  remoteBye = false;

  constructor(options: RtcpSessionOptions) {
    this.#options = options;
    this.#receiveClockRate = options.clockRate;
  }

  set receiveClockRate(hz: number) {
    this.#receiveClockRate = hz;
  }

  /** An RTP packet of ours was sent. */
  sent(timestamp: number, payloadLength: number, now: number): void {
    this.#packetsSent++;
    this.#octetsSent += payloadLength;
    this.#sentSinceReport = true;
    this.#lastSent.timestamp = timestamp;
    this.#lastSent.at = now;
  }

  /**
   * An RTP packet came in. Another SSRC than before begins new statistics; what was counted is kept.
   * @returns see `ReceiverStatistics.receive`
   */
  received(packet: { ssrc: number; sequenceNumber: number; timestamp: number }, now: number): boolean {
    let source = this.#source;
    if (source?.ssrc !== packet.ssrc) {
      this.#earlier.received += source?.packetsReceived ?? 0;
      this.#earlier.lost += Math.max(0, source?.packetsLost ?? 0);
      source = new ReceiverStatistics({
        ssrc: packet.ssrc,
        clockRate: this.#receiveClockRate,
        ...(this.#options.probation === undefined ? {} : { probation: this.#options.probation }),
      });
      this.#source = source;
      this.#remoteReport = undefined;
    }
    return source.receive(packet.sequenceNumber, packet.timestamp, now);
  }

  /** A plain RTCP packet came in. @returns its parts, or undefined when it was malformed (and ignored) */
  receivedRtcp(bytes: Uint8Array, now: number): RtcpPacket[] | undefined {
    const packets = parseRtcp(bytes);
    for (const packet of packets ?? []) {
      if (packet.kind === 'sr') {
        const { ntpSeconds, ntpFraction } = packet.sender;
        this.#remoteReport = { middle: middleOfNtp(ntpSeconds, ntpFraction), at: now };
      }
      if (packet.kind === 'sr' || packet.kind === 'rr') {
        for (const report of packet.reports) if (report.ssrc === this.#options.ssrc) this.#learn(report, now);
      }
      if (packet.kind === 'bye' && this.#source && packet.ssrcs.includes(this.#source.ssrc))
        this.remoteBye = true;
    }
    return packets;
  }

  /** RFC 3550 section 6.4.1: round trip = arrival − LSR − DLSR, all in 1/65536 s modulo 2^32. */
  #learn(report: ReportBlock, now: number): void {
    this.#remote = { fractionLost: report.fractionLost / 256, jitter: report.jitter };
    if (report.lastSenderReport === 0) return;
    const { seconds, fraction } = toNtp(now);
    const arrival = middleOfNtp(seconds, fraction);
    const ticks = (arrival - report.lastSenderReport - report.delaySinceLastSenderReport) | 0;
    // A peer that reports nonsense gives times that are negative or of hours.
    if (ticks > -66 && ticks < 60 * 65536) this.#roundTripMs = Math.max(0, (1000 * ticks) / 65536);
  }

  /** The compound packet to send now: SR when we have sent since the last one, else RR; and SDES with the CNAME. */
  report(now: number): Uint8Array {
    return writeRtcp(this.#report(now));
  }

  /** The last packet of a leg: a report and BYE. */
  bye(now: number): Uint8Array {
    return writeRtcp([...this.#report(now), { kind: 'bye', ssrcs: [this.#options.ssrc] }]);
  }

  #report(now: number): WritableRtcp[] {
    const { ssrc, cname } = this.#options;
    const reports = this.#source && this.#source.packetsReceived > 0 ? [this.#block(this.#source, now)] : [];
    const sdes: WritableRtcp = { kind: 'sdes', chunks: [{ ssrc, items: [{ type: 1, text: cname }] }] };
    const first: WritableRtcp = this.#sentSinceReport
      ? { kind: 'sr', ssrc, sender: this.#senderInfo(now), reports }
      : { kind: 'rr', ssrc, reports };
    this.#sentSinceReport = false;
    return [first, sdes];
  }

  #senderInfo(now: number) {
    const { seconds, fraction } = toNtp(now);
    const since = Math.round(((now - this.#lastSent.at) * this.#options.clockRate) / 1000);
    return {
      ntpSeconds: seconds,
      ntpFraction: fraction,
      rtpTimestamp: (this.#lastSent.timestamp + since) >>> 0,
      packetCount: this.#packetsSent >>> 0,
      octetCount: this.#octetsSent >>> 0,
    };
  }

  #block(source: ReceiverStatistics, now: number): ReportBlock {
    const last = this.#remoteReport;
    return {
      ...source.report(),
      lastSenderReport: last?.middle ?? 0,
      delaySinceLastSenderReport: last
        ? Math.min(0xffffffff, Math.round(((now - last.at) * 65536) / 1000))
        : 0,
    };
  }

  get quality(): RtpQuality {
    const remote = this.#remote;
    return {
      packetsSent: this.#packetsSent,
      packetsReceived: this.#earlier.received + (this.#source?.packetsReceived ?? 0),
      packetsLost: this.#earlier.lost + Math.max(0, this.#source?.packetsLost ?? 0),
      jitterMs: this.#source?.jitterMs ?? 0,
      roundTripMs: this.#roundTripMs,
      remoteFractionLost: remote?.fractionLost,
      remoteJitterMs: remote && (1000 * remote.jitter) / this.#options.clockRate,
    };
  }
}

/**
 * Milliseconds until the next report: RFC 3550 section 6.2's minimum of 5 s for a call of two, spread over half to one and a half
 * of it so that many legs do not report at once, the first after half of that. `random` is in [0, 1).
 */
export function reportIntervalMs(random: number, first = false): number {
  return (first ? 2500 : 5000) * (0.5 + random);
}

function toNtp(now: number): { seconds: number; fraction: number } {
  const whole = Math.floor(now / 1000);
  const fraction = Math.min(0xffffffff, Math.round(((now - 1000 * whole) / 1000) * 0x100000000));
  return { seconds: (whole + NTP_EPOCH) % 0x100000000, fraction };
}

function middleOfNtp(seconds: number, fraction: number): number {
  return (((seconds & 0xffff) << 16) | (fraction >>> 16)) >>> 0;
}
