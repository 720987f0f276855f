import type { SessionEnd, UasSession } from '@ringthrough/sip';
import type { CarrierLeg } from '../alerting/index.ts';
import type { CodecName, LegReport, MediaLeg, MediaPlane } from '../media/index.ts';
import { SessionMedia } from './session-media.ts';

/** Trunks speak G.711; which law comes first is the offerer's wish. */
const trunkCodecs: readonly CodecName[] = ['PCMU', 'PCMA'];

export type CallerGone = 'caller-cancelled' | 'caller-hung-up' | 'carrier-lost';

/** The leg towards the caller's switch. It notices at once when the caller goes, whatever else is under way. */
export class CallerLeg implements CarrierLeg {
  readonly session: UasSession;
  readonly #media: MediaPlane;
  #leg: MediaLeg | undefined;
  #dialogMedia: SessionMedia | undefined;
  #sdp = '';
  #negotiated: Promise<void> = Promise.resolve();
  #gone: CallerGone | undefined;
  #listener: ((gone: CallerGone) => void) | undefined;

  constructor(session: UasSession, media: MediaPlane) {
    this.session = session;
    this.#media = media;
    session.on('cancelled', () => this.#ended('caller-cancelled'));
    session.on('ended', (end) => this.#ended(goneBy(end)));
  }

  get media(): MediaLeg {
    if (this.#leg === undefined) throw new Error('the caller leg has no media yet');
    return this.#leg;
  }

  get onHold(): boolean {
    return this.#dialogMedia?.onHold === true;
  }

  /** Codecs for the other leg, the one that needs no transcoding first. */
  get codecs(): readonly CodecName[] {
    const chosen = this.session.offer === undefined ? undefined : firstCodec(this.#sdp);
    return chosen === 'PCMA' ? ['PCMA', 'PCMU'] : trunkCodecs;
  }

  /** Set once; called in a later turn if the caller has gone already. */
  onGone(listener: (gone: CallerGone) => void): void {
    this.#listener = listener;
    if (this.#gone !== undefined) queueMicrotask(() => listener(this.#gone as CallerGone));
  }

  /** Opens the media and answers the offer, without telling anybody yet. @throws MediaError */
  async prepare(callId: string): Promise<void> {
    this.#leg = await this.#media.openLeg({ callId, kind: 'rtp', codecs: trunkCodecs });
    const { offer } = this.session;
    this.#sdp = offer === undefined ? await this.#leg.createOffer() : await this.#leg.acceptOffer(offer);
  }

  async answer(): Promise<boolean> {
    this.accept();
    if (this.#gone !== undefined) return false;
    await this.#negotiated;
    return this.#gone === undefined;
  }

  /** Sends the 200. Without an offer in the INVITE, the answer to ours comes with the ACK (RFC 3261 13.2.1). */
  accept(): void {
    if (this.#gone !== undefined || this.session.state !== 'early') return;
    const { session, media } = this;
    if (session.offer === undefined) {
      this.#negotiated = new Promise((resolve) => {
        session.on('ended', () => resolve());
        session.on('confirmed', (ack) => {
          const sdp = Buffer.from(ack.body).toString('utf8');
          media.acceptAnswer(sdp).then(resolve, () => {
            session.bye({ headers: [['Reason', 'SIP;cause=488;text="Not Acceptable Here"']] });
            resolve();
          });
        });
      });
    }
    this.#dialogMedia = new SessionMedia(session, media);
    session.accept({ sdp: this.#sdp });
  }

  /** Bridges to the device's leg: at once, or when the caller's answer has come. */
  async connect(other: MediaLeg): Promise<void> {
    if (this.session.offer !== undefined) {
      await this.#media.connect(this.media, other);
      return;
    }
    this.session.on('confirmed', () => {
      this.#negotiated.then(() => this.#media.connect(this.media, other)).catch(() => this.session.bye());
    });
  }

  /** Idempotent; undefined when there was no media. */
  async close(): Promise<LegReport | undefined> {
    this.#dialogMedia?.stop();
    return this.#leg?.close();
  }

  #ended(gone: CallerGone): void {
    if (this.#gone !== undefined) return;
    this.#gone = gone;
    this.#listener?.(gone);
  }
}

function goneBy(end: SessionEnd): CallerGone {
  return end.by === 'peer' || end.by === 'us' ? 'caller-hung-up' : 'carrier-lost';
}

/** The codec that an answer of ours chose: its first payload type (RFC 3551 table 4). */
function firstCodec(sdp: string): CodecName | undefined {
  const payloadType = /^m=audio \d+ \S+ (\d+)/m.exec(sdp)?.[1];
  return payloadType === '8' ? 'PCMA' : payloadType === '0' ? 'PCMU' : undefined;
}
