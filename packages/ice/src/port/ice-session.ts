import { randomBytes } from 'node:crypto';
import { IceLiteAgent, type IceLiteOutput } from '../agent/ice-lite-agent.ts';
import type { DtlsCertificate, Fingerprint } from '../dtls/certificate.ts';
import { type DtlsOutput, DtlsSession } from '../dtls/dtls-session.ts';
import type { DtlsRole, SrtpKeys } from '../dtls/handshake-context.ts';
import type { ReceivedStunMessage, TransportAddress } from '../stun/stun-message.ts';

/**
 * `new`: no valid check yet. `connecting`: DTLS under way. `connected`: SRTP can flow. `disconnected`: consent is
 * lost; a new check brings `connected` back. `failed`: DTLS failed, for good. `closed`: by `close()` or by the peer.
 */
export type IceSessionState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed';

export interface IceSessionHandlers {
  /** DTLS is done and the peer's certificate is the announced one. Once per session. */
  onConnected(keys: SrtpKeys): void;
  /** An SRTP or SRTCP datagram from a validated address, not authenticated yet. */
  onMedia(datagram: Buffer): void;
  /** `reason` says why, for `failed`. */
  onState?(state: IceSessionState, reason?: string): void;
}

/** What the peer's SDP says. */
export interface RemoteParameters {
  fingerprints: readonly Fingerprint[];
  /** Our role: `client` when the peer is `passive`. */
  dtlsRole: DtlsRole;
}

/** What a session needs of the port it lives on. */
export interface SessionPort {
  readonly certificate: DtlsCertificate;
  readonly consentTimeoutMs: number;
  now(): number;
  send(datagram: Buffer, to: TransportAddress): void;
  addUfrag(ufrag: string, session: IceSession): void;
  removeUfrag(ufrag: string): void;
  addAddress(remote: TransportAddress, session: IceSession): void;
  removeAddress(remote: TransportAddress, session: IceSession): void;
  /** False when too many handshakes are half open; asked again with the next packet. */
  takeHandshakeSlot(session: IceSession): boolean;
  freeHandshakeSlot(session: IceSession): void;
  removeSession(session: IceSession): void;
}

const MAX_CHECKS_PER_SECOND = 100;

/** One peer on the shared port: ICE-lite, DTLS, and SRTP datagrams in and out. Made by `IcePort.createSession`. */
export class IceSession {
  readonly #port: SessionPort;
  readonly #handlers: IceSessionHandlers;
  /** The latest agent is last; one before it stays until the restarted one has a pair (RFC 8445 section 9). */
  #agents: IceLiteAgent[] = [];
  #password = '';
  #remote: RemoteParameters | undefined;
  #dtls: DtlsSession | undefined;
  #destination: TransportAddress | undefined;
  #state: IceSessionState = 'new';
  #timer: NodeJS.Timeout | undefined;
  #checks = { second: 0, count: 0 };
  readonly #addresses = new Map<string, TransportAddress>();

  constructor(port: SessionPort, handlers: IceSessionHandlers) {
    this.#port = port;
    this.#handlers = handlers;
    this.restart();
  }

  get state(): IceSessionState {
    return this.#state;
  }

  get ufrag(): string {
    return this.#agents.at(-1)!.localUfrag;
  }

  get password(): string {
    return this.#password;
  }

  /** Where media goes now. */
  get destination(): TransportAddress | undefined {
    return this.#destination;
  }

  /** New credentials for an ICE restart; media goes on over the old pair until the peer has checked a new one. */
  restart(): void {
    // RFC 8445 section 5.3: at least 24 and 128 bits.
    this.#password = randomBytes(18).toString('base64').replaceAll('=', '');
    const localUfrag = randomBytes(6).toString('base64');
    while (this.#agents.length > 1) this.#dropOldest();
    this.#agents.push(
      new IceLiteAgent({
        localUfrag,
        localPassword: this.#password,
        consentTimeoutMs: this.#port.consentTimeoutMs,
      }),
    );
    this.#port.addUfrag(localUfrag, this);
  }

