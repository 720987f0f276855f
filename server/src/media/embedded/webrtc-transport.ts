import type { DtlsRole, IcePort, IceSession } from '@ringthrough/ice';
import { isRtcp, SrtpSession } from '@ringthrough/rtp';
import type { LegTransport, TransportHandlers } from './leg-transport.ts';
import { PACKET_TAIL } from './leg-transport.ts';
import type { RemoteAudio } from './sdp.ts';

/** SRTP over DTLS over ICE-lite: one session on the shared WebRTC port. */
export class WebrtcTransport implements LegTransport {
  readonly authenticated = true;
  readonly #port: IcePort;
  readonly #session: IceSession;
  readonly #handlers: TransportHandlers;
  #srtp: SrtpSession | undefined;
  #remoteIce: { ufrag: string; password: string } | undefined;
  #role: DtlsRole | undefined;
  #closing = false;

  constructor(port: IcePort, handlers: TransportHandlers) {
    this.#port = port;
    this.#handlers = handlers;
    this.#session = port.createSession({
      onConnected: (keys) => {
        this.#srtp = new SrtpSession(keys);
      },
      onMedia: (datagram) => this.#onMedia(datagram),
      onState: (state, reason) => {
        if (this.#closing || (state !== 'failed' && state !== 'closed')) return;
        handlers.onFailed(reason ?? 'the peer has closed the DTLS association');
      },
    });
  }

  get ready(): boolean {
    return this.#srtp !== undefined && this.#session.state === 'connected';
  }

  local() {
    const { ufrag, password } = this.#session;
    const ice = { ufrag, password, fingerprint: this.#port.certificate.fingerprint };
    // Once agreed on, the roles stay (RFC 8842 section 5.5); before, an offer leaves the choice to the peer.
    const setup = this.#role === undefined ? 'actpass' : this.#role === 'client' ? 'active' : 'passive';
    return { port: this.#port.address.port, ice, setup } as const;
  }

  /**
   * Answering, we are the DTLS server whenever the peer lets us: its ClientHello comes when its side is ready, so that
   * none of ours is lost before it.
   */
  setRemote(remote: RemoteAudio, from: 'offer' | 'answer'): void {
    const before = this.#remoteIce;
    if (!remote.ice) return;
    if (
      from === 'offer' &&
      before &&
      before.ufrag !== remote.ice.ufrag &&
      before.password !== remote.ice.password
    ) {
      // RFC 8839 section 4.4.1.1.1: changed credentials ask for an ICE restart.
      this.#session.restart();
    }
    this.#remoteIce = remote.ice;
    this.#role ??= remote.setup === 'passive' ? 'client' : 'server';
    this.#session.setRemote({ fingerprints: remote.fingerprints, dtlsRole: this.#role });
  }

  sendRtp(buffer: Buffer, length: number): void {
    if (!this.#srtp || this.#session.state !== 'connected') return;
    this.#session.send(buffer.subarray(0, this.#srtp.protectRtp(buffer, length)));
  }

  sendRtcp(bytes: Uint8Array): void {
    if (!this.#srtp || this.#session.state !== 'connected') return;
    const buffer = Buffer.allocUnsafe(bytes.length + PACKET_TAIL);
    buffer.set(bytes);
    this.#session.send(buffer.subarray(0, this.#srtp.protectRtcp(buffer, bytes.length)));
  }

  close(): Promise<void> {
    this.#closing = true;
    this.#session.close();
    return Promise.resolve();
  }

  #onMedia(datagram: Buffer): void {
    if (!this.#srtp) return;
    if (isRtcp(datagram)) {
      const length = this.#srtp.unprotectRtcp(datagram, datagram.length);
      if (length > 0) this.#handlers.onRtcp(datagram.subarray(0, length));
    } else {
      const length = this.#srtp.unprotectRtp(datagram, datagram.length);
      if (length > 0) this.#handlers.onRtp(datagram, length);
    }
  }
}
