/** Somebody who can be called: who is in the request, and where the phones are that ring. */
export interface Line {
  /** User of the Request-URI. */
  called: string;
  /** User of the Diversion. */
  dialled: string;
  phones: readonly number[];
}
