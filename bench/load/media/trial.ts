/** `relay`: G.711 on both sides. `opus`: G.711 and Opus, plain RTP. `webrtc`: G.711 and Opus over DTLS-SRTP. */
export type Kind = 'relay' | 'opus' | 'webrtc';

/** The SDP of both ends of one call. */
export interface CallSdp {
  id: number;
  kind: Kind;
  a: string;
  b: string;
}

/** What the generator saw in one window of time. Times in milliseconds. */
export interface Observation {
  seconds: number;
  sent: number;
  received: number;
  /** What should have been received. */
  expected: number;
  /** Arrived with another content than was sent, or sampled and not heard to be the right sound. */
  wrong: number;
  /** Relayed packets: sending to arrival. Transcoded: between one arrival and the next of a stream. */
  p50Ms: number;
  p99Ms: number;
  /** How late the generator itself sent. */
  ownLatenessP99Ms: number;
  /** Share of one processor that the generator used. */
  ownLoad: number;
}

/** What the media plane's process used, since it began. */
export interface Usage {
  cpuMs: number;
  /** Datagrams the kernel dropped because a socket of the plane was full. */
  dropped: number;
  rssMb: number;
}
