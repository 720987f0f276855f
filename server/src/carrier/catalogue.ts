import type { CarrierConfig } from '../config.ts';

/** A carrier as the configuration describes it. */
export type Carrier = CarrierConfig;

/** The carriers this installation works with (R-CARRIERS). */
export class CarrierCatalogue {
  readonly #carriers: readonly Carrier[];

  constructor(carriers: readonly Carrier[]) {
    this.#carriers = carriers;
  }

  all(): readonly Carrier[] {
    return this.#carriers;
  }

  byId(id: string): Carrier | undefined {
    return this.#carriers.find((carrier) => carrier.id === id);
  }

  /** The carrier whose prefix matches most of the number; of equals the first one listed. */
  byNumber(e164: string): Carrier | undefined {
    let best: { carrier: Carrier; length: number } | undefined;
    for (const carrier of this.#carriers) {
      for (const prefix of carrier.prefixes) {
        if (!e164.startsWith(prefix) || prefix.length <= (best?.length ?? 0)) continue;
        best = { carrier, length: prefix.length };
      }
    }
    return best?.carrier;
  }

  byCNumber(e164: string): Carrier | undefined {
    return this.#carriers.find((carrier) => carrier.cNumber === e164);
  }
}
