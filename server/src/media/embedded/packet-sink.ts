import type { RtpPacket } from '@ringthrough/rtp';

/** Who takes the packets that a leg receives. */
export interface PacketSink {
  /** The packet is valid for the time of the call. */
  onPacket(packet: RtpPacket, kind: 'audio' | 'event', now: number): void;
}
