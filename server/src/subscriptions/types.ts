import type { NotifyBody, NotifyCause } from '@ringthrough/sip';
import type { FabricEvents } from '../fabric/index.ts';
import type { DeviceIdentity } from '../registration/index.ts';

/** An event of the fabric that a package may want to hear of. */
export type Heard = {
  [T in keyof FabricEvents]: { type: T; event: FabricEvents[T] };
}[keyof FabricEvents];

/** What one subscriber is told, and what it has been told. */
export interface Telling {
  /** The body of its next NOTIFY; undefined for a change of which nothing is to be seen. */
  state(cause: NotifyCause): Promise<NotifyBody | undefined>;
  /** Something happened in its account that the package wants to hear of. A NOTIFY follows. */
  heard?(news: Heard): void;
}

/** An event package (RFC 6665 section 5): what a device of an account may subscribe to. */
export interface EventPackage {
  readonly name: string;
  /** The one type of its bodies. */
  readonly contentType: string;
  /** From one NOTIFY of a change to the next. */
  readonly minIntervalMs: number;
  /** Users besides the device's own that its Request-URI may name. */
  readonly users: readonly string[];
  /** What makes it look again. */
  readonly news: ReadonlyArray<keyof FabricEvents>;
  open(device: DeviceIdentity): Telling;
}
