import { ToneGenerator } from '@ringthrough/rtp';
import { SipRequest, SipStack, type UacSession, type UasSession } from '@ringthrough/sip';
import { frameSamples, sampleRate } from '../media/frame.ts';
import { Pacer } from '../media/pacer.ts';
import { RtpEndpoint } from '../media/rtp-endpoint.ts';
import { ToneEar } from '../media/tone-ear.ts';
import { readSdp, writeSdp } from '../switch/sdp.ts';

const host = '127.0.0.1';

/** A call as the far end of the trunk has it. */
export class FarEndCall {
  readonly session: UasSession;
  readonly media: RtpEndpoint;
  readonly ear = new ToneEar(Date.now);
  readonly #pacer = new Pacer(() => this.#tick());
  #tone: ToneGenerator | undefined;

  constructor(session: UasSession, media: RtpEndpoint) {
    this.session = session;
    this.media = media;
    session.on('ended', () => this.close());
    session.on('cancelled', () => this.close());
  }

  /** The answer to the INVITE's offer; media flows from now on. */
  sdp(): string {
    const remote = readSdp(this.session.offer ?? '');
    if (remote === undefined) throw new Error('The INVITE has no audio.');
    this.media.negotiate(remote);
    this.#pacer.start();
    return writeSdp({ host, port: this.media.port, codecs: [remote.codec], sessionId: 7, version: 1 });
  }

  accept(): void {
    this.session.accept({ sdp: this.sdp() });
  }

  say(hz: number): void {
    this.#tone = new ToneGenerator({ sampleRate, frequencies: [hz] });
  }

  close(): void {
    this.#pacer.stop();
    this.media.close();
  }

  #tick(): void {
    const frame = new Int16Array(frameSamples);
    this.#tone?.fill(frame);
    this.media.send(frame);
    const heard = this.media.receive();
    if (heard !== undefined) this.ear.hear(heard);
  }
}

/** A call that the far end makes over the trunk. */
export class FarEndDial {
  readonly session: UacSession;
  readonly media: RtpEndpoint;
  readonly ear = new ToneEar(Date.now);
  /** Statuses in order, then `ended`. */
  readonly seen: Array<number | 'ended'> = [];
  /** Q.850 of a refusal or BYE. */
  reason: string | undefined;
  readonly #pacer = new Pacer(() => this.#tick());
  #tone: ToneGenerator | undefined;

  constructor(session: UacSession, media: RtpEndpoint) {
    this.session = session;
    this.media = media;
    session.on('provisional', ({ status }) => this.seen.push(status));
    session.on('accepted', ({ status }) => {
      this.seen.push(status);
      const remote = readSdp(session.answer ?? '');
      if (remote === undefined) throw new Error('The answer has no audio.');
      media.negotiate(remote);
      this.#pacer.start();
    });
    session.on('rejected', ({ status, headers }) => {
      this.reason = headers.get('Reason') ?? undefined;
      this.seen.push(status);
      this.close();
    });
    session.on('ended', ({ request }) => {
      this.reason = request?.headers.get('Reason') ?? undefined;
      this.seen.push('ended');
      this.close();
    });
  }

  say(hz: number): void {
    this.#tone = new ToneGenerator({ sampleRate, frequencies: [hz] });
  }

  close(): void {
    this.#pacer.stop();
    this.media.close();
  }

  #tick(): void {
    const frame = new Int16Array(frameSamples);
    this.#tone?.fill(frame);
    this.media.send(frame);
    const heard = this.media.receive();
    if (heard !== undefined) this.ear.hear(heard);
  }
}

/** Stands where Ringthrough stands: takes the trunk's calls with the same SIP and RTP libraries. */
export class FarEnd {
  readonly stack = new SipStack({ userAgent: 'far end', listeners: [{ protocol: 'udp', host, port: 0 }] });
  readonly #calls: Array<FarEndCall | FarEndDial> = [];
  readonly #waiting: Array<(call: FarEndCall) => void> = [];

  async start(): Promise<{ host: string; port: number }> {
    this.stack.on('invite', (session) => void this.#onInvite(session));
    await this.stack.start();
    return { host, port: this.stack.addresses[0]?.port ?? 0 };
  }

  /** How many there were, both ways. */
  get calls(): number {
    return this.#calls.length;
  }

  /** The next call that comes in. */
  nextCall(): Promise<FarEndCall> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Calls somebody over the trunk whose switch is there. */
  async call(
    to: { number: string; from: string; port: number },
    headers: Array<[string, string]> = [],
  ): Promise<FarEndDial> {
    const media = await RtpEndpoint.open(host);
    const body = writeSdp({ host, port: media.port, codecs: ['PCMU', 'PCMA'], sessionId: 8, version: 1 });
    const request = new SipRequest('INVITE', `sip:${to.number}@${host}:${to.port};user=phone`, {
      headers: [
        ['From', `<sip:${to.from}@${host}>`],
        ['To', `<sip:${to.number}@${host}>`],
        ['Content-Type', 'application/sdp'],
        ...headers,
      ],
      body,
    });
    const target = { protocol: 'udp' as const, host, port: to.port };
    const call = new FarEndDial(this.stack.invite({ request, target }), media);
    this.#calls.push(call);
    return call;
  }

  async close(): Promise<void> {
    for (const call of this.#calls) call.close();
    await this.stack.close();
  }

  async #onInvite(session: UasSession): Promise<void> {
    const call = new FarEndCall(session, await RtpEndpoint.open(host));
    this.#calls.push(call);
    this.#waiting.shift()?.(call);
  }
}
