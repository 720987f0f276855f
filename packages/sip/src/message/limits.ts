/** Sizes beyond which a message is refused before it is buffered or parsed. */
export interface SipLimits {
  /** Whole message in bytes, body included. */
  maxMessageBytes: number;
  /** Start line and header fields together, in bytes. */
  maxHeadBytes: number;
  /** One header field, folded lines included, in bytes. The start line too. */
  maxHeaderLineBytes: number;
  /** Number of header lines (a folded field counts once). */
  maxHeaderCount: number;
}

/** A UDP datagram cannot carry more than 65,535 bytes; nobody who means well needs more than these. */
export const defaultSipLimits: Readonly<SipLimits> = {
  maxMessageBytes: 65_535,
  maxHeadBytes: 32_768,
  maxHeaderLineBytes: 8_192,
  maxHeaderCount: 256,
};

/** The given limits, the rest from {@link defaultSipLimits}. */
export function sipLimits(limits?: Partial<SipLimits>): Readonly<SipLimits> {
  return limits === undefined ? defaultSipLimits : { ...defaultSipLimits, ...limits };
}
