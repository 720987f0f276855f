import type { CarrierConfig } from '../config.ts';

/** A carrier as the configuration describes it. */
export type Carrier = CarrierConfig;

/** A carrier by way of one of its trunks. */
export interface CarrierTrunk extends Carrier {
  /** What this trunk may bring: always the same object. */
  limits: Carrier['trunks'][number];
}

/** The carriers this installation works with (R-CARRIERS). */
export class CarrierCatalogue {
  readonly #carriers: readonly Carrier[];
  /** By address, and port where the trunk names one; of equals the first one listed. */
  readonly #trunks = new Map<string, CarrierTrunk>();

  constructor(carriers: readonly Carrier[]) {
    this.#carriers = carriers;
    for (const carrier of carriers) {
      for (const limits of carrier.trunks) {
        const key = trunkKey(limits.host, limits.port);
        if (!this.#trunks.has(key)) this.#trunks.set(key, { ...carrier, limits });
      }
    }
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

  /** Whose switch sends from there. A trunk that names the port goes before one that does not. */
  trunkFor(address: string, port: number): CarrierTrunk | undefined {
    return this.#trunks.get(trunkKey(address, port)) ?? this.#trunks.get(trunkKey(address, undefined));
  }
}

function trunkKey(address: string, port: number | undefined): string {
  return `${plainAddress(address)} ${port ?? ''}`;
}

/** An IPv4 address that arrived on an IPv6 socket is the IPv4 address (RFC 4291 section 2.5.5.2). */
function plainAddress(address: string): string {
  const lower = address.toLowerCase();
  return lower.startsWith('::ffff:') ? lower.slice('::ffff:'.length) : lower;
}
