/** What a stack received, sent, absorbed and refused, since the start. */
export interface StackCounters {
  /** Messages that could be read. */
  received: number;
  sent: number;
  /** Datagrams and frames that are no SIP. */
  garbage: number;
  /** Messages that are SIP but wrong. */
  malformed: number;
  /** Requests that `screen` dropped. */
  screened: number;
  /** Requests refused because a limit was reached. */
  overload: number;
  strayResponses: number;
  strayAcks: number;
  retransmissionsSent: number;
  transportErrors: number;
  /** Requests of ours that went on to the next server of their target (RFC 3263 section 4.3). */
  serverFailovers: number;
  /** Exceptions of the owner's listeners. */
  listenerErrors: number;
}

export const newCounters = (): StackCounters => ({
  received: 0,
  sent: 0,
  garbage: 0,
  malformed: 0,
  screened: 0,
  overload: 0,
  strayResponses: 0,
  strayAcks: 0,
  retransmissionsSent: 0,
  transportErrors: 0,
  serverFailovers: 0,
  listenerErrors: 0,
});