  /** Sets what the peer's SDP says. The DTLS association stays when it is called again with the same certificate. */
  setRemote(remote: RemoteParameters): void {
    if (this.#remote) return;
    this.#remote = remote;
    this.#tryDtls();
  }

  /** Sends a protected datagram. False, and nothing sent, without consent or before DTLS is done. */
  send(datagram: Buffer): boolean {
    if (this.#state !== 'connected' || !this.#destination) return false;
    this.#port.send(datagram, this.#destination);
    return true;
  }

  /** Idempotent. Tells the peer with close_notify. */
  close(): void {
    this.#end('closed');
  }

  /** A Binding request for one of our ufrags; called by the port. */
  handleStun(ufrag: string, message: ReceivedStunMessage, remote: TransportAddress): void {
    const now = this.#port.now();
    if (this.#overRate(now)) return;
    const agent = this.#agents.find((candidate) => candidate.localUfrag === ufrag);
    if (!agent) return;
    this.#applyIce(agent, agent.handleRequest(message, remote, now));
    if (this.#state === 'disconnected' && agent.state === 'connected') {
      this.#setState(this.#dtls?.state === 'connected' ? 'connected' : 'connecting');
    }
    this.#tryDtls();
    this.#arm();
  }

  /** A DTLS datagram from a validated address; called by the port. */
  handleDtls(datagram: Buffer): void {
    this.#tryDtls();
    if (!this.#dtls) return;
    this.#applyDtls(this.#dtls.receive(datagram, this.#port.now()));
    this.#arm();
  }

  /** An SRTP or SRTCP datagram from a validated address; called by the port. */
  handleMedia(datagram: Buffer): void {
    // Without consent nothing may be sent; what still comes is welcome.
    if (this.#dtls?.state === 'connected') this.#handlers.onMedia(datagram);
  }

  #overRate(now: number): boolean {
    const second = Math.floor(now / 1000);
    if (this.#checks.second !== second) this.#checks = { second, count: 0 };
    return ++this.#checks.count > MAX_CHECKS_PER_SECOND;
  }

  #applyIce(agent: IceLiteAgent, outputs: IceLiteOutput[]): void {
    for (const output of outputs) {
      switch (output.type) {
        case 'send':
          this.#port.send(output.data, output.to);
          break;
        case 'validated':
          this.#addresses.set(keyOf(output.remote), output.remote);
          this.#port.addAddress(output.remote, this);
          break;
        case 'forgotten':
          this.#removeAddress(output.remote);
          break;
        case 'selected':
          this.#select(agent, output.remote);
          break;
        case 'consent-lost':
          if (agent === this.#agentInUse) this.#setState('disconnected');
          break;
      }
    }
  }

  #select(agent: IceLiteAgent, remote: TransportAddress): void {
    const latest = this.#agents.at(-1);
    if (agent !== latest && latest?.selected) return;
    this.#destination = remote;
    if (agent !== latest) return;
    while (this.#agents.length > 1) this.#dropOldest();
  }

  /** What came before an ICE restart is over: its ufrag, and the addresses that the new checks do not come from. */
  #dropOldest(): void {
    const oldest = this.#agents.shift()!;
    this.#port.removeUfrag(oldest.localUfrag);
    const kept = new Set(this.#agents.flatMap((agent) => agent.remotes).map(keyOf));
    for (const remote of oldest.remotes) if (!kept.has(keyOf(remote))) this.#removeAddress(remote);
  }

  #removeAddress(remote: TransportAddress): void {
    this.#addresses.delete(keyOf(remote));
    this.#port.removeAddress(remote, this);
  }

  /** The agent whose pair is in use: during an ICE restart still the one before it. */
  get #agentInUse(): IceLiteAgent {
    const latest = this.#agents.at(-1)!;
    return latest.selected ? latest : this.#agents[0]!;
  }

  #tryDtls(): void {
    if (this.#dtls || !this.#remote || !this.#destination || this.#isOver()) return;
    if (!this.#port.takeHandshakeSlot(this)) return;
    this.#dtls = new DtlsSession({
      role: this.#remote.dtlsRole,
      certificate: this.#port.certificate,
      remoteFingerprints: this.#remote.fingerprints,
    });
    this.#setState('connecting');
    this.#applyDtls(this.#dtls.start(this.#port.now()));
    this.#arm();
  }

  #applyDtls(outputs: DtlsOutput[]): void {
    for (const output of outputs) {
      switch (output.type) {
        case 'send':
          if (this.#destination) this.#port.send(output.data, this.#destination);
          break;
        case 'connected':
          this.#port.freeHandshakeSlot(this);
          this.#setState('connected');
          this.#handlers.onConnected(output.srtp);
          break;
        case 'failed':
          this.#end('failed', output.text);
          break;
        case 'closed':
          this.#end('closed');
          break;
      }
    }
  }

  #isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'failed';
  }

  #end(state: 'closed' | 'failed', reason?: string): void {
    if (this.#isOver()) return;
    for (const output of this.#dtls?.close() ?? []) {
      if (output.type === 'send' && this.#destination) this.#port.send(output.data, this.#destination);
    }
    clearTimeout(this.#timer);
    for (const agent of this.#agents) this.#port.removeUfrag(agent.localUfrag);
    for (const remote of this.#addresses.values()) this.#port.removeAddress(remote, this);
    this.#port.freeHandshakeSlot(this);
    this.#port.removeSession(this);
    this.#setState(state, reason);
  }

  #setState(state: IceSessionState, reason?: string): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#handlers.onState?.(state, reason);
  }

  /** One timer for whatever is due next: DTLS retransmission or the end of consent. */
  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isOver()) return;
    const due = [this.#dtls?.nextTimeoutAt, this.#agentInUse.nextTimeoutAt].filter((at) => at !== undefined);
    if (due.length === 0) return;
    const delay = Math.max(0, Math.min(...due) - this.#port.now());
    this.#timer = setTimeout(() => this.#onTimer(), delay);
  }

  #onTimer(): void {
    const now = this.#port.now();
    if (this.#dtls) this.#applyDtls(this.#dtls.handleTimeout(now));
    const agent = this.#agentInUse;
    if (!this.#isOver()) this.#applyIce(agent, agent.handleTimeout(now));
    this.#arm();
  }
}

function keyOf(remote: TransportAddress): string {
  return `${remote.address} ${remote.port}`;
}
