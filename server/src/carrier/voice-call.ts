import {
  type Clock,
  parseReasons,
  type SessionEnd,
  type SipResponse,
  type UacSession,
} from '@ringthrough/sip';
import {
  type CodecName,
  MediaError,
  type MediaLeg,
  type MediaPlane,
  type PlaySource,
  SessionMedia,
} from '../media/index.ts';
import type { OutboundCall, OutboundFailure, TrunkDialer } from './trunk-dialer.ts';

/** A call that the system makes, with a voice of its own. */
export interface VoiceCallRequest {
  carrierId: string;
  /** E.164. */
  to: string;
  /** Not answered for so long, it is given up; the house's time when absent. */
  ringTimeoutMs?: number;
  /** Further headers of the INVITE. */
  headers?: Array<[string, string]>;
}

/** What happens on a call, each in a later turn than the call to `VoiceCalls`. Nothing comes after `ended`. */
export interface VoiceCallListener {
  /** 180: it rings somewhere. Once. */
  ringing?(): void;
  /** Something is played to us before the answer: ringback of the network, an announcement. Once. */
  earlyMedia?(): void;
  /** The way is open: `play` is heard. Once. */
  answered?(): void;
  /** A key of the callee, by RFC 4733 or INFO. */
  key?(key: string): void;
  /** Exactly once, whatever happens. */
  ended(end: VoiceCallEnd): void;
}

/** How a call of ours ended. */
export interface VoiceCallEnd {
  /**
   * `not-placed`: nobody was asked, or nobody took it (no trunk, no room, no port, no answer of the switch). `refused`: the
   * switch or the callee said no. `no-answer`: our patience ended. `given-up`: we hung up before the answer.
   * `hung-up`: after it, either side. `lost`: the way broke. `no-media`: answered without usable media.
   */
  why: 'not-placed' | 'refused' | 'no-answer' | 'given-up' | 'hung-up' | 'lost' | 'no-media';
  /** Of `hung-up`: whether we did it. */
  byUs: boolean;
  /** Of `refused`: SIP status. */
  status?: number;
  /** Of `refused`: ITU-T Q.850, where it was said (RFC 3326). */
  q850?: number;
  rang: boolean;
  earlyMedia: boolean;
  answered: boolean;
}

/** A call of ours, as its owner has it. */
export interface VoiceCall {
  readonly state: 'placing' | 'answered' | 'ended';
  /**
   * Plays to whoever answered; what was played before stops. Never rejects.
   * @returns `stopped` when something else is played or the call is over, `failed` when it cannot be played
   */
  play(source: PlaySource): Promise<'ended' | 'stopped' | 'failed'>;
  stopPlaying(): void;
  /** Ends it, in whatever state it is; idempotent. @param reason of the CANCEL or BYE (RFC 3326) */
  hangUp(reason?: string): void;
}

export interface PlacedVoiceCallOptions {
  /** Ties its log lines together. */
  id: string;
  request: VoiceCallRequest & { ringTimeoutMs: number };
  listener: VoiceCallListener;
  dialer: Pick<TrunkDialer, 'call'>;
  media: MediaPlane;
  clock: Clock;
  maxDurationMs: number;
  /** Before the owner is told. */
  over(end: VoiceCallEnd, trunkId: string | undefined): void;
}

/** What trunks speak; which law, the callee chooses. */
const codecs: readonly CodecName[] = ['PCMU', 'PCMA'];
const clearing = 'Q.850;cause=16;text="Normal call clearing"';
const unusable = 'Q.850;cause=65;text="Bearer capability not implemented"';

/** One call of ours: an INVITE over the carrier's trunks, and a leg of the media plane. */
export class PlacedVoiceCall implements VoiceCall {
  /** Resolves when its media is free. */
  readonly released: Promise<void>;
  readonly #options: PlacedVoiceCallOptions;
  readonly #freed = Promise.withResolvers<void>();
  #leg: MediaLeg | undefined;
  #dialogMedia: SessionMedia | undefined;
  #call: OutboundCall | undefined;
  #session: UacSession | undefined;
  #timer: unknown;
  #answered = false;
  #rang = false;
  #earlyMedia = false;
  #over = false;
  /** Telephones that send each key both ways are heard on the first one only. */
  #keysBy: 'rtp' | 'info' | undefined;

  constructor(options: PlacedVoiceCallOptions) {
    this.#options = options;
    this.released = this.#freed.promise;
  }

  /** E.164. */
  get to(): string {
    return this.#options.request.to;
  }

