import type { ReinviteRequest, UacSession, UasSession } from '@ringthrough/sip';
import { keyOfInfo } from './info-keys.ts';
import { MediaError, type MediaLeg } from './media-plane.ts';

/**
 * What both kinds of leg do in a dialog: re-INVITE and UPDATE go to the leg's own media (hold, new address), so the
 * other side never notices; keys by INFO are told like those of RFC 4733.
 */
export class SessionMedia {
  readonly #session: UacSession | UasSession;
  readonly #media: MediaLeg;
  readonly #stops: Array<() => void>;
  #onHold = false;
  /** We made an offer in a response; the answer is in the next ACK. */
  #answerDue = false;

  /** @param onKey a key that came by INFO */
  constructor(session: UacSession | UasSession, media: MediaLeg, onKey: (key: string) => void = () => {}) {
    this.#session = session;
    this.#media = media;
    this.#stops = [
      session.on('reinvite', (reinvite) => void this.#renegotiate(reinvite)),
      session.on('confirmed', (ack) => void this.#lateAnswer(Buffer.from(ack.body).toString('utf8'))),
      session.on('request', (incoming) => {
        const key = incoming.request.method === 'INFO' ? keyOfInfo(incoming.request) : undefined;
        // The stack answers any other: 200 to an empty one, 415 to what nobody understands (RFC 6086).
        if (key === undefined) return false;
        incoming.respond(200);
        onKey(key);
        return true;
      }),
    ];
  }

  /** The peer has put us on hold and may be silent for as long as it likes. */
  get onHold(): boolean {
    return this.#onHold;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  async #renegotiate({ offer, accept, reject }: ReinviteRequest): Promise<void> {
    try {
      if (offer === undefined) {
        this.#answerDue = true;
        accept(await this.#media.createOffer());
        return;
      }
      const answer = await this.#media.acceptOffer(offer);
      this.#onHold = isHold(offer);
      accept(answer);
    } catch (error) {
      // RFC 3261 14.2: the session goes on as it was; 491 while an offer of ours is not answered.
      const code = error instanceof MediaError ? error.code : undefined;
      reject(code === 'closed' ? 481 : code === 'wrong-state' ? 491 : 488);
    }
  }

  async #lateAnswer(sdp: string): Promise<void> {
    if (!this.#answerDue) return;
    this.#answerDue = false;
    try {
      await this.#media.acceptAnswer(sdp);
      this.#onHold = isHold(sdp);
    } catch {
      // An offer of ours that is not answered well leaves no session (RFC 3261 13.2.1).
      this.#session.bye({ headers: [['Reason', 'SIP;cause=488;text="Not Acceptable Here"']] });
    }
  }
}

/**
 * RFC 3264 section 8.4: of its audio the peer sends nothing (`inactive`), or only what it likes (`sendonly`); or the
 * old 0.0.0.0, which beside port 9 is only how a browser leaves the address to ICE (RFC 8839 section 4.3.1).
 */
export function isHold(sdp: string): boolean {
  const [session = '', ...lines] = sdp.split(/^(?=m=)/m);
  const audio = lines.find((line) => line.startsWith('m=audio')) ?? '';
  const [, direction] = DIRECTION.exec(audio) ?? DIRECTION.exec(session) ?? [];
  if (direction === 'sendonly' || direction === 'inactive') return true;
  const [, address] = CONNECTION.exec(audio) ?? CONNECTION.exec(session) ?? [];
  return address === '0.0.0.0' && !audio.startsWith('m=audio 9 ');
}

const DIRECTION = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m;
const CONNECTION = /^c=IN IP4 (\S+)/m;
