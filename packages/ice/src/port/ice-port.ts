import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createCertificate, type DtlsCertificate } from '../dtls/certificate.ts';
import { parseStun, StunAttributeType, stunAttribute, type TransportAddress } from '../stun/stun-message.ts';
import { IceSession, type IceSessionHandlers, type SessionPort } from './ice-session.ts';

export interface IcePortOptions {
  /** IPv4 address to bind. */
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Default: a new self-signed one. */
  certificate?: DtlsCertificate;
  /** RFC 7675 section 5.1. Default: 30 seconds. */
  consentTimeoutMs?: number;
  /** DTLS handshakes under way at one time; more have to wait. Default: 200. */
  maxHandshakes?: number;
  /** Socket errors that are no one session's. */
  onError?: (error: Error) => void;
}

/** Datagrams since the start that led to nothing, by cause. */
export interface IcePortDrops {
  /** Neither STUN nor DTLS nor SRTP, or malformed STUN, or from port 0. */
  malformed: number;
  unknownUfrag: number;
  /** DTLS or SRTP from an address that has proved nothing. */
  strangers: number;
}

const RECEIVE_BUFFER = 1 << 20;

/**
 * One UDP socket for every WebRTC session. A datagram finds its session by the ufrag in a STUN check, and from then on
 * by the address it comes from; its first byte tells STUN, DTLS and SRTP apart (RFC 7983). Strangers get no answer.
 */
export class IcePort {
  readonly #socket: Socket;
  readonly #link: SessionPort;
  readonly #sessions = new Set<IceSession>();
  readonly #byUfrag = new Map<string, IceSession>();
  /** By address, then port: no string is built per packet. */
  readonly #byAddress = new Map<string, Map<number, IceSession>>();
  readonly #handshaking = new Set<IceSession>();
  readonly #drops: IcePortDrops = { malformed: 0, unknownUfrag: 0, strangers: 0 };
  #closed = false;

  private constructor(socket: Socket, options: IcePortOptions) {
    this.#socket = socket;
    this.#link = this.#makeLink(options);
    socket.on('message', (datagram, remote) => this.#receive(datagram, remote));
    socket.on('error', (error) => options.onError?.(error));
  }

  /** Rejects with the socket's error (`code` EADDRINUSE, …) when the port cannot be had. */
  static async bind(options: IcePortOptions): Promise<IcePort> {
    const socket = createSocket({
      type: 'udp4',
      // Destinations are addresses already; Node's default lookup costs a turn of the event loop per packet.
      lookup: (host, _options, callback) => callback(null, host, 4),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: options.host, port: options.port }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // The system's default is good enough for few calls.
    }
    return new IcePort(socket, options);
  }

  get certificate(): DtlsCertificate {
    return this.#link.certificate;
  }

  get address(): TransportAddress {
    const { address, port } = this.#socket.address();
    return { address, port };
  }

  get drops(): Readonly<IcePortDrops> {
    return this.#drops;
  }

  /** What is held now; all zero when every session is closed. */
  stats(): { sessions: number; ufrags: number; addresses: number; handshakes: number } {
    return {
      sessions: this.#sessions.size,
      ufrags: this.#byUfrag.size,
      addresses: [...this.#byAddress.values()].reduce((sum, ports) => sum + ports.size, 0),
      handshakes: this.#handshaking.size,
    };
  }

  createSession(handlers: IceSessionHandlers): IceSession {
    if (this.#closed) throw new Error('the port is closed');
    const session = new IceSession(this.#link, handlers);
    this.#sessions.add(session);
    return session;
  }

  /** Closes every session, then the socket. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of this.#sessions) session.close();
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #receive(datagram: Buffer, remote: RemoteInfo): void {
    const first = datagram[0];
    // Nothing can be answered to port 0 (RFC 768: no reply is wanted), and Node throws when it is tried.
    if (first === undefined || remote.port === 0) this.#drops.malformed++;
    else if (first < 4) this.#receiveStun(datagram, remote);
    else if (first >= 128 && first < 192) this.#sessionOf(remote)?.handleMedia(datagram);
    else if (first >= 20 && first < 64) this.#sessionOf(remote)?.handleDtls(datagram);
    else this.#drops.malformed++;
  }

  #sessionOf(remote: RemoteInfo): IceSession | undefined {
    const session = this.#byAddress.get(remote.address)?.get(remote.port);
    if (!session) this.#drops.strangers++;
    return session;
  }

  #receiveStun(datagram: Buffer, remote: RemoteInfo): void {
    const message = parseStun(datagram);
    if (!message) {
      this.#drops.malformed++;
      return;
    }
    // RFC 8445 section 7.2.2: USERNAME is the receiver's ufrag, a colon, the sender's.
    const username = stunAttribute(message, StunAttributeType.username);
    const [ufrag = ''] = username ? Buffer.from(username).toString('latin1').split(':', 1) : [];
    const session = this.#byUfrag.get(ufrag);
    if (session) session.handleStun(ufrag, message, { address: remote.address, port: remote.port });
    else this.#drops.unknownUfrag++;
  }

  #makeLink(options: IcePortOptions): SessionPort {
    const { maxHandshakes = 200 } = options;
    return {
      certificate: options.certificate ?? createCertificate(),
      consentTimeoutMs: options.consentTimeoutMs ?? 30_000,
      now: () => performance.now(),
      send: (datagram, to) => {
        if (!this.#closed || this.#sessions.size > 0)
          this.#socket.send(datagram, to.port, to.address, ignore);
      },
      addUfrag: (ufrag, session) => this.#byUfrag.set(ufrag, session),
      removeUfrag: (ufrag) => this.#byUfrag.delete(ufrag),
      addAddress: (remote, session) => this.#addAddress(remote, session),
      removeAddress: (remote, session) => this.#removeAddress(remote, session),
      takeHandshakeSlot: (session) => {
        if (this.#handshaking.size >= maxHandshakes) return false;
        this.#handshaking.add(session);
        return true;
      },
      freeHandshakeSlot: (session) => this.#handshaking.delete(session),
      removeSession: (session) => this.#sessions.delete(session),
    };
  }

  #addAddress(remote: TransportAddress, session: IceSession): void {
    const ports = this.#byAddress.get(remote.address) ?? new Map<number, IceSession>();
    this.#byAddress.set(remote.address, ports);
    ports.set(remote.port, session);
  }

  #removeAddress(remote: TransportAddress, session: IceSession): void {
    const ports = this.#byAddress.get(remote.address);
    // A later session may have taken the address over.
    if (ports?.get(remote.port) !== session) return;
    ports.delete(remote.port);
    if (ports.size === 0) this.#byAddress.delete(remote.address);
  }
}

/** A datagram that cannot be sent is a lost datagram. */
function ignore(): void {}
