import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import {
  BINDING_METHOD,
  createCertificate,
  type DtlsOutput,
  DtlsSession,
  parseStun,
  StunAttributeType,
  serializeStun,
} from '@ringthrough/ice';
import { isRtcp, SrtpSession } from '@ringthrough/rtp';

/** How a test peer's packets travel, with the SDP lines that go with it. */
export interface Wire {
  /** m-line port and protocol. */
  readonly port: number;
  readonly protocol: string;
  /** Attribute lines of this side; `setup` as a=setup for webrtc. */
  attributes(setup: string): string[];
  /** Takes the other side's SDP. */
  setRemote(sdp: string, role: 'offerer' | 'answerer'): void;
  onRtp: (packet: Buffer) => void;
  onRtcp: (packet: Buffer) => void;
  sendRtp(packet: Buffer): void;
  sendRtcp(packet: Buffer): void;
  close(): Promise<void>;
}

async function udp(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind({ address: '127.0.0.1', port: 0 }, resolve));
  return socket;
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.close(() => resolve()));

const match = (sdp: string, pattern: RegExp) => pattern.exec(sdp)?.slice(1) ?? [];

/** Plain RTP, RTCP on a second socket. */
export class RtpWire implements Wire {
  readonly protocol = 'RTP/AVP';
  readonly rtp: Socket;
  readonly #rtcp: Socket;
  remotePort = 0;
  onRtp: (packet: Buffer) => void = () => undefined;
  onRtcp: (packet: Buffer) => void = () => undefined;

  private constructor(rtp: Socket, rtcp: Socket) {
    this.rtp = rtp;
    this.#rtcp = rtcp;
    rtp.on('message', (packet) => this.onRtp(packet));
    rtcp.on('message', (packet) => this.onRtcp(packet));
  }

  static async open(): Promise<RtpWire> {
    return new RtpWire(await udp(), await udp());
  }

  get port(): number {
    return this.rtp.address().port;
  }

  attributes(): string[] {
    return [`a=rtcp:${this.#rtcp.address().port}`];
  }

  setRemote(sdp: string): void {
    this.remotePort = Number(match(sdp, /^m=audio (\d+)/m)[0]);
  }

  sendRtp(packet: Buffer): void {
    this.rtp.send(packet, this.remotePort, '127.0.0.1');
  }

  sendRtcp(packet: Buffer): void {
    this.#rtcp.send(packet, this.remotePort + 1, '127.0.0.1');
  }

  async close(): Promise<void> {
    await Promise.all([closed(this.rtp), closed(this.#rtcp)]);
  }
}

const certificate = createCertificate();
/** Between checks of a path in use (RFC 7675 section 5.1: about 5 s, sooner does no harm). */
const CONSENT_MS = 2500;

/** A full ICE agent as small as can be, DTLS in either role, SRTP: what a browser does. */
export class WebrtcWire implements Wire {
  readonly protocol = 'UDP/TLS/RTP/SAVPF';
  readonly #socket: Socket;
  readonly #ufrag = randomBytes(4).toString('hex');
  readonly #password = randomBytes(16).toString('hex');
  #remote = { ufrag: '', password: '', port: 0 };
  #dtls: DtlsSession | undefined;
  #srtp: SrtpSession | undefined;
  #checks: NodeJS.Timeout | undefined;
  /** Of a certificate that is not ours, to be refused. */
  fingerprint = certificate.fingerprint.value;
  dtlsState = 'new';
  onRtp: (packet: Buffer) => void = () => undefined;
  onRtcp: (packet: Buffer) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (datagram) => this.#receive(datagram));
  }

  static async open(): Promise<WebrtcWire> {
    return new WebrtcWire(await udp());
  }

  get port(): number {
    return this.#socket.address().port;
  }

  attributes(setup: string): string[] {
    return [
      'a=rtcp-mux',
      'a=mid:0',
      `a=ice-ufrag:${this.#ufrag}`,
      `a=ice-pwd:${this.#password}`,
      `a=fingerprint:sha-256 ${this.fingerprint}`,
      `a=setup:${setup}`,
    ];
  }

  setRemote(sdp: string, role: 'offerer' | 'answerer'): void {
    const [ufrag = ''] = match(sdp, /^a=ice-ufrag:(.*?)\r?$/m);
    const [password = ''] = match(sdp, /^a=ice-pwd:(.*?)\r?$/m);
    const [value = ''] = match(sdp, /^a=fingerprint:sha-256 (.*?)\r?$/m);
    this.#remote = { ufrag, password, port: Number(match(sdp, /^m=audio (\d+)/m)[0]) };
    if (this.#dtls) {
      this.#check();
      return;
    }
    const passive = role === 'offerer' && /^a=setup:active/m.test(sdp);
    this.#dtls = new DtlsSession({
      role: passive ? 'server' : 'client',
      certificate,
      remoteFingerprints: [{ algorithm: 'sha-256', value }],
    });
    this.#check();
    this.#checks = setInterval(() => this.#check(), 50);
  }

