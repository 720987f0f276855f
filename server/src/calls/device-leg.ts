import {
  formatNameAddr,
  type SipRequest as Request,
  SipRequest,
  type SipResponse,
  type UacSession,
} from '@ringthrough/sip';
import { type LegReport, type MediaLeg, SessionMedia } from '../media/index.ts';
import type { DeviceAddress } from '../registration/index.ts';
import type { CallInput, LegEndReason } from './call-types.ts';
import type { OfferedMedia, RingMedia } from './ring-media.ts';

import { legEnd } from './sip-causes.ts';

/** The part of the SIP stack that rings devices. */
export interface Inviter {
  invite(options: {
    request: Request;
    target: DeviceAddress['target'];
    confined: boolean;
    answerWithinMs?: number;
  }): UacSession;
}

/** A flow on which nothing at all was heard for so long is left, where the device has another one. */
const otherFlowAfterMs = 4_000;

export interface DeviceLegOptions {
  legId: string;
  device: DeviceAddress;
  inviter: Inviter;
  media: RingMedia;
  domain: string;
  /** E.164. */
  called: string;
  /** E.164; undefined when withheld. */
  calling: string | undefined;
  callingAsserted: boolean;
  maxForwards: number;
  /** Takes what happens on this leg. */
  tell(input: CallInput): void;
}

/** One ringing device: its INVITE and its media. After `cancel` or `bye` it still tells when it is over. */
export class DeviceLeg {
  readonly device: DeviceAddress;
  readonly #options: DeviceLegOptions;
  /** To the same device, not tried yet. */
  readonly #flows: DeviceAddress[];
  #media: OfferedMedia | undefined;
  #session: UacSession | undefined;
  #dialogMedia: SessionMedia | undefined;
  #answer = '';
  #givenUp = false;
  #inConversation = false;

  constructor(options: DeviceLegOptions) {
    this.#options = options;
    this.device = options.device;
    this.#flows = [...(options.device.otherFlows ?? [])];
  }

  get onHold(): boolean {
    return this.#dialogMedia?.onHold === true;
  }

  /** Undefined until the INVITE is on its way. */
  get media(): MediaLeg | undefined {
    return this.#media?.leg;
  }

