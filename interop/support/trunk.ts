import { SipRequest, SipStack, type UacSession } from '@ringthrough/sip';
import { MediaPeer, type PeerCodec } from '../../server/src/media/test-support/media-peer.ts';
import { until } from './process.ts';
import { C_NUMBER, type Ringthrough } from './ringthrough.ts';

export interface TrunkCallOptions {
  /** The number that could not be reached: it goes into Diversion. */
  called: string;
  caller?: string;
  codec?: Extract<PeerCodec, 'PCMA' | 'PCMU'>;
  /** The tones the caller can tell apart. */
  listenFor?: readonly number[];
  uri?: string;
}

/** A call as the carrier's switch has it: SIP and G.711 with tones. */
export class TrunkCall {
  readonly session: UacSession;
  readonly media: MediaPeer;
  /** Final and provisional statuses, in order. */
  readonly statuses: number[] = [];
  /** Who ended it, once it is over. */
  endedBy: string | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(session: UacSession, media: MediaPeer) {
    this.session = session;
    this.media = media;
    session.on('provisional', ({ status }) => this.#note(status));
    session.on('accepted', ({ status, body }) => {
      media.wire.setRemote(Buffer.from(body).toString(), 'offerer');
      this.#note(status);
    });
    session.on('rejected', ({ status }) => {
      this.endedBy = 'rejection';
      this.#note(status);
    });
    session.on('ended', ({ by }) => {
      this.endedBy = by;
      this.#note();
    });
  }

  /** Resolves when this status came; fails when the call is over without it. */
  async status(status: number, timeoutMs = 15_000): Promise<void> {
    await until(
      () =>
        this.statuses.includes(status) || (this.endedBy ? new Error(`ended by ${this.endedBy}`) : undefined),
      { watch: this.#watchers, timeoutMs, describe: () => `no ${status} among ${this.statuses.join(', ')}` },
    );
  }

  /** Resolves with who ended it. */
  ended(timeoutMs = 15_000): Promise<string> {
    return until(() => this.endedBy, {
      watch: this.#watchers,
      timeoutMs,
      describe: () => `still on; had ${this.statuses.join(', ')}`,
    });
  }

  /** Resolves once the caller has heard this tone for that long. */
  async hears(hz: number, forMs = 400, timeoutMs = 15_000): Promise<void> {
    await until(() => this.media.heard.heardMs(hz) >= forMs, {
      timeoutMs,
      describe: () => `the caller heard ${hz} Hz for ${this.media.heard.heardMs(hz)} ms only`,
    });
  }

  hangUp(): void {
    if (this.session.state === 'accepted') this.session.bye();
    else this.session.cancel();
  }

  #note(status?: number): void {
    if (status !== undefined) this.statuses.push(status);
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** The carrier's switch at the other end of the trunk, made of our own SIP and RTP libraries. */
export class Trunk {
  /** Where its calls go. */
  readonly #to: number;
  readonly #stack: SipStack;
  readonly #calls: TrunkCall[] = [];

  private constructor(to: number, stack: SipStack) {
    this.#to = to;
    this.#stack = stack;
  }

  /** @param port where it sends from; the carrier's, unless it shall be a stranger */
  static open(server: Ringthrough, port = server.trunkPort): Promise<Trunk> {
    return Trunk.openTo(server.sipPort, port);
  }

  /** A switch whose calls go to a port of this machine, such as a border controller's. */
  static async openTo(to: number, port: number): Promise<Trunk> {
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port }];
    const stack = new SipStack({ userAgent: 'Test switch', listeners });
    await stack.start();
    return new Trunk(to, stack);
  }

  async call(options: TrunkCallOptions): Promise<TrunkCall> {
    const { called, caller = '+12125550199', codec = 'PCMA', listenFor } = options;
    const media = await MediaPeer.open({ kind: 'rtp', codec, ...(listenFor ? { listenFor } : {}) });
    const request = new SipRequest('INVITE', options.uri ?? `sip:${C_NUMBER}@127.0.0.1:${this.#to}`, {
      headers: [
        ['From', `"Caller" <sip:${caller}@carrier.example>`],
        ['To', `<sip:${C_NUMBER}@127.0.0.1>`],
        ['P-Asserted-Identity', `<sip:${caller}@carrier.example>`],
        ['Diversion', `<sip:${called}@carrier.example>;reason=unavailable`],
        ['Content-Type', 'application/sdp'],
      ],
      body: Buffer.from(media.sdp()),
    });
    const target = { protocol: 'udp' as const, host: '127.0.0.1', port: this.#to };
    const call = new TrunkCall(this.#stack.invite({ request, target }), media);
    this.#calls.push(call);
    return call;
  }

  async close(): Promise<void> {
    await Promise.all(this.#calls.map((call) => call.media.close()));
    await this.#stack.close();
  }
}
