import { parseReasons, type SessionEnd, type SipRequest, type UasSession } from '@ringthrough/sip';
import type { CarrierLeg } from '../alerting/index.ts';
import {
  type CodecName,
  type LegReport,
  type MediaLeg,
  type MediaPlane,
  SessionMedia,
} from '../media/index.ts';

import { callerEnd, mediaRefusal } from './sip-causes.ts';

/** Trunks speak G.711; which law comes first is the offerer's wish. */
const trunkCodecs: readonly CodecName[] = ['PCMU', 'PCMA'];

export type CallerGone = 'caller-cancelled' | 'caller-hung-up' | 'carrier-lost' | 'caller-media-failed';

/** What may be heard of a caller who is gone. */
export interface CallerEnd {
  type: CallerGone;
  /** The CANCEL said that the call was answered elsewhere (RFC 3326, cause 200): the carrier did it, not the caller. */
  elsewhere: boolean;
  /** Why there is no media, where it is not the codecs. */
  cause?: 'no-media' | 'no-common-codec' | undefined;
}

/** The leg towards the caller's switch. It notices at once when the caller goes, whatever else is under way. */
export class CallerLeg implements CarrierLeg {
  readonly session: UasSession;
  readonly #media: MediaPlane;
  #leg: MediaLeg | undefined;
  #dialogMedia: SessionMedia | undefined;
  /** Undefined until the offer is answered. */
  #sdp: string | undefined;
  #described: Promise<void> = Promise.resolve();
  #negotiated: Promise<void> = Promise.resolve();
  #gone: CallerEnd | undefined;
  #listener: ((gone: CallerEnd) => void) | undefined;
  readonly #onKey = new Set<(key: string) => void>();

  constructor(session: UasSession, media: MediaPlane) {
    this.session = session;
    this.#media = media;
    session.on('cancelled', (request) =>
      this.#ended({ type: 'caller-cancelled', elsewhere: isElsewhere(request) }),
    );
    session.on('ended', (end) => this.#ended({ type: goneBy(end), elsewhere: false }));
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
    const { offer } = this.session;
    const chosen = offer === undefined ? undefined : firstCodec(offer);
    return chosen === 'PCMA' ? ['PCMA', 'PCMU'] : trunkCodecs;
  }

  /** Set once; called in a later turn if the caller has gone already. */
  onGone(listener: (gone: CallerEnd) => void): void {
    this.#listener = listener;
    if (this.#gone !== undefined) queueMicrotask(() => listener(this.#gone as CallerEnd));
  }

  /** Keys of the caller, by RFC 4733 or INFO. @returns how to stop */
  onKey(listener: (key: string) => void): () => void {
    this.#onKey.add(listener);
    const stop = this.media.on('dtmf', ({ key }) => listener(key));
    return () => {
      stop();
      this.#onKey.delete(listener);
    };
  }

  /**
   * Opens the media and answers the offer, without telling anybody yet.
   * @param beside an offer with a codec that trunks speak is answered beside what follows: should that fail after all, the
   * caller is gone (`caller-media-failed`)
   * @throws MediaError
   */
  async prepare(callId: string, beside: boolean): Promise<void> {
    const wanted = { callId, kind: 'rtp', codecs: trunkCodecs } as const;
    const { offer } = this.session;
    if (offer === undefined) {
      const { leg, sdp } = await this.#media.openOfferingLeg(wanted);
      this.#leg = leg;
      this.#sdp = sdp;
      return;
    }
    const { leg, answer } = this.#media.openAnsweringLeg(wanted, offer);
    this.#leg = leg;
    this.#described = answer.then((sdp) => {
      this.#sdp = sdp;
    });
    if (!beside || firstCodec(offer) === undefined) await this.#described;
    this.#described.catch((error: unknown) => {
      this.#ended({ type: 'caller-media-failed', elsewhere: false, cause: mediaRefusal(error) });
    });
  }

  async answer(): Promise<boolean> {
    await this.#described.catch(() => undefined);
    this.accept();
    if (this.#gone !== undefined) return false;
    await this.#negotiated;
    return this.#gone === undefined;
  }

  /** Sends the 200. Without an offer in the INVITE, the answer to ours comes with the ACK (RFC 3261 13.2.1). */
  accept(): void {
    if (this.#gone !== undefined || this.session.state !== 'early') return;
    const { session, media } = this;
    const sdp = this.#sdp;
    if (sdp === undefined) {
      // Whoever cannot be answered is gone then.
      this.#described.then(
        () => this.accept(),
        () => undefined,
      );
      return;
    }
    if (session.offer === undefined) {
      this.#negotiated = new Promise((resolve) => {
        session.on('ended', () => resolve());
        session.on('confirmed', (ack) => {
          const sdp = Buffer.from(ack.body).toString('utf8');
          media.acceptAnswer(sdp).then(resolve, () => {
            this.#unusable();
            resolve();
          });
        });
      });
    }
    this.#dialogMedia = new SessionMedia(session, media, (key) => {
      for (const listener of [...this.#onKey]) listener(key);
    });
    session.accept({ sdp });
  }

  /** Bridges to the device's leg: at once, or when the caller's answer has come. */
  async connect(other: MediaLeg): Promise<void> {
    if (this.session.offer !== undefined) {
      await this.#media.connect(this.media, other);
      return;
    }
    this.session.on('confirmed', () => {
      this.#negotiated
        .then(() => (this.#gone === undefined ? this.#media.connect(this.media, other) : undefined))
        .catch(() => this.#unusable());
    });
  }

  /** Idempotent; undefined when there was no media. */
  async close(): Promise<LegReport | undefined> {
    this.#dialogMedia?.stop();
    return this.#leg?.close();
  }

  /** There is no audio for this caller; told before the BYE, which would look as if the caller had hung up. */
  #unusable(): void {
    this.#ended({ type: 'caller-media-failed', elsewhere: false });
    this.session.bye({ headers: callerEnd('no-common-codec').headers });
  }

  #ended(gone: CallerEnd): void {
    if (this.#gone !== undefined) return;
    this.#gone = gone;
    this.#listener?.(gone);
  }
}

function isElsewhere(cancel: SipRequest): boolean {
  return parseReasons(cancel.headers).some(
    ({ protocol, cause }) => protocol.toUpperCase() === 'SIP' && cause === 200,
  );
}

function goneBy(end: SessionEnd): CallerGone {
  return end.by === 'peer' || end.by === 'us' ? 'caller-hung-up' : 'carrier-lost';
}

/** The codec that our answer to an offer will choose: the first that trunks speak (RFC 3551 table 4). */
function firstCodec(sdp: string): CodecName | undefined {
  const payloadTypes = /^m=audio \d+ \S+ ([\d ]+)/m.exec(sdp)?.[1]?.split(' ') ?? [];
  const first = payloadTypes.find((type) => type === '8' || type === '0');
  return first === undefined ? undefined : first === '8' ? 'PCMA' : 'PCMU';
}
