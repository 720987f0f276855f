import { networkInterfaces } from 'node:os';
import { TransientMap } from '@ringthrough/sip';
import {
  type DescribedLeg,
  type LegKind,
  type LegReport,
  MediaError,
  type MediaLeg,
  type MediaLegEvents,
  type MediaPlane,
  type MediaStats,
  type OpenLegOptions,
  type PlaySource,
  type RecordingResult,
  type RecordOptions,
} from '../media-plane.ts';
import { LegStock } from './leg-stock.ts';
import type { CommandName, Commands, LegEvent, OpenLegArgs } from './protocol.ts';
import { type MediaLog, WorkerClient } from './worker-client.ts';

export interface EmbeddedMediaPlaneOptions {
  /** Address the UDP sockets bind to. */
  host: string;
  /** Address written into SDP. Default: `host`, or every IPv4 address of the machine when `host` is 0.0.0.0. */
  advertisedHost?: string | undefined;
  /** The one UDP port of all WebRTC media; 0 takes any free one. */
  webrtcPort: number;
  /** Ports of plain RTP legs, two each (RTP even, RTCP odd); `{ min: 0, max: 0 }` takes any free ones. */
  rtpPorts: { min: number; max: number };
  silenceTimeoutSeconds: number;
  log: MediaLog;
}

/** Makes the worker; tests put themselves in between. */
export type StartWorker = typeof WorkerClient.start;

/**
 * The MediaPlane that needs no other software: a worker thread of this process carries all packets. Should the worker
 * die, its legs tell `silent`, and a new one serves the next legs.
 */
