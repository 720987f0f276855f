import { randomBytes, randomInt } from 'node:crypto';
import { DtmfReceiver, RtcpSession, type RtpPacket, reportIntervalMs } from '@ringthrough/rtp';
import type { CodecName, LegReport } from '../media-plane.ts';
import type { LegTransport } from './leg-transport.ts';
import { RtpSender } from './rtp-sender.ts';
import { type Agreement, OFFERED } from './sdp.ts';

/** RTP in both directions under what SDP has agreed on: numbering, counting, reporting, key presses. */
export class LegStream {
  readonly ssrc = randomInt(1, 0x100000000);
  readonly cname = randomBytes(9).toString('base64');
  readonly #transport: LegTransport;
  readonly #onDtmf: (key: string, durationMs: number) => void;
  #agreement: Agreement | undefined;
  #rtcp: RtcpSession | undefined;
  #sender: RtpSender | undefined;
  #dtmf: DtmfReceiver | undefined;
  #nextReportAt = Number.POSITIVE_INFINITY;
  /** Of streams under earlier agreements. */
  #earlier = { sent: 0, received: 0, lost: 0 };

  constructor(transport: LegTransport, onDtmf: (key: string, durationMs: number) => void) {
    this.#transport = transport;
    this.#onDtmf = onDtmf;
  }

  get agreement(): Agreement | undefined {
    return this.#agreement;
  }

  get codec(): CodecName | undefined {
    return this.#agreement?.codec;
  }

  /** Undefined before the first agreement. */
  get sender(): RtpSender | undefined {
    return this.#sender;
  }

  get eventClockRate(): number | undefined {
    return this.#agreement?.receive.event?.clockRate;
  }

  /** True when the codec is another one than before. */
  agree(agreement: Agreement, now: number): boolean {
    const before = this.#agreement;
    if (before && JSON.stringify(before) === JSON.stringify(agreement)) return false;
    const { clockRate } = OFFERED[agreement.codec];
    const changed = before?.codec !== agreement.codec;
    if (!this.#rtcp || changed) this.#startReports(clockRate, now);
    const sender = new RtpSender({
      transport: this.#transport,
      rtcp: this.#rtcp!,
      ssrc: this.ssrc,
      clockRate,
      ...agreement.send,
    });
    if (this.#sender) {
      sender.continueFrom(this.#sender);
      sender.enabled = this.#sender.enabled;
    }
    this.#sender = sender;
    this.#dtmf =
      agreement.receive.event && new DtmfReceiver({ clockRate: agreement.receive.event.clockRate });
    this.#agreement = agreement;
    return changed;
  }

  #startReports(clockRate: number, now: number): void {
    const before = this.#rtcp?.quality;
    this.#earlier.sent += before?.packetsSent ?? 0;
    this.#earlier.received += before?.packetsReceived ?? 0;
    this.#earlier.lost += before?.packetsLost ?? 0;
    const { ssrc, cname } = this;
    const probation = this.#transport.authenticated ? { probation: 0 } : {};
    this.#rtcp = new RtcpSession({ ssrc, cname, clockRate, ...probation });
    this.#nextReportAt = now + reportIntervalMs(Math.random(), true);
  }

  /** Takes note of a packet and says what it is; undefined: of a payload type that was not agreed on. */
  receive(packet: RtpPacket, now: number): 'audio' | 'event' | undefined {
    const receive = this.#agreement?.receive;
    const kind =
      packet.payloadType === receive?.payloadType
        ? 'audio'
        : packet.payloadType === receive?.event?.payloadType
          ? 'event'
          : undefined;
    if (!kind) return undefined;
    this.#rtcp?.received(packet, now);
    if (kind === 'event' && this.#dtmf) {
      for (const press of this.#dtmf.receive(packet.timestamp, packet.payload, now)) {
        this.#onDtmf(press.key, press.durationMs);
      }
    }
    return kind;
  }

  receiveRtcp(bytes: Uint8Array, now: number): void {
    this.#rtcp?.receivedRtcp(bytes, now);
  }

  /**
   * What has to be done now and then: RTCP reports, key presses whose end was lost.
   * @returns with each report, the share of our packets that the peer says are lost (0…1), once it has said so
   */
  check(now: number): number | undefined {
    const press = this.#dtmf?.poll(now);
    if (press) this.#onDtmf(press.key, press.durationMs);
    if (now < this.#nextReportAt || !this.#rtcp) return undefined;
    this.#nextReportAt = now + reportIntervalMs(Math.random());
    if (this.#transport.ready) this.#transport.sendRtcp(this.#rtcp.report(now));
    return this.#rtcp.quality.remoteFractionLost;
  }

  /** Says goodbye (RFC 3550 section 6.3.7), when there was anything to say goodbye to. */
  end(now: number): void {
    if (this.#rtcp && this.#transport.ready && this.#rtcp.quality.packetsSent > 0) {
      this.#transport.sendRtcp(this.#rtcp.bye(now));
    }
  }

  report(firstPacketAt: number | undefined): LegReport {
    const quality = this.#rtcp?.quality;
    return {
      codec: this.codec,
      packetsSent: this.#earlier.sent + (quality?.packetsSent ?? 0),
      packetsReceived: this.#earlier.received + (quality?.packetsReceived ?? 0),
      packetsLost: this.#earlier.lost + (quality?.packetsLost ?? 0),
      jitterMs: quality?.jitterMs ?? 0,
      roundTripMs: quality?.roundTripMs,
      firstPacketAt,
    };
  }
}
