import type {
  CodecName,
  LegKind,
  LegReport,
  MediaErrorCode,
  MediaLegEvents,
  MediaStats,
  PlaySource,
  RecordingResult,
  RecordOptions,
} from '../media-plane.ts';

/** What the worker is started with. Times in milliseconds. */
export interface WorkerConfig {
  host: string;
  /** Written into SDP, in order of preference; the first one is the `c=` line. */
  advertisedHosts: readonly string[];
  webrtcPort: number;
  rtpPorts: { min: number; max: number };
  silenceTimeoutMs: number;
}

/** A leg that waits in the worker for a call, described for each of the codec lists that were asked for before. */
export interface StockedLeg {
  stockId: string;
  /** By its codec list. */
  offers: Readonly<Record<string, string>>;
}

/** The name of a codec list. */
export const listName = (codecs: readonly CodecName[]): string => codecs.join(' ');

export interface OpenLegArgs {
  legId: string;
  callId: string;
  kind: LegKind;
  codecs: CodecName[];
}

/** Every command, with its arguments and its result, as they cross the thread boundary. Packets never do. */
export interface Commands {
  openLeg: { args: OpenLegArgs; result: undefined };
  openOfferingLeg: { args: OpenLegArgs; result: string };
  openAnsweringLeg: { args: OpenLegArgs & { offer: string }; result: string };
  /** Opens plain RTP legs for later, as many as there are ports to spare for; each with an offer of every codec list. */
  stockLegs: { args: { count: number; lists: CodecName[][] }; result: StockedLeg[] };
  /** Gives a leg of the stock to a call. `offered`: its offer goes to a peer. No answer is waited for. */
  adoptLeg: {
    args: { stockId: string; legId: string; callId: string; codecs: CodecName[]; offered: boolean };
    result: undefined;
  };
  createOffer: { args: { legId: string }; result: string };
  acceptAnswer: { args: { legId: string; sdp: string }; result: undefined };
  acceptOffer: { args: { legId: string; sdp: string }; result: string };
  play: { args: { legId: string; source: PlaySource }; result: 'ended' | 'stopped' };
  stopPlaying: { args: { legId: string }; result: undefined };
  record: { args: { legId: string; options: RecordOptions }; result: undefined };
  stopRecording: { args: { legId: string }; result: RecordingResult };
  echo: { args: { legId: string }; result: undefined };
  closeLeg: { args: { legId: string }; result: LegReport };
  connect: { args: { legId: string; otherId: string }; result: undefined };
  stats: { args: Record<string, never>; result: MediaStats };
  close: { args: Record<string, never>; result: undefined };
}

export type CommandName = keyof Commands;

export type Request = {
  [C in CommandName]: { id: number; command: C; args: Commands[C]['args'] };
}[CommandName];

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type LegEvent = {
  [E in keyof MediaLegEvents]: { type: 'event'; legId: string; event: E; args: MediaLegEvents[E] };
}[keyof MediaLegEvents];

export type FromWorker =
  | { type: 'ready'; webrtcPort: number }
  | { type: 'listen-failed'; code: string; host: string; port: number }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; code: MediaErrorCode | undefined; message: string }
  | { type: 'log'; level: LogLevel; data: Record<string, unknown>; message: string }
  | LegEvent;
