import type { RemoteAudio } from './sdp.ts';
import type { LocalAudio } from './sdp-write.ts';

/** Bytes a packet buffer must have behind the packet, for SRTP or SRTCP. */
export const PACKET_TAIL = 16;

export interface TransportHandlers {
  /** An authentic RTP packet in `buffer[0..length)`, for the time of the call. */
  onRtp(buffer: Buffer, length: number): void;
  onRtcp(bytes: Uint8Array): void;
  /** The path to the peer is broken for good. */
  onFailed(reason: string): void;
}

/** How one leg's packets travel: a pair of UDP ports, or a session on the shared WebRTC port. */
export interface LegTransport {
  /** What goes into the next description of this side, besides codecs. */
  local(): Pick<LocalAudio, 'port' | 'ice' | 'setup'>;
  /** Takes in what the peer's description says. */
  setRemote(remote: RemoteAudio, from: 'offer' | 'answer'): void;
  /** Whether a packet sent now can arrive. */
  readonly ready: boolean;
  /** Whether packets are authenticated by the transport itself. */
  readonly authenticated: boolean;
  /** Sends the RTP packet in `buffer[0..length)`, which has `PACKET_TAIL` bytes behind it and is not used again. */
  sendRtp(buffer: Buffer, length: number): void;
  sendRtcp(bytes: Uint8Array): void;
  close(): Promise<void>;
}
