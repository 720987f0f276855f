import type { CodecName } from '../media-plane.ts';
import { listName, type StockedLeg } from './protocol.ts';
import type { WorkerClient } from './worker-client.ts';

/** So many legs wait: what 600 calls a second take while the worker is busy for 20 ms. */
const wanted = 24;
/** More are asked for when so few are left. */
const few = 16;
/** Callers' codecs come in two orders. */
const maxLists = 4;

/**
 * Plain RTP legs that the worker has opened and described before a call needs them: the device's INVITE then leaves
 * without waiting for another thread, which costs more than everything else on its way. Filled once somebody has asked.
 */
export class LegStock {
  readonly #lists: Array<readonly CodecName[]> = [];
  readonly #ready: StockedLeg[] = [];
  #coming = false;

  get size(): number {
    return this.#ready.length;
  }

  /** A leg with an offer of these codecs; undefined: there is none, and some will be made. */
  take(worker: WorkerClient, codecs: readonly CodecName[]): { stockId: string; sdp: string } | undefined {
    const name = listName(codecs);
    if (!this.#lists.some((list) => listName(list) === name)) {
      if (this.#lists.length === maxLists) return undefined;
      this.#lists.push([...codecs]);
    }
    const at = this.#ready.findIndex(({ offers }) => offers[name] !== undefined);
    const found = at < 0 ? undefined : this.#ready.splice(at, 1)[0];
    this.#fill(worker, name);
    const sdp = found?.offers[name];
    return found === undefined || sdp === undefined ? undefined : { stockId: found.stockId, sdp };
  }

  /** Any of them, for whoever brings an offer. */
  takeAny(): string | undefined {
    return this.#ready.shift()?.stockId;
  }

  /** The worker that had them is gone. */
  clear(): void {
    this.#ready.length = 0;
  }

  /** Those that were described before somebody asked for this list are left to the other lists. */
  #fill(worker: WorkerClient, name: string): void {
    const left = this.#ready.filter(({ offers }) => offers[name] !== undefined).length;
    if (this.#coming || left > few) return;
    this.#coming = true;
    const lists = this.#lists.map((list) => [...list]);
    worker.request('stockLegs', { count: wanted - left, lists }).then(
      (legs) => {
        this.#coming = false;
        if (!worker.gone) this.#ready.push(...legs);
      },
      // Whoever opens a leg is told what is wrong.
      () => {
        this.#coming = false;
      },
    );
  }
}
