import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ByteReader, uint16, vector } from './bytes.ts';
import type { DtlsCertificate, Fingerprint } from './certificate.ts';
import { AlertDescription, type AlertName, DtlsFailure } from './dtls-failure.ts';
import { type DtlsRole, HandshakeContext, type SrtpKeys } from './handshake-context.ts';
import {
  fragment,
  type HandshakeMessage,
  HandshakeReassembler,
  HandshakeType,
  wholeMessage,
} from './handshake-fragments.ts';
import {
  readClientHello,
  readHelloVerifyRequest,
  readServerHello,
  writeClientHello,
  writeServerHello,
} from './hello.ts';
import { type EphemeralKey, generateEphemeralKey, SIGNATURE_SCHEMES } from './key-exchange.ts';
import { ContentType, type DtlsRecord, MAX_DATAGRAM, RecordLayer } from './record-layer.ts';

export type DtlsState = 'new' | 'connecting' | 'connected' | 'closed' | 'failed';

export type DtlsOutput =
  | { type: 'send'; data: Buffer }
  | { type: 'connected'; srtp: SrtpKeys }
  /** `alert` is ours or the peer's; `timeout` when the peer stopped answering. */
  | { type: 'failed'; reason: AlertName | 'peer-alert' | 'timeout'; text: string }
  /** The peer said close_notify. */
  | { type: 'closed' };

export interface DtlsTimers {
  /** First retransmission; doubled each time (RFC 6347 section 4.2.4.1, with the shorter start usual in WebRTC). */
  initialMs: number;
  maxMs: number;
  /** The handshake fails when it takes longer. */
  handshakeMs: number;
}

export const DEFAULT_DTLS_TIMERS: DtlsTimers = { initialMs: 100, maxMs: 3000, handshakeMs: 20_000 };

export interface DtlsSessionOptions {
  role: DtlsRole;
  certificate: DtlsCertificate;
  /** Of the peer's certificate, from its SDP. The handshake fails unless one of them matches. */
  remoteFingerprints: readonly Fingerprint[];
  timers?: DtlsTimers;
}

/** The message that may come next, per role. CertificateRequest may be left out, the rest may not. */
type Step = keyof typeof HandshakeType;

/** A repeated flight of the peer is answered with ours at most this often. */
const REPEAT_GUARD_MS = 50;

const RECORD_OVERHEAD = 13 + 12;

/**
 * One DTLS 1.2 association (RFC 6347) for SRTP keys (RFC 5764): ECDHE with certificates on both sides, AES-128-GCM,
 * extended master secret. Application data is ignored, renegotiation refused. A core without clock and I/O: outputs
 * are returned, `nextTimeoutAt` says when `handleTimeout` wants to be called. Peer input never throws.
 */