  #check(): void {
    const request = {
      class: 'request' as const,
      method: BINDING_METHOD,
      transactionId: randomBytes(12),
      attributes: [
        { type: StunAttributeType.username, value: Buffer.from(`${this.#remote.ufrag}:${this.#ufrag}`) },
        { type: StunAttributeType.priority, value: Buffer.from([110, 0, 1, 255]) },
        { type: StunAttributeType.iceControlling, value: randomBytes(8) },
        { type: StunAttributeType.useCandidate, value: Buffer.alloc(0) },
      ],
    };
    this.#send(serializeStun(request, { key: this.#remote.password }));
    this.#apply(this.#dtls?.handleTimeout(performance.now()) ?? []);
  }

  #receive(datagram: Buffer): void {
    const first = datagram[0]!;
    if (first < 4) {
      if (parseStun(datagram)?.class === 'success') this.#apply(this.#dtls?.start(performance.now()) ?? []);
    } else if (first < 64) {
      this.#apply(this.#dtls?.receive(datagram, performance.now()) ?? []);
    } else if (this.#srtp && isRtcp(datagram)) {
      const length = this.#srtp.unprotectRtcp(datagram, datagram.length);
      if (length > 0) this.onRtcp(datagram.subarray(0, length));
    } else if (this.#srtp) {
      const length = this.#srtp.unprotectRtp(datagram, datagram.length);
      if (length > 0) this.onRtp(datagram.subarray(0, length));
    }
  }

  #apply(outputs: DtlsOutput[]): void {
    for (const output of outputs) {
      if (output.type === 'send') this.#send(output.data);
      else if (output.type === 'connected') {
        this.#srtp = new SrtpSession(output.srtp);
        clearInterval(this.#checks);
        this.#checks = setInterval(() => this.#check(), CONSENT_MS);
      }
    }
    if (this.#dtls) this.dtlsState = this.#dtls.state;
  }

  #send(datagram: Buffer): void {
    this.#socket.send(datagram, this.#remote.port, '127.0.0.1');
  }

  sendRtp(packet: Buffer): void {
    if (!this.#srtp) return;
    const buffer = Buffer.concat([packet, Buffer.alloc(16)]);
    this.#send(buffer.subarray(0, this.#srtp.protectRtp(buffer, packet.length)));
  }

  sendRtcp(packet: Buffer): void {
    if (!this.#srtp) return;
    const buffer = Buffer.concat([packet, Buffer.alloc(16)]);
    this.#send(buffer.subarray(0, this.#srtp.protectRtcp(buffer, packet.length)));
  }

  /** As a closed browser tab does. */
  hangUp(): void {
    this.#apply(this.#dtls?.close() ?? []);
  }

  async close(): Promise<void> {
    clearInterval(this.#checks);
    await closed(this.#socket);
  }
}
