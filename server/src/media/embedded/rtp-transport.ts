import type { RemoteInfo } from 'node:dgram';
import { isRtcp } from '@ringthrough/rtp';
import type { LegTransport, TransportHandlers } from './leg-transport.ts';
import { type Endpoint, RtpLatch } from './rtp-latch.ts';
import type { PortPair } from './rtp-ports.ts';
import type { RemoteAudio } from './sdp.ts';

const MIN_RTP = 12;

/** Plain RTP and RTCP on a pair of ports, or both on one when the peer asks for it (RFC 5761). */
export class RtpTransport implements LegTransport {
  readonly authenticated = false;
  readonly #pair: PortPair;
  readonly #handlers: TransportHandlers;
  readonly #now: () => number;
  readonly #latch = new RtpLatch();
  #mux = false;
  /** Where the peer's RTCP comes from, or is said to come from. */
  #rtcpRemote: Endpoint | undefined;
  #closed = false;

  constructor(pair: PortPair, handlers: TransportHandlers, now: () => number) {
    this.#pair = pair;
    this.#handlers = handlers;
    this.#now = now;
    // Nothing can be sent to port 0, and no real peer sends from it.
    pair.rtp.on('message', (datagram, from) => from.port > 0 && this.#onRtpPort(datagram, from));
    pair.rtcp.on('message', (datagram, from) => from.port > 0 && this.#onRtcpPort(datagram, from));
  }

  get ready(): boolean {
    return this.#latch.destination !== undefined;
  }

  local() {
    return { port: this.#pair.port, ice: undefined, setup: 'actpass' as const };
  }

  setRemote(remote: RemoteAudio): void {
    this.#mux = remote.rtcpMux;
    // On hold the old way, the address stays what it was (RFC 3264 section 8.4).
    if (!remote.rtp) return;
    const { address, port, rtcpPort } = remote.rtp;
    this.#latch.setSignalled({ address, port });
    this.#rtcpRemote = { address, port: rtcpPort };
  }

  sendRtp(buffer: Buffer, length: number): void {
    const to = this.#latch.destination;
    if (to && !this.#closed) this.#pair.rtp.send(buffer, 0, length, to.port, to.address, ignore);
  }

  sendRtcp(bytes: Uint8Array): void {
    const to = this.#mux ? this.#latch.destination : this.#rtcpRemote;
    const socket = this.#mux ? this.#pair.rtp : this.#pair.rtcp;
    if (to && !this.#closed) socket.send(bytes, to.port, to.address, ignore);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pair.release();
  }

  #onRtpPort(datagram: Buffer, from: RemoteInfo): void {
    if (datagram.length < MIN_RTP || datagram[0]! >> 6 !== 2) return;
    if (this.#mux && isRtcp(datagram)) this.#takeRtcp(datagram, from);
    else if (this.#latch.accept(from, datagram.readUInt32BE(8), this.#now())) {
      this.#handlers.onRtp(datagram, datagram.length);
    }
  }

  #onRtcpPort(datagram: Buffer, from: RemoteInfo): void {
    if (this.#takeRtcp(datagram, from) && !this.#mux) {
      this.#rtcpRemote = { address: from.address, port: from.port };
    }
  }

  /** RTCP is believed from the host that RTP comes from. */
  #takeRtcp(datagram: Buffer, from: RemoteInfo): boolean {
    if (from.address !== this.#latch.destination?.address) return false;
    this.#handlers.onRtcp(datagram);
    return true;
  }
}

/** A datagram that cannot be sent is a lost datagram. */
function ignore(): void {}
