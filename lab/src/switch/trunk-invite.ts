import {
  parseReasons,
  type ReinviteRequest,
  type SessionEnd,
  type SipHeaders,
  SipRequest,
  type SipResponse,
  type SipStack,
  type UacSession,
} from '@ringthrough/sip';
import type { TrunkCall, TrunkCallListener, TrunkCallRequest } from '../call/trunk-call.ts';
import { RtpEndpoint } from '../media/rtp-endpoint.ts';
import { causeOfSipStatus, causes } from '../model/causes.ts';
import type { Cause, RedirectionHeaders, TrunkCodec } from '../model/types.ts';
import { redirectionHeaders } from './redirection.ts';
import { readSdp, writeSdp } from './sdp.ts';

export interface TrunkInviteOptions {
  stack: SipStack;
  /** The switch's own SIP address. */
  local: { host: string; port: number };
  server: { host: string; port: number };
  codecs: readonly TrunkCodec[];
  call: TrunkCallRequest & { redirection: RedirectionHeaders };
  listener: TrunkCallListener;
}

/** A call on the trunk: one INVITE with its dialog, and the RTP that belongs to it. */
export class TrunkInvite implements TrunkCall {
  readonly #options: TrunkInviteOptions;
  readonly #sessionId = Math.floor(Math.random() * 2 ** 31);
  #session: UacSession | undefined;
  #media: RtpEndpoint | undefined;
  #over = false;
  #answered = false;
  #codec: TrunkCodec | undefined;

  constructor(options: TrunkInviteOptions) {
    this.#options = options;
  }

  get codec(): TrunkCodec | undefined {
    return this.#codec;
  }

  /** Opens the media port, then sends the INVITE. Never rejects: failures reach the listener. */
  async start(): Promise<void> {
    const { local, listener } = this.#options;
    try {
      const media = await RtpEndpoint.open(local.host);
      if (this.#over) return media.close();
      this.#media = media;
      this.#invite(media);
    } catch {
      if (this.#over) return;
      this.#finish();
      listener.released(causes.networkFailure);
    }
  }

  release(cause: Cause): void {
    if (this.#over) return;
    this.#finish();
    const headers: Array<[string, string]> = [
      ['Reason', `Q.850;cause=${cause.q850};text="${cause.text.replaceAll('"', '')}"`],
    ];
    const session = this.#session;
    if (session === undefined) return;
    if (session.state === 'accepted') session.bye({ headers });
    else session.cancel({ headers });
  }

  pressKey(key: string): void {
    this.#media?.pressKey(key);
  }

  send(frame: Int16Array): void {
    this.#media?.send(frame);
  }

  receive(): Int16Array | undefined {
    return this.#media?.receive();
  }

  #invite(media: RtpEndpoint): void {
    const { stack, local, server } = this.#options;
    const session = stack.invite({
      request: buildInvite(this.#options, this.#sdp(media, 1)),
      target: { protocol: 'udp', ...server, local },
    });
    this.#session = session;
    session.on('provisional', (response) => this.#onProvisional(response));
    session.on('accepted', (response) => this.#onAccepted(response));
    session.on('rejected', (response) => this.#onRejected(response));
    session.on('ended', (end) => this.#onEnded(end));
    session.on('reinvite', (reinvite) => this.#onReinvite(reinvite));
  }

  #onProvisional(response: SipResponse): void {
    if (this.#over) return;
    if (this.#negotiate(response)) this.#options.listener.earlyMedia();
    else if (response.status === 180) this.#options.listener.ringing();
  }

  #onAccepted(response: SipResponse): void {
    if (this.#over) {
      // The 2xx crossed our CANCEL (RFC 3261 section 9.1): it is answered with ACK, and then ended.
      this.#session?.bye();
      return;
    }
    if (!this.#negotiate(response) && this.#codec === undefined) {
      this.release({ q850: 127, text: 'No audio in the answer' });
      this.#options.listener.released({ q850: 127, text: 'No audio in the answer' });
      return;
    }
    this.#answered = true;
    this.#options.listener.answered();
  }

  #onRejected(response: SipResponse): void {
    if (this.#over) return;
    this.#finish();
    const reason = q850Of(response.headers);
    this.#options.listener.released(causeOfSipStatus(response.status, reason));
  }

  #onEnded(end: SessionEnd): void {
    if (this.#over) return;
    this.#finish();
    const lost = end.by === 'timeout' || end.by === 'transport';
    const q850 = end.request === undefined ? undefined : q850Of(end.request.headers);
    const clearing = q850 === undefined ? causes.clearing : { ...causes.clearing, q850 };
    this.#options.listener.released(lost ? causes.networkFailure : clearing);
  }

  /** Ringthrough moves the media or refreshes the session: the same terms from us, the new address from them. */
  #onReinvite(reinvite: ReinviteRequest): void {
    const media = this.#media;
    const remote = reinvite.offer === undefined ? undefined : readSdp(reinvite.offer);
    if (media === undefined || !this.#answered || (reinvite.offer !== undefined && remote === undefined)) {
      reinvite.reject(488);
      return;
    }
    if (remote !== undefined) {
      media.negotiate(remote);
      this.#codec = remote.codec;
    }
    reinvite.accept(this.#sdp(media, 1, remote?.codec));
  }

  #negotiate(response: SipResponse): boolean {
    if (response.body.length === 0) return false;
    const remote = readSdp(Buffer.from(response.body).toString('utf8'));
    if (remote === undefined) return false;
    this.#media?.negotiate(remote);
    this.#codec = remote.codec;
    return true;
  }

  #sdp(media: RtpEndpoint, version: number, codec?: TrunkCodec): string {
    const codecs = codec === undefined ? this.#options.codecs : [codec];
    const { host } = this.#options.local;
    return writeSdp({ host, port: media.port, codecs, sessionId: this.#sessionId, version });
  }

  #finish(): void {
    this.#over = true;
    this.#media?.close();
  }
}

function buildInvite({ local, server, call }: TrunkInviteOptions, sdp: string): SipRequest {
  const at = (number: string, host: string) => `<sip:${number}@${host};user=phone>`;
  // RFC 3323: the trunk still carries the number, for the network only.
  const from = call.withholdNumber
    ? '"Anonymous" <sip:anonymous@anonymous.invalid>'
    : at(call.calling, local.host);
  return new SipRequest('INVITE', `sip:${call.called}@${server.host}:${server.port};user=phone`, {
    headers: [
      ['From', from],
      ['To', at(call.called, server.host)],
      ['Call-ID', `${call.callId}@lab`],
      ['P-Asserted-Identity', at(call.calling, local.host)],
      ...(call.withholdNumber ? ([['Privacy', 'id']] as const) : []),
      ...(call.userToUser === undefined ? [] : ([['User-to-User', call.userToUser]] as const)),
      ...redirectionHeaders({ diverted: call.diverted, host: local.host, headers: call.redirection }),
      ['Content-Type', 'application/sdp'],
    ],
    body: sdp,
  });
}

function q850Of(headers: SipHeaders): number | undefined {
  return parseReasons(headers).find(({ protocol }) => protocol.toUpperCase() === 'Q.850')?.cause;
}
