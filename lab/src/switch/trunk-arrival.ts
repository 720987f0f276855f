import {
  parseNameAddr,
  parseUri,
  type ReinviteRequest,
  type SipHeaders,
  type UasSession,
} from '@ringthrough/sip';
import type { TrunkOrigin } from '../call/trunk-origin.ts';
import { RtpEndpoint } from '../media/rtp-endpoint.ts';
import { sipStatusOfCause } from '../model/causes.ts';
import type { Cause, TrunkCodec } from '../model/types.ts';
import { readSdp, writeSdp } from './sdp.ts';

/** What an INVITE of Ringthrough asks for. */
export interface TrunkArrivalRequest {
  /** The user parts of From and Request-URI: numbers, as the trunk writes them. */
  calling: string;
  called: string;
}

/** A call that Ringthrough makes over the trunk: its INVITE as the switch got it, and the RTP that belongs to it. */
export class TrunkArrival implements TrunkOrigin {
  readonly request: TrunkArrivalRequest;
  readonly userToUser: string | undefined;
  readonly #session: UasSession;
  readonly #host: string;
  readonly #media: RtpEndpoint;
  readonly #codec: TrunkCodec;
  readonly #sessionId = Math.floor(Math.random() * 2 ** 31);
  #over = false;

  private constructor(session: UasSession, host: string, media: RtpEndpoint, codec: TrunkCodec) {
    this.#session = session;
    this.#host = host;
    this.#media = media;
    this.#codec = codec;
    const { headers, uri } = session.request;
    this.request = { calling: userOf(fromOf(headers)), called: userOf(uri) };
    this.userToUser = headers.get('User-to-User') ?? undefined;
    session.on('reinvite', (reinvite) => this.#onReinvite(reinvite));
  }

  /**
   * Takes the offer and opens a port for it.
   * @param gone Ringthrough gave the call up, or hung up; not called after `release`
   * @returns undefined when it was refused: no usable audio, or it was given up meanwhile
   */
  static async open(session: UasSession, host: string, gone: () => void): Promise<TrunkArrival | undefined> {
    const remote = session.offer === undefined ? undefined : readSdp(session.offer);
    if (remote === undefined) {
      session.reject(488);
      return undefined;
    }
    const state = { arrival: undefined as TrunkArrival | undefined };
    let over = false;
    const left = () => {
      over = true;
      if (state.arrival?.finish()) gone();
    };
    session.on('cancelled', left);
    session.on('ended', left);
    const media = await RtpEndpoint.open(host);
    if (over) {
      media.close();
      return undefined;
    }
    media.negotiate(remote);
    state.arrival = new TrunkArrival(session, host, media, remote.codec);
    return state.arrival;
  }

  alerting(): void {
    if (!this.#over) this.#session.progress(180);
  }

  forwarded(): void {
    if (!this.#over) this.#session.progress(181);
  }

  answered(): void {
    if (!this.#over) this.#session.accept({ sdp: this.#sdp(1) });
  }

  release(cause: Cause): void {
    const { state } = this.#session;
    if (!this.finish()) return;
    const text = cause.text.replaceAll('"', '');
    const headers: Array<[string, string]> = [['Reason', `Q.850;cause=${cause.q850};text="${text}"`]];
    if (state === 'early') this.#session.reject(sipStatusOfCause(cause), { headers });
    else this.#session.bye({ headers });
  }

  pressKey(key: string): void {
    this.#media.pressKey(key);
  }

  send(frame: Int16Array): void {
    this.#media.send(frame);
  }

  receive(): Int16Array | undefined {
    return this.#media.receive();
  }

  /** @returns whether it was not over yet */
  finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#media.close();
    return true;
  }

  #onReinvite(reinvite: ReinviteRequest): void {
    const remote = reinvite.offer === undefined ? undefined : readSdp(reinvite.offer);
    if (this.#over || (reinvite.offer !== undefined && remote === undefined)) {
      reinvite.reject(488);
      return;
    }
    if (remote !== undefined) this.#media.negotiate(remote);
    reinvite.accept(this.#sdp(1));
  }

  #sdp(version: number): string {
    const { port } = this.#media;
    return writeSdp({ host: this.#host, port, codecs: [this.#codec], sessionId: this.#sessionId, version });
  }
}

const fromOf = (headers: SipHeaders): string => parseNameAddr(headers.get('From') ?? '')?.uri ?? '';

function userOf(uri: string): string {
  return parseUri(uri)?.user?.split(';')[0] ?? '';
}
