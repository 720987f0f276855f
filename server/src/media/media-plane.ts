/**
 * What `calls/` and `alerting/` know of media: SDP offer/answer per leg, and what a leg can do once it is open.
 * `embedded/` implements it in worker threads; another media engine implements the same interface and passes the
 * same contract test.
 */

/** `rtp`: plain RTP/AVP (trunks, softphones). `webrtc`: ICE-lite and DTLS-SRTP on the one shared UDP port. */
export type LegKind = 'rtp' | 'webrtc';

/** Codec names as in SDP's rtpmap (RFC 4566 section 6). */
export type CodecName = 'PCMA' | 'PCMU' | 'opus';

export interface OpenLegOptions {
  /** Ties log lines and both legs of one call together; legs of one call share a worker. */
  callId: string;
  kind: LegKind;
  /** In order of preference. */
  codecs: readonly CodecName[];
}

export interface DescribedLeg {
  leg: MediaLeg;
  sdp: string;
}

export interface MediaPlane {
  openLeg(options: OpenLegOptions): Promise<MediaLeg>;
  /**
   * `openLeg` with its offer in one step.
   * @throws MediaError `no-free-port`
   */
  openOfferingLeg(options: OpenLegOptions): Promise<DescribedLeg>;
  /**
   * `openLeg` with its answer to an offer. The leg may be used at once: what is asked of it is done in order. When the answer
   * fails (MediaError `no-free-port`, `bad-sdp`, `no-common-codec`), no leg is left.
   */
  openAnsweringLeg(options: OpenLegOptions, offer: string): { leg: MediaLeg; answer: Promise<string> };
  /** Bridges two negotiated legs of one call both ways, transcoding where their codecs differ. */
  connect(a: MediaLeg, b: MediaLeg): Promise<void>;
  stats(): Promise<MediaStats>;
  close(): Promise<void>;
}

export interface MediaStats {
  legs: number;
  rtpPortsFree: number;
}

export type PlayPart = { file: string } | { toneHz: number; durationMs: number } | { silenceMs: number };

/** `parts`: one after the other, without a gap in the stream. */
export type PlaySource = PlayPart | { parts: readonly PlayPart[] };

export interface RecordOptions {
  /** Written as it arrives, so that a killed process leaves a file that can be recovered. 16-bit WAV. */
  path: string;
  maxDurationMs: number;
  /** Stop by itself after this much silence. */
  maxSilenceMs?: number;
}

export interface RecordingResult {
  path: string;
  durationMs: number;
  /** How much of it was voice rather than silence; tells a message from a hang-up. */
  voiceMs: number;
}

export interface MediaLegEvents {
  /** First RTP packet from the peer (after DTLS for webrtc). */
  media: [];
  /** RFC 4733 key, once per press. */
  dtmf: [{ key: string; durationMs: number }];
  /**
   * Nothing was received for `media.silenceTimeoutSeconds` though the peer should send, or a webrtc peer has gone (its
   * DTLS failed or was closed). Once, until something is received again.
   */
  silent: [];
  /** The recording was finished by its maximum, its silence limit or `close`; the file is on the disk. */
  recordingEnded: [RecordingResult];
  /** The recording ended because the disk failed; `stopRecording` throws why. What was written until then is there. */
  recordingFailed: [];
}

/** What is known of a leg's media, for the CDR. Times in milliseconds, loss in packets. */
export interface LegReport {
  codec: CodecName | undefined;
  packetsSent: number;
  packetsReceived: number;
  packetsLost: number;
  jitterMs: number;
  roundTripMs: number | undefined;
  firstPacketAt: number | undefined;
}

export interface MediaLeg {
  readonly id: string;
  readonly kind: LegKind;
  /** First offer or a re-offer. It takes the place of an offer that was never answered (a refused re-INVITE). */
  createOffer(): Promise<string>;
  /**
   * May come again for the same offer (a 200 after a 183), and then counts anew.
   * @throws MediaError `bad-sdp`, `no-common-codec`, `wrong-state` without an offer
   */
  acceptAnswer(sdp: string): Promise<void>;
  /**
   * First offer or a re-offer (hold, new address, other codec, ICE restart). What is refused changes nothing.
   * @throws MediaError `bad-sdp`, `no-common-codec`; `wrong-state` while an offer of ours is unanswered (RFC 3261 14.2: 491)
   */
  acceptOffer(sdp: string): Promise<string>;
  /**
   * Resolves when played to the end or stopped by `stopPlaying`, `connect`, `echo`, another `play` or `close`. To a
   * webrtc leg it begins when DTLS is done. WAV files: 16-bit PCM, A-law or µ-law, any rate.
   * @throws MediaError `wrong-state` before negotiation and while connected, `bad-source`
   */
  play(source: PlaySource): Promise<'ended' | 'stopped'>;
  stopPlaying(): Promise<void>;
  /** @throws MediaError `wrong-state` before negotiation, while connected or recording; `bad-source` */
  record(options: RecordOptions): Promise<void>;
  /** Also after the recording ended by itself. @throws MediaError `wrong-state` when nothing was recorded */
  stopRecording(): Promise<RecordingResult>;
  /** Sends back what comes in (the audio test call). */
  echo(): Promise<void>;
  on<E extends keyof MediaLegEvents>(event: E, listener: (...args: MediaLegEvents[E]) => void): () => void;
  /** Idempotent; the same report each time. */
  close(): Promise<LegReport>;
}

/** `bad-source`: a file that cannot be played, or cannot be created to record into. */
export type MediaErrorCode =
  | 'bad-sdp'
  | 'no-common-codec'
  | 'no-free-port'
  | 'bad-source'
  | 'wrong-state'
  | 'closed';

export class MediaError extends Error {
  readonly code: MediaErrorCode;
  constructor(code: MediaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MediaError';
    this.code = code;
  }
}