export class DtlsSession {
  readonly #context: HandshakeContext;
  readonly #records = new RecordLayer();
  readonly #reassembler = new HandshakeReassembler();
  readonly #timers: DtlsTimers;
  #state: DtlsState = 'new';
  #expected: Step;
  #ephemeral: EphemeralKey | undefined;
  #peerKey: { group: number; publicKey: Buffer } | undefined;
  #certificateRequested = false;
  #sendSequence = 0;
  #flight: DtlsRecord[] = [];
  #outputs: DtlsOutput[] = [];
  #retransmitAt: number | undefined;
  #retransmitMs = 0;
  #sentAt = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(options: DtlsSessionOptions) {
    this.#context = new HandshakeContext({ ...options, fingerprints: options.remoteFingerprints });
    this.#timers = options.timers ?? DEFAULT_DTLS_TIMERS;
    this.#expected = options.role === 'server' ? 'clientHello' : 'serverHello';
  }

  get state(): DtlsState {
    return this.#state;
  }

  get nextTimeoutAt(): number | undefined {
    if (this.#state !== 'connecting') return undefined;
    return Math.min(this.#retransmitAt ?? Number.POSITIVE_INFINITY, this.#deadline);
  }

  /** The client sends its ClientHello, the server waits for one. */
  start(now: number): DtlsOutput[] {
    if (this.#state !== 'new') return [];
    this.#state = 'connecting';
    this.#deadline = now + this.#timers.handshakeMs;
    if (this.#context.role === 'client') {
      this.#context.clientRandom = randomBytes(32);
      this.#sendClientHello(Buffer.alloc(0), now);
    }
    return this.#drain();
  }

  receive(datagram: Buffer, now: number): DtlsOutput[] {
    if (this.#state !== 'connecting' && this.#state !== 'connected') return [];
    try {
      let repeated = false;
      for (const record of this.#records.read(datagram)) {
        if (record.type === ContentType.alert) this.#onAlert(record);
        else if (record.type === ContentType.handshake) repeated = this.#onHandshake(record, now) || repeated;
      }
      // The peer repeats its flight because it has not got ours (RFC 6347 section 4.2.4).
      if (repeated && now - this.#sentAt >= REPEAT_GUARD_MS) this.#transmit(now);
    } catch (error) {
      this.#fail(error);
    }
    return this.#drain();
  }

  handleTimeout(now: number): DtlsOutput[] {
    const due = this.nextTimeoutAt;
    if (due === undefined || now < due) return [];
    if (now >= this.#deadline) {
      this.#state = 'failed';
      this.#outputs.push({ type: 'failed', reason: 'timeout', text: 'the DTLS handshake took too long' });
    } else {
      this.#retransmitMs = Math.min(this.#retransmitMs * 2, this.#timers.maxMs);
      this.#transmit(now);
      this.#retransmitAt = now + this.#retransmitMs;
    }
    return this.#drain();
  }

  /** Idempotent. Tells the peer with close_notify when it can be told under protection. */
  close(): DtlsOutput[] {
    if (this.#state === 'connected') this.#sendAlert('close_notify');
    if (this.#state !== 'failed') this.#state = 'closed';
    return this.#drain();
  }

  #drain(): DtlsOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  #onAlert({ body, epoch }: DtlsRecord): void {
    // In clear anybody could have written it; during the handshake it is believed, for nothing is lost but time.
    if (body.length < 2 || (epoch === 0 && this.#state === 'connected')) return;
    if (body[1] === AlertDescription.close_notify && this.#state === 'connected') {
      this.#state = 'closed';
      this.#outputs.push({ type: 'closed' });
    } else if (body[0] === 2 || body[1] === AlertDescription.close_notify) {
      this.#state = 'failed';
      this.#outputs.push({ type: 'failed', reason: 'peer-alert', text: `the peer sent alert ${body[1]}` });
    }
  }

  /** True when the record repeats something old. */
  #onHandshake(record: DtlsRecord, now: number): boolean {
    const repeated = this.#reassembler.push(record.body);
    while (this.#state === 'connecting') {
      const message = this.#reassembler.shift(record.epoch);
      if (!message) break;
      this.#step(message, now);
    }
    return repeated;
  }

  #step(message: HandshakeMessage, now: number): void {
    const step = this.#stepOf(message);
    // Only Finished is protected, and Finished always is.
    if (message.epoch !== (step === 'finished' ? 1 : 0)) throw unexpected();
    if (this.#context.role === 'server') this.#serverStep(step, message, now);
    else this.#clientStep(step, message, now);
  }

  #stepOf(message: HandshakeMessage): Step {
    const { type } = message;
    if (type === HandshakeType[this.#expected]) return this.#expected;
    if (this.#expected === 'serverHello' && type === HandshakeType.helloVerifyRequest)
      return 'helloVerifyRequest';
    if (this.#expected === 'certificateRequest' && type === HandshakeType.serverHelloDone)
      return 'serverHelloDone';
    throw unexpected();
  }

  #serverStep(step: Step, message: HandshakeMessage, now: number): void {
    const context = this.#context;
    const transcribe = () => context.append(wholeMessage(message));
    switch (step) {
      case 'clientHello':
        transcribe();
        this.#answerClientHello(message.body, now);
        this.#expected = 'certificate';
        break;
      case 'certificate':
        context.readCertificate(message.body);
        transcribe();
        this.#expected = 'clientKeyExchange';
        break;
      case 'clientKeyExchange': {
        const peerKey = new ByteReader(message.body).vector(1);
        transcribe();
        this.#records.setKeys(context.deriveKeys(this.#ephemeral!.derive(peerKey)));
        this.#expected = 'certificateVerify';
        break;
      }
      case 'certificateVerify':
        context.readCertificateVerify(message.body);
        transcribe();
        this.#expected = 'finished';
        break;
      case 'finished':
        this.#checkFinished('client', message.body);
        transcribe();
        this.#flight = [];
        this.#addFinished();
        this.#transmit(now);
        this.#connected();
        break;
      default:
        throw unexpected();
    }
  }

  #answerClientHello(body: Buffer, now: number): void {
    const context = this.#context;
    const hello = readClientHello(body);
    context.clientRandom = hello.random;
    context.serverRandom = randomBytes(32);
    this.#ephemeral = generateEphemeralKey(hello.group);
    this.#flight = [];
    this.#addHandshake('serverHello', writeServerHello(context.serverRandom));
    this.#addHandshake('certificate', context.writeCertificate());
    this.#addHandshake('serverKeyExchange', context.writeServerKeyExchange(this.#ephemeral));
    const certificateTypes = vector(1, Buffer.from([64, 1])); // ecdsa_sign, rsa_sign
    const request = Buffer.concat([certificateTypes, vector(2, uint16(...SIGNATURE_SCHEMES)), vector(2)]);
    this.#addHandshake('certificateRequest', request);
    this.#addHandshake('serverHelloDone', Buffer.alloc(0));
    this.#transmitAndArm(now);
  }

  #clientStep(step: Step, message: HandshakeMessage, now: number): void {
    const context = this.#context;
    const { body } = message;
    if (step !== 'helloVerifyRequest' && step !== 'finished') context.append(wholeMessage(message));
    switch (step) {
      case 'helloVerifyRequest':
        context.resetTranscript();
        this.#sendClientHello(readHelloVerifyRequest(body), now);
        break;
      case 'serverHello':
        context.serverRandom = readServerHello(body).random;
        this.#expected = 'certificate';
        break;
      case 'certificate':
        context.readCertificate(body);
        this.#expected = 'serverKeyExchange';
        break;
      case 'serverKeyExchange':
        this.#peerKey = context.readServerKeyExchange(body);
        this.#expected = 'certificateRequest';
        break;
      case 'certificateRequest':
        this.#certificateRequested = true;
        this.#expected = 'serverHelloDone';
        break;
      case 'serverHelloDone':
        this.#answerServerHelloDone(now);
        this.#expected = 'finished';
        break;
      case 'finished':
        this.#checkFinished('server', body);
        this.#connected();
        break;
      default:
        throw unexpected();
    }
  }

  #sendClientHello(cookie: Buffer, now: number): void {
    this.#flight = [];
    this.#addHandshake('clientHello', writeClientHello(this.#context.clientRandom, cookie));
    this.#transmitAndArm(now);
  }

  #answerServerHelloDone(now: number): void {
    const context = this.#context;
    const ephemeral = generateEphemeralKey(this.#peerKey!.group);
    this.#flight = [];
    if (this.#certificateRequested) this.#addHandshake('certificate', context.writeCertificate());
    this.#addHandshake('clientKeyExchange', vector(1, ephemeral.publicKey));
    this.#records.setKeys(context.deriveKeys(ephemeral.derive(this.#peerKey!.publicKey)));
    if (this.#certificateRequested) this.#addHandshake('certificateVerify', context.writeCertificateVerify());
    this.#addFinished();
    this.#transmitAndArm(now);
  }

  #addFinished(): void {
    this.#flight.push({ type: ContentType.changeCipherSpec, epoch: 0, body: Buffer.from([1]) });
    this.#addHandshake('finished', this.#context.verifyData(this.#context.role), 1);
  }

  #checkFinished(of: DtlsRole, body: Buffer): void {
    const expected = this.#context.verifyData(of);
    if (body.length !== expected.length || !timingSafeEqual(body, expected)) {
      throw new DtlsFailure('decrypt_error', "the peer's Finished does not fit the handshake");
    }
  }

  #connected(): void {
    this.#state = 'connected';
    this.#retransmitAt = undefined;
    this.#outputs.push({ type: 'connected', srtp: this.#context.srtpKeys() });
  }

  #addHandshake(step: Step, body: Buffer, epoch = 0): void {
    const message = { type: HandshakeType[step], sequence: this.#sendSequence++, body };
    this.#context.append(wholeMessage(message));
    const room = MAX_DATAGRAM - RECORD_OVERHEAD;
    for (let start = 0; start === 0 || start < body.length; start += room) {
      const part = fragment(message, start, Math.min(room, body.length - start));
      this.#flight.push({ type: ContentType.handshake, epoch, body: part });
    }
  }

  #transmitAndArm(now: number): void {
    this.#transmit(now);
    this.#retransmitMs = this.#timers.initialMs;
    this.#retransmitAt = now + this.#retransmitMs;
  }

  /** Sends the whole flight, records packed into as few datagrams as hold them. */
  #transmit(now: number): void {
    this.#sentAt = now;
    let datagram: Buffer[] = [];
    let size = 0;
    const flush = () => {
      if (datagram.length > 0) this.#outputs.push({ type: 'send', data: Buffer.concat(datagram) });
      datagram = [];
      size = 0;
    };
    for (const record of this.#flight) {
      const raw = this.#records.write(record);
      if (size + raw.length > MAX_DATAGRAM) flush();
      datagram.push(raw);
      size += raw.length;
    }
    flush();
  }

  #fail(error: unknown): void {
    const failure = error instanceof DtlsFailure ? error : new DtlsFailure('internal_error', String(error));
    this.#sendAlert(failure.alert);
    this.#state = 'failed';
    this.#outputs.push({ type: 'failed', reason: failure.alert, text: failure.message });
  }

  #sendAlert(alert: AlertName): void {
    const level = alert === 'close_notify' ? 1 : 2;
    const epoch = this.#state === 'connected' ? 1 : 0;
    const body = Buffer.from([level, AlertDescription[alert]]);
    this.#outputs.push({ type: 'send', data: this.#records.write({ type: ContentType.alert, epoch, body }) });
  }
}

function unexpected(): DtlsFailure {
  return new DtlsFailure('unexpected_message', 'a handshake message came out of order');
}
