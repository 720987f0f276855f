import type { Cause } from '../model/types.ts';

/** A call that comes from Ringthrough over the trunk, as the call control sees its caller. */
export interface TrunkOrigin {
  /** What the call brought along for the callee's side (RFC 7433); networks keep it over a forwarding, or do not. */
  readonly userToUser: string | undefined;
  /** The called phone rings. */
  alerting(): void;
  /** Somebody's forwarding sends it on. */
  forwarded(): void;
  answered(): void;
  /** Refuses it or hangs up, whichever fits. */
  release(cause: Cause): void;
  pressKey(key: string): void;
  /** One frame of 160 samples towards Ringthrough; dropped while there is no media path. */
  send(frame: Int16Array): void;
  /** The next frame from there; `undefined` while there is no media path. */
  receive(): Int16Array | undefined;
}
