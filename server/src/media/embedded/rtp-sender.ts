import { randomInt } from 'node:crypto';
import type { RtcpSession, RtpPacket } from '@ringthrough/rtp';
import { writeRtpHeader } from '@ringthrough/rtp';
import { type LegTransport, PACKET_TAIL } from './leg-transport.ts';
import type { EventFormat } from './sdp.ts';

const HEADER = 12;
/** After the last packet of a key press, audio waits so long, in case the end packets are lost. */
const EVENT_HANGOVER_MS = 60;
/** Frames come every 20 ms; after a longer pause the timestamp follows the clock again. */
const PAUSE_MS = 60;

export interface RtpSenderOptions {
  transport: LegTransport;
  rtcp: RtcpSession;
  ssrc: number;
  /** Of the audio, Hz. */
  clockRate: number;
  payloadType: number;
  event: EventFormat | undefined;
}

/** Where relayed packets come from, and how their numbers map to ours. */
interface Relay {
  source: object;
  ssrc: number;
  sequenceOffset: number;
  timestampOffset: number;
}

/**
 * The one RTP stream of a leg: whatever it is made of (frames of our own, packets of the other leg, key presses), the
 * peer sees one SSRC with sequence numbers without gaps and timestamps that follow the clock.
 */
export class RtpSender {
  readonly #options: RtpSenderOptions;
  /** Below 2^15, as SRTP wants it (RFC 3711 section 3.3.1). */
  #sequence = randomInt(0x8000);
  /** Of the last packet. */
  #timestamp = randomInt(0x100000000);
  #sentAt: number | undefined;
  #relay: Relay | undefined;
  #event: { sourceTimestamp: number; timestamp: number } | undefined;
  #eventUntil = 0;
  /** False while the peer does not want to receive; everything is then dropped. */
  enabled = true;

  constructor(options: RtpSenderOptions) {
    this.#options = options;
  }

  /** Takes over the numbers of the stream before it, so that the peer sees one stream. */
  continueFrom(earlier: RtpSender): void {
    this.#sequence = earlier.#sequence;
    this.#timestamp = earlier.#timestamp;
  }

  /** Sends one frame of our own; `ticks` is its duration. `now` is Unix time in milliseconds. */
  sendFrame(payload: Uint8Array, ticks: number, now: number): void {
    const { clockRate, payloadType } = this.#options;
    this.#relay = undefined;
    const fresh = this.#sentAt === undefined || now - this.#sentAt > PAUSE_MS;
    const timestamp = fresh ? this.#clockTimestamp(now, clockRate) : (this.#timestamp + ticks) >>> 0;
    if (now < this.#eventUntil) {
      // A key press is heard instead (RFC 4733 section 2.6.2.1); time goes on.
      this.#timestamp = timestamp;
      this.#sentAt = now;
      return;
    }
    const sequence = (this.#sequence + 1) & 0xffff;
    this.#send(payload, { payloadType, sequence, timestamp, marker: fresh }, now);
  }

  /** Passes a packet of another leg on, with our numbers. `source` tells legs apart. */
  relay(packet: RtpPacket, { source, event, now }: { source: object; event: boolean; now: number }): void {
    const { payloadType, event: ownEvent } = this.#options;
    const type = event ? ownEvent?.payloadType : payloadType;
    if (type === undefined) return;
    let relay = this.#relay;
    const fresh = relay?.source !== source || relay.ssrc !== packet.ssrc;
    if (!relay || fresh) relay = this.#startRelay(packet, source, now);
    const numbers = {
      payloadType: type,
      sequence: (packet.sequenceNumber + relay.sequenceOffset) & 0xffff,
      timestamp: (packet.timestamp + relay.timestampOffset) >>> 0,
      marker: packet.marker || fresh,
    };
    this.#send(packet.payload, numbers, now);
  }

  #startRelay(packet: RtpPacket, source: object, now: number): Relay {
    const timestamp = this.#clockTimestamp(now, this.#options.clockRate);
    this.#relay = {
      source,
      ssrc: packet.ssrc,
      sequenceOffset: this.#sequence + 1 - packet.sequenceNumber,
      timestampOffset: timestamp - packet.timestamp,
    };
    return this.#relay;
  }

  /** Sends a packet of a key press that another leg tells of, in the units of this one. */
  translateEvent(packet: RtpPacket, fromClockRate: number, now: number): void {
    const { event, clockRate } = this.#options;
    const { payload } = packet;
    if (!event || payload.length < 4) return;
    if (this.#event?.sourceTimestamp !== packet.timestamp) {
      const timestamp = this.#clockTimestamp(now, clockRate);
      this.#event = { sourceTimestamp: packet.timestamp, timestamp };
    }
    const copy = Buffer.from(payload.subarray(0, 4));
    const duration = Math.round((copy.readUInt16BE(2) * event.clockRate) / fromClockRate);
    copy.writeUInt16BE(Math.min(duration, 0xffff), 2);
    this.#eventUntil = now + EVENT_HANGOVER_MS;
    const { payloadType } = event;
    const sequence = (this.#sequence + 1) & 0xffff;
    const audio = { timestamp: this.#timestamp, sentAt: this.#sentAt ?? now };
    this.#send(copy, { payloadType, sequence, timestamp: this.#event.timestamp, marker: packet.marker }, now);
    // The audio that follows goes on from where it stood, not from the start of the press.
    this.#timestamp = audio.timestamp;
    this.#sentAt = audio.sentAt;
  }

  /** Where the stream's clock stands now, from the last packet sent. */
  #clockTimestamp(now: number, clockRate: number): number {
    if (this.#sentAt === undefined) return this.#timestamp;
    return (this.#timestamp + Math.max(1, Math.round(((now - this.#sentAt) * clockRate) / 1000))) >>> 0;
  }

  #send(
    payload: Uint8Array,
    numbers: { payloadType: number; sequence: number; timestamp: number; marker: boolean },
    now: number,
  ): void {
    const { transport, rtcp, ssrc } = this.#options;
    if (!this.enabled || !transport.ready) {
      // What is not sent shall not look like a loss when sending goes on.
      this.#relay = undefined;
      return;
    }
    const length = HEADER + payload.length;
    const buffer = Buffer.allocUnsafe(length + PACKET_TAIL);
    const { payloadType, sequence: sequenceNumber, timestamp, marker } = numbers;
    writeRtpHeader(buffer, { payloadType, sequenceNumber, timestamp, marker, ssrc });
    buffer.set(payload, HEADER);
    // A late packet of a relayed stream does not turn the numbers back.
    if (((sequenceNumber - this.#sequence) << 16) >> 16 > 0) {
      this.#sequence = sequenceNumber;
      this.#timestamp = timestamp;
      this.#sentAt = now;
    }
    transport.sendRtp(buffer, length);
    rtcp.sent(timestamp, payload.length, now);
  }
}
