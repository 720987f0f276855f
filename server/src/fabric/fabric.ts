/** Everything one part of the house tells the others. Payloads carry ids, never phone numbers or secrets. */
export interface FabricEvents {
  'device.registered': { accountId: string; deviceId: string };
  'device.unregistered': { accountId: string; deviceId: string; why: UnregisteredWhy };
  /** The device was signed out or deleted: its bindings and sessions end now. */
  'device.removed': { accountId: string; deviceId: string };
  'account.changed': { accountId: string };
  /** It is gone, with all that was of it; `device.removed` came for each of its devices. */
  'account.closed': { accountId: string };
  'call.changed': { accountId: string; callId: string };
  'voicemail.stored': { accountId: string; voicemailId: string };
  'voicemail.changed': { accountId: string; voicemailId: string };
  /** The person should be told something in the client, in words (the code names the text). */
  'account.notice': { accountId: string; code: string };
  /** A trunk takes calls of ours, or does so no more. */
  'trunk.changed': { carrierId: string; trunkId: string; up: boolean };
}

export type UnregisteredWhy = 'logout' | 'expired' | 'connection-lost' | 'removed';

/**
 * Events between modules. This one stays in the process; a bus takes its place when the parts run apart.
 * Listeners run after the publisher's turn, in order of publication, so nobody is called out mid-transition.
 */
export interface Fabric {
  publish<T extends keyof FabricEvents>(type: T, event: FabricEvents[T]): void;
  subscribe<T extends keyof FabricEvents>(type: T, listener: (event: FabricEvents[T]) => void): () => void;
}

type AnyListener = (event: never) => void;

export class LocalFabric implements Fabric {
  readonly #listeners = new Map<keyof FabricEvents, Set<AnyListener>>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  publish<T extends keyof FabricEvents>(type: T, event: FabricEvents[T]): void {
    queueMicrotask(() => {
      for (const listener of [...(this.#listeners.get(type) ?? [])]) {
        try {
          (listener as (event: FabricEvents[T]) => void)(event);
        } catch (error) {
          this.#onListenerError(error);
        }
      }
    });
  }

  subscribe<T extends keyof FabricEvents>(type: T, listener: (event: FabricEvents[T]) => void): () => void {
    const set = this.#listeners.get(type) ?? new Set<AnyListener>();
    this.#listeners.set(type, set);
    set.add(listener as AnyListener);
    return () => set.delete(listener as AnyListener);
  }
}
