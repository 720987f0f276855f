import type { CodecName, DescribedLeg, MediaPlane } from '../media/index.ts';

export interface RingMediaOptions {
  callId: string;
  media: MediaPlane;
  /** Of the caller, its preferred one first; asked when the first device is to ring. */
  codecs: () => readonly CodecName[];
}

/** Media that is offered to one device. */
export interface OfferedMedia extends DescribedLeg {
  /** This device does not need it any more. It closes when none does. Idempotent. */
  release(): Promise<void>;
}

interface Shared {
  opened: Promise<DescribedLeg>;
  users: number;
}

/**
 * What the ringing devices of one call are offered. Softphones get the same offer, because one of them at most will
 * use it: to ring one more of them costs no ports. Browsers have keys of their own, so each gets its own.
 */
export class RingMedia {
  readonly #options: RingMediaOptions;
  #shared: Shared | undefined;

  constructor(options: RingMediaOptions) {
    this.#options = options;
  }

  /** Opens the media of softphones before it is known that one will ring. */
  prepare(): void {
    // What goes wrong is told to the first that is to ring.
    this.#open().opened.catch(() => undefined);
  }

  /** Closes what was prepared and offered to nobody. Idempotent. */
  async close(): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined || shared.users > 0) return;
    this.#shared = undefined;
    await shared.opened.then(({ leg }) => leg.close()).catch(() => undefined);
  }

  /** @throws MediaError */
  async offer(kind: 'rtp' | 'webrtc'): Promise<OfferedMedia> {
    const { callId, media, codecs } = this.#options;
    if (kind === 'webrtc') {
      const own = await media.openOfferingLeg({ callId, kind, codecs: ['opus', ...codecs()] });
      return { ...own, release: async () => void (await own.leg.close()) };
    }
    return this.#use(this.#open());
  }

  #open(): Shared {
    const { callId, media, codecs } = this.#options;
    this.#shared ??= {
      opened: media.openOfferingLeg({ callId, kind: 'rtp', codecs: codecs() }),
      users: 0,
    };
    return this.#shared;
  }

  async #use(shared: Shared): Promise<OfferedMedia> {
    shared.users++;
    const leave = (): boolean => {
      shared.users--;
      if (shared.users > 0) return false;
      if (this.#shared === shared) this.#shared = undefined;
      return true;
    };
    let opened: DescribedLeg;
    try {
      opened = await shared.opened;
    } catch (error) {
      leave();
      throw error;
    }
    let released = false;
    const release = async () => {
      if (released) return;
      released = true;
      if (leave()) await opened.leg.close();
    };
    return { ...opened, release };
  }
}