  /** Sends the INVITE. What goes wrong is told as `leg-failed`. */
  async start(): Promise<void> {
    const { device, media, legId, tell } = this.#options;
    try {
      this.#media = await media.offer(device.transport === 'ws' ? 'webrtc' : 'rtp');
      if (this.#givenUp) throw new Error('given up before the INVITE was sent');
      this.#ring(device, this.#media.sdp);
    } catch {
      tell({ type: 'leg-failed', legId, lost: false });
      await this.close();
    }
  }

  /**
   * Takes the device's SDP answer and connects its media. The media plane does things in order, so both are asked for
   * at once. @throws MediaError
   */
  async negotiate(connect: (media: MediaLeg) => Promise<void>): Promise<MediaLeg> {
    const media = this.#media?.leg;
    const session = this.#session;
    if (media === undefined || session === undefined) throw new Error('a leg that never rang has answered');
    await Promise.all([media.acceptAnswer(this.#answer), connect(media)]);
    this.#dialogMedia = new SessionMedia(session, media);
    this.#inConversation = true;
    return media;
  }

  /**
   * The device has registered again. A conversation goes on over the new connection: the contact is what its dialog
   * calls, and the device, whose dialog never ended, sends no request in it that would tell (RFC 5626 section 5.3).
   */
  foundAt(addresses: readonly DeviceAddress[]): void {
    const { deviceId, contactUri } = this.device;
    if (!this.#inConversation) return;
    const same = addresses.find(
      (address) => address.deviceId === deviceId && address.contactUri === contactUri,
    );
    // Behind edge proxies the dialog has a route of its own (Record-Route), which a REGISTER does not change.
    if (same !== undefined && same.route === undefined) this.#session?.moveTo(same.target);
  }

  cancel(reason: LegEndReason): void {
    this.#givenUp = true;
    this.#session?.cancel({ headers: legEnd(reason, false) });
  }

  bye(reason: LegEndReason): void {
    this.#givenUp = true;
    this.#session?.bye({ headers: legEnd(reason, this.#inConversation) });
  }

  /** Frees the media, unless others are offered the same. Idempotent. */
  async close(): Promise<void> {
    this.#givenUp = true;
    this.#dialogMedia?.stop();
    await this.#media?.release();
  }

  /** `close` for the device that had the call. Its media is closed, whoever else was offered it. Idempotent. */
  async finish(): Promise<LegReport | undefined> {
    const [report] = await Promise.all([this.#media?.leg.close(), this.close()]);
    return report;
  }

  #ring(address: DeviceAddress, offer: string): void {
    this.#session = this.#options.inviter.invite({
      request: this.#invite(address, offer),
      target: address.target,
      // Nobody but the device may be told of its calls, whatever address it gives.
      confined: true,
      ...(this.#flows.length > 0 ? { answerWithinMs: otherFlowAfterMs } : {}),
    });
    this.#listen(this.#session, address, offer);
  }

  #listen(session: UacSession, address: DeviceAddress, offer: string): void {
    const { legId, tell } = this.#options;
    session.on('provisional', ({ status }) => {
      if (status === 180 || status === 183) tell({ type: 'leg-ringing', legId });
    });
    session.on('accepted', () => {
      this.#answer = session.answer ?? '';
      tell({ type: 'leg-answered', legId });
    });
    session.on('rejected', (response) => {
      const next = this.#nextFlow(address, response);
      if (next !== undefined) this.#ring(next, offer);
      else tell(this.#rejected(address, response));
    });
    session.on('ended', ({ by }) => {
      tell({ type: 'leg-ended', legId, lost: by === 'transport' || by === 'timeout' });
    });
  }

  /**
   * RFC 5626 section 5.3: when a flow to the device has failed, another one is tried. Where the connection is ours to see
   * and the contact another one, the registrar's news of it ring the device.
   */
  #nextFlow(failed: DeviceAddress, { status, headers }: SipResponse): DeviceAddress | undefined {
    if (this.#givenUp) return undefined;
    const ours = (headers.get('Warning') ?? '').startsWith('399 ringthrough ');
    if (status !== 430 && !(ours && (status === 503 || status === 408))) return undefined;
    const at = this.#flows.findIndex(({ contactUri }) => status !== 503 || contactUri === failed.contactUri);
    return at < 0 ? undefined : this.#flows.splice(at, 1)[0];
  }

  /** A connection that broke is no refusal: the device may come back while it still rings. */
  #rejected({ target }: DeviceAddress, response: SipResponse): CallInput {
    const { legId } = this.#options;
    const broken = 'flow' in target && target.flow.closed;
    if (broken) return { type: 'leg-failed', legId, lost: true };
    return { type: 'leg-rejected', legId, status: response.status };
  }

  #invite(device: DeviceAddress, offer: string): SipRequest {
    const { domain, called, calling, callingAsserted, maxForwards } = this.#options;
    const headers: Array<[string, string]> = [
      ['From', callerAddress(calling, domain)],
      ['To', `<sip:${device.sipUser}@${domain}>`],
      ['Max-Forwards', String(maxForwards)],
      // RFC 7315 4.2: tells the client which of the person's numbers was called.
      ['P-Called-Party-ID', `<sip:${called}@${domain}>`],
      ['Content-Type', 'application/sdp'],
      // RFC 3327 section 5.4: along the proxies that it registered through.
      ...(device.route ?? []).map((hop): [string, string] => ['Route', hop]),
    ];
    if (calling !== undefined && callingAsserted) {
      headers.push(['P-Asserted-Identity', `<sip:${calling}@${domain}>`]);
    }
    return new SipRequest('INVITE', device.contactUri, { headers, body: offer });
  }
}

/** RFC 3323 section 4.1 for a withheld number. */
function callerAddress(calling: string | undefined, domain: string): string {
  if (calling === undefined) {
    return formatNameAddr({ displayName: 'Anonymous', uri: 'sip:anonymous@anonymous.invalid' });
  }
  return formatNameAddr({ displayName: calling, uri: `sip:${calling}@${domain}` });
}
