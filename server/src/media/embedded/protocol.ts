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

/** Every command, with its arguments and its result, as they cross the thread boundary. Packets never do. */
export interface Commands {
  openLeg: { args: { legId: string; callId: string; kind: LegKind; codecs: CodecName[] }; result: undefined };
  openDescribedLeg: {
    args: { legId: string; callId: string; kind: LegKind; codecs: CodecName[]; offer: string | undefined };
    result: string;
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
