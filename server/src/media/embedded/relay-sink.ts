import type { RtpPacket } from '@ringthrough/rtp';
import type { PacketSink } from './packet-sink.ts';
import type { RtpSender } from './rtp-sender.ts';

/** A leg that packets are relayed to; its sender changes with its codec. */
export interface RelayTarget {
  readonly sender: RtpSender | undefined;
}

/** Same codec on both sides: the packets go over as they are, under the numbers of the other leg. */
export class RelaySink implements PacketSink {
  readonly #from: object;
  readonly #to: RelayTarget;

  constructor(from: object, to: RelayTarget) {
    this.#from = from;
    this.#to = to;
  }

  onPacket(packet: RtpPacket, kind: 'audio' | 'event', now: number): void {
    this.#to.sender?.relay(packet, { source: this.#from, event: kind === 'event', now });
  }
}
