import type { IcePort } from '@ringthrough/ice';
import { MediaError, type MediaLegEvents } from '../media-plane.ts';
import { Bridge } from './bridge.ts';
import { Leg } from './leg.ts';
import type { LegTransport, TransportHandlers } from './leg-transport.ts';
import {
  type CommandName,
  type Commands,
  type LegEvent,
  type LogLevel,
  listName,
  type OpenLegArgs,
  type StockedLeg,
  type WorkerConfig,
} from './protocol.ts';
import { RtpPorts } from './rtp-ports.ts';
import { RtpTransport } from './rtp-transport.ts';
import { Scheduler } from './scheduler.ts';
import { WebrtcTransport } from './webrtc-transport.ts';

/** How often legs look at their timeouts and reports. */
const CHECK_MS = 100;

/** One in so many of the free port pairs may wait in the stock. */
const STOCK_SHARE = 8;

export interface EngineOptions {
  config: WorkerConfig;
  icePort: IcePort;
  emit: (event: LegEvent) => void;
  log: (level: LogLevel, data: Record<string, unknown>, message: string) => void;
}

type Handlers = { [C in CommandName]: (args: Commands[C]['args']) => Promise<Commands[C]['result']> };

/** All legs of one worker, and the commands for them. */
export class MediaEngine {
  readonly #options: EngineOptions;
  readonly #ports: RtpPorts;
  readonly #legs = new Map<string, Leg>();
  /** Legs that wait for a call. */
  readonly #stock = new Map<string, Leg>();
  #stocked = 0;
  /** Legs being opened: what is asked of them meanwhile waits. */
  readonly #opening = new Map<string, Promise<unknown>>();
  #closing = false;
  readonly #scheduler: Scheduler;
  readonly #now = () => performance.timeOrigin + performance.now();
  #checking: NodeJS.Timeout | undefined;
  readonly #handlers: Handlers;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#ports = new RtpPorts(options.config.host, options.config.rtpPorts);
    this.#scheduler = new Scheduler(this.#now, (error) => {
      options.log('error', { error: textOf(error) }, 'a media leg failed');
    });
    this.#handlers = {
      openLeg: (args) => this.#openLeg(args, async () => undefined),
      openOfferingLeg: (args) => this.#openLeg(args, async (leg) => leg.createOffer()),
      openAnsweringLeg: ({ offer, ...args }) => this.#openLeg(args, (leg) => leg.acceptOffer(offer)),
      stockLegs: (args) => this.#stockLegs(args),
      adoptLeg: async (args) => this.#adoptLeg(args),
      createOffer: async ({ legId }) => this.#leg(legId).createOffer(),
      acceptAnswer: async ({ legId, sdp }) => void (await this.#leg(legId).acceptAnswer(sdp)),
      acceptOffer: async ({ legId, sdp }) => this.#leg(legId).acceptOffer(sdp),
      play: async ({ legId, source }) => this.#leg(legId).play(source),
      stopPlaying: async ({ legId }) => void this.#leg(legId).stopPlaying(),
      record: async ({ legId, options }) => void (await this.#leg(legId).record(options)),
      stopRecording: async ({ legId }) => this.#leg(legId).stopRecording(),
      echo: async ({ legId }) => void this.#leg(legId).echo(),
      closeLeg: async ({ legId }) => this.#closeLeg(this.#leg(legId)),
      connect: async ({ legId, otherId }) => this.#connect(this.#leg(legId), this.#leg(otherId)),
      stats: async () => ({
        legs: this.#legs.size,
        rtpPortsFree: this.#ports.portsFree + 2 * this.#stock.size,
      }),
      close: async () => this.#close(),
    };
  }

  /**
   * What is asked of a leg that is being opened waits until it is.
   * @throws MediaError as the command says
   */
  execute<C extends CommandName>(command: C, args: Commands[C]['args']): Promise<Commands[C]['result']> {
    const legs: { legId?: string; otherId?: string; count?: number } = args;
    const opening = this.#opening.get(legs.legId ?? '') ?? this.#opening.get(legs.otherId ?? '');
    if (!opening) return this.#handlers[command](args);
    const later = () => this.execute(command, args);
    return opening.then(later, later);
  }

  #leg(id: string): Leg {
    const leg = this.#legs.get(id);
    if (!leg) throw new MediaError('closed', 'the leg is closed');
    return leg;
  }

  /** @param describe what belongs to the opening; when it fails, no leg is left */
  async #openLeg<T>(args: OpenLegArgs, describe: (leg: Leg) => Promise<T>): Promise<T> {
    const { legId } = args;
    const opening = this.#makeLeg(args).then(async (leg) => {
      this.#hold(legId, leg);
      return describe(leg).catch(async (error) => {
        await this.#closeLeg(leg);
        throw error;
      });
    });
    this.#opening.set(legId, opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(legId);
    }
  }

  #hold(legId: string, leg: Leg): void {
    this.#legs.set(legId, leg);
    this.#checking ??= setInterval(() => this.#check(), CHECK_MS);
  }

  async #makeLeg({ legId, callId, kind, codecs }: OpenLegArgs): Promise<Leg> {
    const { config, icePort, emit } = this.#options;
    let leg: Leg | undefined;
    const handlers: TransportHandlers = {
      onRtp: (buffer, length) => this.#guard(leg, (open) => open.onRtp(buffer, length)),
      onRtcp: (bytes) => this.#guard(leg, (open) => open.onRtcp(bytes)),
      onFailed: (reason) => {
        this.#options.log('warn', { callId: leg?.callId, leg: leg?.id, reason }, 'media path lost');
        leg?.onFailed();
      },
    };
    const pair = kind === 'rtp' ? await this.#ports.take() : undefined;
    if (this.#closing) {
      await pair?.release();
      throw new MediaError('closed', 'media plane is closed');
    }
    const transport: LegTransport = pair
      ? new RtpTransport(pair, handlers, this.#now)
      : new WebrtcTransport(icePort, handlers);
    leg = new Leg({
      id: legId,
      callId,
      kind,
      codecs,
      addresses: config.advertisedHosts,
      transport,
      scheduler: this.#scheduler,
      silenceTimeoutMs: config.silenceTimeoutMs,
      now: this.#now,
      emit: <E extends keyof MediaLegEvents>(event: E, ...eventArgs: MediaLegEvents[E]) =>
        emit({ type: 'event', legId: leg?.id, event, args: eventArgs } as LegEvent),
    });
    return leg;
  }

  /** The stock never holds more than a small part of the ports that are free. What can be opened of it is told. */
  async #stockLegs({ count, lists }: Commands['stockLegs']['args']): Promise<StockedLeg[]> {
    const stocked: StockedLeg[] = [];
    const [codecs = []] = lists;
    while (stocked.length < count && this.#ports.portsFree > 2 * STOCK_SHARE * (this.#stock.size + 1)) {
      const stockId = `stock${++this.#stocked}`;
      const leg = await this.#makeLeg({ legId: stockId, callId: '', kind: 'rtp', codecs }).catch(
        () => undefined,
      );
      if (!leg) break;
      this.#stock.set(stockId, leg);
      stocked.push({
        stockId,
        offers: Object.fromEntries(lists.map((list) => [listName(list), leg.prepareOffer(list)])),
      });
    }
    return stocked;
  }

  #adoptLeg({ stockId, legId, ...call }: Commands['adoptLeg']['args']): undefined {
    const leg = this.#stock.get(stockId);
    if (!leg) throw new MediaError('closed', 'the leg is closed');
    this.#stock.delete(stockId);
    leg.adopt({ id: legId, ...call });
    this.#hold(legId, leg);
    return undefined;
  }

  /** A broken invariant ends that leg, not the process. */
  #guard(leg: Leg | undefined, work: (leg: Leg) => void): void {
    if (!leg) return;
    try {
      work(leg);
    } catch (error) {
      this.#options.log(
        'error',
        { callId: leg.callId, leg: leg.id, error: textOf(error) },
        'media leg failed',
      );
      leg.onFailed();
      void this.#closeLeg(leg).catch(() => undefined);
    }
  }

  #check(): void {
    const now = this.#now();
    for (const leg of this.#legs.values()) this.#guard(leg, (open) => open.check(now));
  }

  async #connect(a: Leg, b: Leg): Promise<undefined> {
    if (a.bridge && a.bridge === b.bridge) return undefined;
    a.prepareForBridge();
    b.prepareForBridge();
    const bridge = new Bridge(a, b, this.#scheduler);
    a.bridge = bridge;
    b.bridge = bridge;
    await bridge.refresh();
    return undefined;
  }

  async #closeLeg(leg: Leg): Promise<Commands['closeLeg']['result']> {
    const report = await leg.close();
    this.#legs.delete(leg.id);
    this.#stock.delete(leg.id);
    if (this.#legs.size === 0) {
      clearInterval(this.#checking);
      this.#checking = undefined;
    }
    return report;
  }

  async #close(): Promise<undefined> {
    this.#closing = true;
    const legs = [...this.#legs.values(), ...this.#stock.values()];
    await Promise.allSettled(legs.map((leg) => this.#closeLeg(leg)));
    await Promise.all([this.#ports.close(), this.#options.icePort.close()]);
    return undefined;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
