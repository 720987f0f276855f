import type { CarrierConfig } from '../config.ts';
import { countryOf, type NumberIndex, numberIndex, sameCountry } from './number-index.ts';

/** A carrier as configuration, file or operators describe it. */
export type Carrier = CarrierConfig;

/** Where a carrier of the catalogue comes from; of several with one id the first of these counts. */
export const catalogueSources = ['configuration', 'file', 'operator'] as const;
export type CatalogueSource = (typeof catalogueSources)[number];

/** Who knows to whom numbers were ported; fails in no other way than knowing nothing. */
export interface Portability {
  networksOf(number: string): Promise<readonly string[]>;
}

/** Which carrier serves a number, and how that is known. */
export interface CarrierOfNumber {
  carrier?: Carrier;
  by: 'portability' | 'range' | 'person' | 'none';
  /** Those it may be of, the likeliest first: what to ask the person. One alone is certain. */
  candidates: Carrier[];
}

/** The carriers this installation works with (R-CARRIERS). What is asked of it is answered from memory. */
export class CarrierCatalogue {
  readonly #layers = new Map<CatalogueSource, readonly Carrier[]>();
  readonly #listeners = new Set<() => void>();
  readonly #portability: Portability | undefined;
  #carriers: readonly Carrier[] = [];
  #byId: ReadonlyMap<string, Carrier> = new Map();
  #byCNumber: ReadonlyMap<string, Carrier> = new Map();
  #numbers: NumberIndex<Carrier> = numberIndex<Carrier>([]);

  /** @param carriers of the configuration */
  constructor(carriers: readonly Carrier[], portability?: Portability) {
    this.#portability = portability;
    this.replace('configuration', carriers);
  }

  /** Takes all carriers of one source anew; those of the other sources stay. */
  replace(source: CatalogueSource, carriers: readonly Carrier[]): void {
    this.#layers.set(source, carriers);
    const byId = new Map<string, Carrier>();
    const byCNumber = new Map<string, Carrier>();
    for (const carrier of catalogueSources.flatMap((one) => this.#layers.get(one) ?? [])) {
      if (!byId.has(carrier.id)) byId.set(carrier.id, carrier);
    }
    for (const carrier of byId.values()) {
      if (!byCNumber.has(carrier.cNumber)) byCNumber.set(carrier.cNumber, carrier);
    }
    this.#byId = byId;
    this.#byCNumber = byCNumber;
    this.#carriers = [...byId.values()];
    this.#numbers = numberIndex(this.#carriers);
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change; returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  all(): readonly Carrier[] {
    return this.#carriers;
  }

  /** The source that counts for this id. */
  sourceOf(id: string): CatalogueSource | undefined {
    return catalogueSources.find((source) => this.#layers.get(source)?.some((carrier) => carrier.id === id));
  }

  byId(id: string): Carrier | undefined {
    return this.#byId.get(id);
  }

  /** The carrier whose prefix or range says most about the number; of equals the first one listed. */
  byNumber(e164: string): Carrier | undefined {
    return this.#numbers.find(e164);
  }

  /** Several carriers may share a C number, and then the trunk of the first one listed. */
  byCNumber(e164: string): Carrier | undefined {
    return this.#byCNumber.get(e164);
  }

  /** The carrier that a portability lookup names: by MCC and MNC, or by the longest prefix of its routing numbers. */
  byNetwork(network: string): Carrier | undefined {
    const digits = network.replace(/^\+/, '').toUpperCase();
    let best: { carrier: Carrier; length: number } | undefined;
    for (const carrier of this.#carriers) {
      if (carrier.mccMnc?.includes(digits)) return carrier;
      for (const routing of carrier.routingNumbers ?? []) {
        const prefix = routing.replace(/^\+/, '').toUpperCase();
        if (!digits.startsWith(prefix) || prefix.length <= (best?.length ?? 0)) continue;
        best = { carrier, length: prefix.length };
      }
    }
    return best?.carrier;
  }

  /**
   * Who serves a number now: by portability lookup, which is certain; by range, which the number may have been ported
   * away from; or by asking the person. Never rejects: a lookup that fails is none.
   * @param chosen id of the carrier that the person named
   */
  async resolve(number: string, chosen?: string): Promise<CarrierOfNumber> {
    const networks = (await this.#portability?.networksOf(number)) ?? [];
    const ported = networks
      .map((network) => this.byNetwork(network))
      .find((carrier) => carrier !== undefined);
    if (ported) return { carrier: ported, by: 'portability', candidates: [ported] };
    const byRange = this.byNumber(number);
    const country = countryOf(number);
    const neighbours = this.#carriers.filter(
      (carrier) => carrier !== byRange && sameCountry(carrier.country, country),
    );
    const candidates = byRange ? [byRange, ...neighbours] : neighbours;
    const named = chosen === undefined ? undefined : candidates.find(({ id }) => id === chosen);
    if (named) return { carrier: named, by: 'person', candidates };
    return byRange ? { carrier: byRange, by: 'range', candidates } : { by: 'none', candidates };
  }
}
