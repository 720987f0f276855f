/**
 * A live codec of one leg. It keeps state per direction (Opus; concealment), so each leg has its own.
 * One frame is 20 ms unless the peer chose otherwise.
 */
export interface AudioCodec {
  /** As in SDP's rtpmap. */
  readonly name: 'PCMA' | 'PCMU' | 'opus';
  /** Of the RTP timestamp, in Hz. Opus: always 48000 (RFC 7587 section 4.1). */
  readonly clockRate: number;
  /** Of the PCM that goes in and comes out, in Hz. */
  readonly sampleRate: number;
  /**
   * Encodes one frame of mono PCM.
   * @returns bytes written to `out`; 0 when nothing needs to be sent
   */
  encode(pcm: Int16Array, out: Uint8Array): number;
  /**
   * Decodes one payload, or conceals a lost frame of 20 ms when there is none. Never throws on what a peer sent: a
   * payload that does not decode is concealed.
   * @returns samples written to `out` (room for 120 ms is always enough)
   */
  decode(payload: Uint8Array | undefined, out: Int16Array): number;
  /** Duration of a payload in ticks of `clockRate`, without decoding it; 0 when it is malformed. */
  duration(payload: Uint8Array): number;
  /**
   * Recovers the lost frame before `next` from the redundancy that `next` carries.
   * @returns samples written, 0 when it carries none
   */
  decodeRedundancy?(next: Uint8Array, out: Int16Array): number;
  /**
   * Adapts the redundancy that is sent to the loss that the peer reports, 0…100 packets in a hundred (`RtcpSession`'s
   * `remoteFractionLost`). Absent where the codec has none.
   */
  setExpectedLoss?(percent: number): void;
  /** Frees what the codec holds outside JavaScript's memory. Idempotent. */
  close(): void;
}
