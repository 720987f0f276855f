import { ToneGenerator } from '@ringthrough/rtp';
import { SipRequest, SipStack, type UasSession } from '@ringthrough/sip';
import { frameSamples, sampleRate } from '../media/frame.ts';
import { Pacer } from '../media/pacer.ts';
import { RtpEndpoint } from '../media/rtp-endpoint.ts';
import { ToneEar } from '../media/tone-ear.ts';
import { type RemoteMedia, readSdp, writeSdp } from '../switch/sdp.ts';
import {
  type Device,
  type DeviceCall,
  Mailbox,
  numberIn,
  type SipAccount,
  type Stopped,
  sipCause,
} from './device.ts';

const host = '127.0.0.1';
const expiresSeconds = 120;

/** A plain SIP softphone over UDP: digest registration, G.711. */
export class Softphone implements Device {
  readonly name: string;
  readonly #account: SipAccount;
  readonly #stack: SipStack;
  readonly #calls = new Mailbox<DeviceCall>();
  readonly #open = new Set<SoftphoneCall>();
  #callId = '';
  #cseq = 0;

  constructor(name: string, account: SipAccount) {
    this.name = name;
    this.#account = account;
    this.#stack = new SipStack({
      userAgent: 'lab softphone',
      listeners: [{ protocol: 'udp', host, port: 0 }],
    });
    this.#stack.on('invite', (session) => void this.#onInvite(session));
  }

  async register(): Promise<void> {
    await this.#stack.start();
    this.#callId = `${crypto.randomUUID()}@${host}`;
    await this.#sendRegister(expiresSeconds);
  }

  nextCall(): Promise<DeviceCall> {
    return this.#calls.take();
  }

  async close(): Promise<void> {
    for (const call of this.#open) call.close();
    await this.#sendRegister(0);
    await this.#stack.close();
  }

  async #sendRegister(expires: number): Promise<void> {
    const { user, password, domain, server } = this.#account;
    const [serverHost = host, port = '5060'] = server.split(':');
    const own = this.#stack.addresses[0]?.port ?? 0;
    this.#cseq += 1;
    const request = new SipRequest('REGISTER', `sip:${domain}`, {
      headers: [
        ['From', `<sip:${user}@${domain}>`],
        ['To', `<sip:${user}@${domain}>`],
        ['Contact', `<sip:${user}@${host}:${own}>`],
        ['Call-ID', this.#callId],
        ['CSeq', `${this.#cseq} REGISTER`],
        ['Expires', `${expires}`],
        // Besides being polite: a server may refuse a challenge that is larger than the request.
        ['Allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE'],
      ],
    });
    const target = { protocol: 'udp', host: serverHost, port: Number(port) } as const;
    const response = await this.#stack.request(request, target, {
      credentials: { username: user, password },
    });
    // The answer to the challenge took one more sequence number (RFC 3261 section 22.2).
    this.#cseq += 1;
    if (response.status !== 200) throw new Error(`${this.name}: REGISTER was answered ${response.status}.`);
  }

  async #onInvite(session: UasSession): Promise<void> {
    const arrivedAt = Date.now();
    session.progress(180);
    const call = new SoftphoneCall(this.name, arrivedAt, session, await RtpEndpoint.open(host));
    this.#open.add(call);
    void Promise.race([call.stopped, call.ended]).then(() => this.#open.delete(call));
    this.#calls.put(call);
  }
}

class SoftphoneCall implements DeviceCall {
  readonly device: string;
  readonly arrivedAt: number;
  readonly calledNumber: string | undefined;
  readonly callerNumber: string | undefined;
  readonly stopped: Promise<Stopped>;
  readonly ended: Promise<{ at: number; by: 'peer' | 'us' }>;
  readonly ear = new ToneEar(Date.now);
  readonly #session: UasSession;
  readonly #media: RtpEndpoint;
  readonly #pacer = new Pacer(() => this.#tick());
  #remote: RemoteMedia | undefined;
  #tone: ToneGenerator | undefined;
  #state: DeviceCall['state'] = 'ringing';

  constructor(device: string, arrivedAt: number, session: UasSession, media: RtpEndpoint) {
    this.device = device;
    this.arrivedAt = arrivedAt;
    this.#session = session;
    this.#media = media;
    this.calledNumber = numberIn(session.request.headers.get('P-Called-Party-ID'));
    this.callerNumber = numberIn(session.request.headers.get('From'));
    this.stopped = new Promise((resolve) => {
      session.on('cancelled', (request) => {
        this.close();
        resolve({ at: Date.now(), cause: sipCause(request.headers.getAll('Reason')) });
      });
    });
    this.ended = new Promise((resolve) => {
      session.on('ended', ({ by }) => {
        this.close();
        resolve({ at: Date.now(), by: by === 'us' ? 'us' : 'peer' });
      });
    });
  }

  get codec(): string | undefined {
    return this.#remote?.codec;
  }

  get state(): DeviceCall['state'] {
    return this.#state;
  }

  async accept(): Promise<void> {
    const remote = readSdp(this.#session.offer ?? '');
    if (remote === undefined) throw new Error(`${this.device}: the INVITE offers no G.711.`);
    this.#remote = remote;
    this.#state = 'active';
    this.#media.negotiate(remote);
    this.#session.accept({
      sdp: writeSdp({ host, port: this.#media.port, codecs: [remote.codec], sessionId: 1, version: 1 }),
    });
    this.#pacer.start();
  }

  reject(status: 486 | 603): void {
    this.#session.reject(status);
    this.close();
  }

  hangUp(): void {
    this.#session.bye();
  }

  say(hz: number): void {
    this.#tone = new ToneGenerator({ sampleRate, frequencies: [hz] });
  }

  close(): void {
    this.#state = 'over';
    this.#pacer.stop();
    this.#media.close();
  }

  #tick(): void {
    const frame = new Int16Array(frameSamples);
    this.#tone?.fill(frame);
    this.#media.send(frame);
    const heard = this.#media.receive();
    if (heard !== undefined) this.ear.hear(heard);
  }
}
