import type { Cause, Diverted, TrunkCodec } from '../model/types.ts';

/** A call that leaves the carrier for Ringthrough, as the call control sees it. */
export interface TrunkCall {
  readonly codec: TrunkCodec | undefined;
  /** Releases the call in whatever state it is. */
  release(cause: Cause): void;
  pressKey(key: string): void;
  /** One frame of 160 samples towards the far end; dropped while there is no media path. */
  send(frame: Int16Array): void;
  /** The next frame from the far end; `undefined` while there is no media path. */
  receive(): Int16Array | undefined;
}

export interface TrunkCallRequest {
  callId: string;
  calling: string;
  withholdNumber: boolean;
  /** The number the call goes to on the trunk: a C number. */
  called: string;
  diverted: readonly Diverted[];
  /** RFC 7433, of a call that came with it. */
  userToUser?: string | undefined;
}

/** What the trunk reports; each at most once except `ringing`, and nothing after `released`. */
export interface TrunkCallListener {
  /** 180: the far end rings. */
  ringing(): void;
  /** The far end plays something before the answer (183 or 180 with SDP). */
  earlyMedia(): void;
  answered(): void;
  released(cause: Cause): void;
}
