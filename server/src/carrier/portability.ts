/** Asks somebody who knows to whom numbers were ported. */
export interface PortabilityLookup {
  /**
   * The network that serves a number now: MCC and MNC, a routing number (rn) or an SPID, as the source has it.
   * Undefined: it does not know, or does not answer in time. Never rejects.
   */
  networkOf(number: string): Promise<string | undefined>;
}