  get state(): VoiceCall['state'] {
    if (this.#over) return 'ended';
    return this.#answered ? 'answered' : 'placing';
  }

  /** Opens the media, then calls. */
  start(): void {
    const { media, id } = this.#options;
    media.openOfferingLeg({ callId: id, kind: 'rtp', codecs }).then(
      ({ leg, sdp }) => this.#dial(leg, sdp),
      () => {
        this.#end({ why: 'not-placed' });
        this.#freed.resolve();
      },
    );
  }

  /** It is not placed at all. */
  refuse(): void {
    this.#end({ why: 'not-placed' });
    this.#freed.resolve();
  }

  async play(source: PlaySource): Promise<'ended' | 'stopped' | 'failed'> {
    const leg = this.#leg;
    if (this.#over || !this.#answered || leg === undefined) return 'stopped';
    try {
      return await leg.play(source);
    } catch (error) {
      // A leg that was closed meanwhile plays nothing more.
      return error instanceof MediaError && error.code === 'bad-source' ? 'failed' : 'stopped';
    }
  }

  stopPlaying(): void {
    // Nothing is played by a leg that is closed meanwhile.
    this.#leg?.stopPlaying().catch(() => {});
  }

  hangUp(reason = clearing): void {
    this.#finish(this.#answered ? { why: 'hung-up', byUs: true } : { why: 'given-up' }, reason);
  }

  #dial(leg: MediaLeg, sdp: string): void {
    this.#leg = leg;
    if (this.#over) {
      this.#free();
      return;
    }
    const { dialer, clock, request } = this.#options;
    leg.on('dtmf', ({ key }) => this.#key('rtp', key));
    leg.on('silent', () => {
      if (this.#answered && this.#dialogMedia?.onHold !== true) this.#finish({ why: 'lost' }, clearing);
    });
    this.#timer = clock.setTimeout(() => this.#finish({ why: 'no-answer' }, clearing), request.ringTimeoutMs);
    const { carrierId, to, headers = [] } = request;
    this.#call = dialer.call(
      { carrierId, to, sdp, headers },
      {
        ringing: (response) => this.#ringing(leg, response),
        answered: (session) => void this.#accepted(leg, session),
        failed: (failure) => this.#failed(failure),
      },
    );
  }

  #ringing(leg: MediaLeg, response: SipResponse): void {
    if (this.#over) return;
    if (response.status === 180 && !this.#rang) {
      this.#rang = true;
      this.#options.listener.ringing?.();
    }
    if (response.body.length === 0) return;
    leg.acceptAnswer(Buffer.from(response.body).toString('utf8')).then(
      () => {
        if (this.#over || this.#answered || this.#earlyMedia) return;
        this.#earlyMedia = true;
        this.#options.listener.earlyMedia?.();
      },
      // What matters is the answer in the 200.
      () => {},
    );
  }

  async #accepted(leg: MediaLeg, session: UacSession): Promise<void> {
    const { clock, maxDurationMs, listener } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#session = session;
    if (this.#over) {
      session.bye();
      return;
    }
    session.on('ended', (end) => this.#finish(goneBy(end)));
    this.#dialogMedia = new SessionMedia(session, leg, (key) => this.#key('info', key));
    try {
      // A 200 without a description confirms the one that came with the ringing.
      if (session.answer !== undefined) await leg.acceptAnswer(session.answer);
      else if (!this.#earlyMedia) throw new MediaError('bad-sdp', 'no description in the answer');
    } catch {
      this.#finish({ why: 'no-media' }, unusable);
      return;
    }
    if (this.#over) return;
    this.#answered = true;
    this.#timer = clock.setTimeout(() => this.hangUp(), maxDurationMs);
    listener.answered?.();
  }

  #failed(failure: OutboundFailure): void {
    const { why, status, response } = failure;
    if (why !== 'refused') {
      this.#finish({ why: 'not-placed' });
      return;
    }
    const q850 = response && q850Of(response);
    this.#finish({ why: 'refused', status, ...(q850 === undefined ? {} : { q850 }) });
  }

  #key(by: 'rtp' | 'info', key: string): void {
    this.#keysBy ??= by;
    if (!this.#over && this.#answered && this.#keysBy === by) this.#options.listener.key?.(key);
  }

  /** Ends both halves: what is still open at the switch, and the media. @param reason absent: the other side has ended it */
  #finish(end: Pick<VoiceCallEnd, 'why'> & Partial<VoiceCallEnd>, reason?: string): void {
    if (this.#over) return;
    this.#end(end);
    if (reason !== undefined) {
      const headers: Array<[string, string]> = [['Reason', reason]];
      if (this.#session) this.#session.bye({ headers });
      else this.#call?.cancel({ headers });
    }
    if (this.#leg) this.#free();
  }

  #end(end: Pick<VoiceCallEnd, 'why'> & Partial<VoiceCallEnd>): void {
    if (this.#over) return;
    this.#over = true;
    const { clock, listener, over } = this.#options;
    clock.clearTimeout(this.#timer);
    const told = {
      byUs: false,
      rang: this.#rang,
      earlyMedia: this.#earlyMedia,
      answered: this.#session !== undefined,
      ...end,
    };
    over(told, this.#call?.trunkId);
    // Never before the owner has the call in its hands, nor in the middle of what the owner does.
    queueMicrotask(() => listener.ended(told));
  }

  #free(): void {
    this.#dialogMedia?.stop();
    const freed = () => this.#freed.resolve();
    (this.#leg?.close() ?? Promise.resolve()).then(freed, freed);
  }
}

function goneBy({ by }: SessionEnd): Pick<VoiceCallEnd, 'why'> {
  return { why: by === 'peer' ? 'hung-up' : 'lost' };
}

/** RFC 3326: the cause of the circuit network, if the switch has said it. */
function q850Of({ headers }: SipResponse): number | undefined {
  return parseReasons(headers).find(({ protocol }) => protocol.toUpperCase() === 'Q.850')?.cause;
}