export class EmbeddedMediaPlane implements MediaPlane {
  readonly #options: EmbeddedMediaPlaneOptions;
  readonly #startWorker: StartWorker;
  readonly #legs = new TransientMap<EmbeddedLeg>();
  readonly #stock = new LegStock();
  #worker: Promise<WorkerClient>;
  /** The newest; where it is gone, it says so. */
  #client!: WorkerClient;
  #webrtcPort = 0;
  #opened = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: EmbeddedMediaPlaneOptions, startWorker: StartWorker) {
    this.#options = options;
    this.#startWorker = startWorker;
    this.#worker = this.#start(options.webrtcPort);
  }

  /** @throws MediaListenError when the WebRTC port is taken; its message names the port and the setting. */
  static async start(
    options: EmbeddedMediaPlaneOptions,
    startWorker: StartWorker = WorkerClient.start,
  ): Promise<EmbeddedMediaPlane> {
    const plane = new EmbeddedMediaPlane(options, startWorker);
    await plane.#worker;
    return plane;
  }

  async #start(webrtcPort: number): Promise<WorkerClient> {
    const options = this.#options;
    const worker = await this.#startWorker(
      {
        host: options.host,
        advertisedHosts: advertisedHosts(options),
        webrtcPort,
        rtpPorts: options.rtpPorts,
        silenceTimeoutMs: options.silenceTimeoutSeconds * 1000,
      },
      {
        log: options.log,
        onEvent: (event) => this.#legs.get(event.legId)?.deliver(event),
        onLost: () => this.#replaceWorker(),
      },
    );
    this.#webrtcPort = worker.webrtcPort;
    this.#client = worker;
    return worker;
  }

  #replaceWorker(): void {
    const lost = this.#legs.values();
    this.#stock.clear();
    this.#legs.clear();
    if (!this.#closing) {
      this.#worker = this.#start(this.#webrtcPort);
      // Whoever opens the next leg is told, too.
      this.#worker.catch((error) =>
        this.#options.log.error({ err: error }, 'media worker cannot be started again'),
      );
    }
    for (const leg of lost) leg.deliver({ type: 'event', legId: leg.id, event: 'silent', args: [] });
  }

  /** The UDP port in use for WebRTC media. */
  get webrtcPort(): number {
    return this.#webrtcPort;
  }

  async openLeg(options: OpenLegOptions): Promise<MediaLeg> {
    const worker = await this.#worker;
    const { leg, args } = this.#newLeg(options, worker);
    const opened = worker
      .request('openLeg', args)
      .catch((error) => this.#openFromStock(error, leg, args, async () => undefined));
    await this.#opening(leg, opened);
    return leg;
  }

  async openOfferingLeg(options: OpenLegOptions): Promise<DescribedLeg> {
    const worker = await this.#worker;
    const stocked = options.kind === 'rtp' ? this.#stock.take(worker, options.codecs) : undefined;
    const { leg, args } = this.#newLeg(options, worker);
    if (stocked) {
      worker.tell('adoptLeg', { ...args, stockId: stocked.stockId, offered: true });
      return { leg, sdp: stocked.sdp };
    }
    const sdp = worker
      .request('openOfferingLeg', args)
      .catch((error) => this.#openFromStock(error, leg, args, () => leg.createOffer()));
    return { leg, sdp: await this.#opening(leg, sdp) };
  }

  openAnsweringLeg(options: OpenLegOptions, offer: string): { leg: MediaLeg; answer: Promise<string> } {
    const { leg, args } = this.#newLeg(options, this.#client.gone ? this.#worker : this.#client);
    const answer = leg
      .request('openAnsweringLeg', { ...args, offer })
      .catch((error) => this.#openFromStock(error, leg, args, () => leg.acceptOffer(offer)));
    return { leg, answer: this.#opening(leg, answer) };
  }

  /** The last ports may be those that wait in the stock. */
  async #openFromStock<T>(
    error: unknown,
    leg: EmbeddedLeg,
    args: OpenLegArgs,
    describe: () => Promise<T>,
  ): Promise<T> {
    const outOfPorts = error instanceof MediaError && error.code === 'no-free-port';
    const stockId = outOfPorts && leg.kind === 'rtp' && !leg.closing ? this.#stock.takeAny() : undefined;
    if (stockId === undefined) throw error;
    this.#client.tell('adoptLeg', { ...args, stockId, offered: false });
    return describe().catch((failure) => {
      this.#client.tell('closeLeg', { legId: leg.id });
      throw failure;
    });
  }

  #newLeg(
    { callId, kind, codecs }: OpenLegOptions,
    worker: WorkerClient | Promise<WorkerClient>,
  ): { leg: EmbeddedLeg; args: OpenLegArgs } {
    const legId = `leg${++this.#opened}`;
    const leg = new EmbeddedLeg({ id: legId, kind, worker, legs: this.#legs });
    this.#legs.set(legId, leg);
    return { leg, args: { legId, callId, kind, codecs: [...codecs] } };
  }

  async #opening<T>(leg: EmbeddedLeg, opened: Promise<T>): Promise<T> {
    try {
      return await opened;
    } catch (error) {
      this.#legs.delete(leg.id);
      throw error;
    }
  }

  async connect(a: MediaLeg, b: MediaLeg): Promise<void> {
    if (a.id === b.id) throw new MediaError('wrong-state', 'a leg cannot be connected to itself');
    await (await this.#worker).request('connect', { legId: a.id, otherId: b.id });
  }

  async stats(): Promise<MediaStats> {
    return (await this.#worker).request('stats', {});
  }

  close(): Promise<void> {
    this.#closing ??= this.#worker.then((worker) => worker.close());
    return this.#closing;
  }
}

function advertisedHosts(options: EmbeddedMediaPlaneOptions): string[] {
  if (options.advertisedHost) return [options.advertisedHost];
  if (options.host !== '0.0.0.0') return [options.host];
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === 'IPv4');
  // Addresses that others can reach come first: the first one is the c= line of plain RTP.
  found.sort((a, b) => Number(a.internal) - Number(b.internal));
  return found.map((address) => address.address);
}

type Listener<E extends keyof MediaLegEvents> = (...args: MediaLegEvents[E]) => void;

interface EmbeddedLegOptions {
  id: string;
  kind: LegKind;
  /** A promise: it is being started. */
  worker: WorkerClient | Promise<WorkerClient>;
  legs: TransientMap<EmbeddedLeg>;
}

/** The main thread's handle of a leg that lives in the worker. */
class EmbeddedLeg implements MediaLeg {
  readonly id: string;
  readonly kind: LegKind;
  readonly #worker: WorkerClient | Promise<WorkerClient>;
  readonly #legs: TransientMap<EmbeddedLeg>;
  readonly #listeners = new Map<keyof MediaLegEvents, Set<Listener<keyof MediaLegEvents>>>();
  #closing: Promise<LegReport> | undefined;

  constructor(options: EmbeddedLegOptions) {
    this.id = options.id;
    this.kind = options.kind;
    this.#worker = options.worker;
    this.#legs = options.legs;
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /** @throws MediaError as the command says */
  request<C extends CommandName>(command: C, args: Commands[C]['args']): Promise<Commands[C]['result']> {
    const worker = this.#worker;
    return worker instanceof WorkerClient
      ? worker.request(command, args)
      : worker.then((started) => started.request(command, args));
  }

  createOffer(): Promise<string> {
    return this.request('createOffer', { legId: this.id });
  }

  async acceptAnswer(sdp: string): Promise<void> {
    await this.request('acceptAnswer', { legId: this.id, sdp });
  }

  acceptOffer(sdp: string): Promise<string> {
    return this.request('acceptOffer', { legId: this.id, sdp });
  }

  play(source: PlaySource): Promise<'ended' | 'stopped'> {
    return this.request('play', { legId: this.id, source });
  }

  async stopPlaying(): Promise<void> {
    await this.request('stopPlaying', { legId: this.id });
  }

  async record(options: RecordOptions): Promise<void> {
    await this.request('record', { legId: this.id, options });
  }

  stopRecording(): Promise<RecordingResult> {
    return this.request('stopRecording', { legId: this.id });
  }

  async echo(): Promise<void> {
    await this.request('echo', { legId: this.id });
  }

  on<E extends keyof MediaLegEvents>(event: E, listener: Listener<E>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    const stored = listener as Listener<keyof MediaLegEvents>;
    listeners.add(stored);
    return () => listeners.delete(stored);
  }

  close(): Promise<LegReport> {
    this.#closing ??= this.request('closeLeg', { legId: this.id })
      // A worker that is gone has taken the figures with it; closing succeeds all the same.
      .catch(() => emptyReport())
      .finally(() => this.#legs.delete(this.id));
    return this.#closing;
  }

  /** An event from the worker. */
  deliver(event: LegEvent): void {
    for (const listener of this.#listeners.get(event.event) ?? []) {
      (listener as (...args: readonly unknown[]) => void)(...event.args);
    }
  }
}

function emptyReport(): LegReport {
  return {
    codec: undefined,
    packetsSent: 0,
    packetsReceived: 0,
    packetsLost: 0,
    jitterMs: 0,
    roundTripMs: undefined,
    firstPacketAt: undefined,
  };
}
