import type { CarrierCatalogue } from '../carrier/index.ts';
import { type ForwardingCommands, forwardingCommands } from './commands.ts';

/** A carrier as people may see it. */
export interface CarrierInfo {
  id: string;
  name: string;
  country: string;
  family: 'gsm' | 'cdma';
}

/** Which carrier serves a number, and how its calls come to us (R-FWD-MANUAL). */
export class Forwarding {
  readonly #catalogue: CarrierCatalogue;

  constructor(catalogue: CarrierCatalogue) {
    this.#catalogue = catalogue;
  }

  carrierOf(number: string): CarrierInfo | undefined {
    const carrier = this.#catalogue.byNumber(number);
    return carrier && this.carrier(carrier.id);
  }

  /** Undefined when the carrier left the configuration. */
  carrier(id: string): CarrierInfo | undefined {
    const carrier = this.#catalogue.byId(id);
    if (!carrier) return undefined;
    const { name, country, family } = carrier;
    return { id, name, country, family };
  }

  commands(carrierId: string): ForwardingCommands | undefined {
    const carrier = this.#catalogue.byId(carrierId);
    return carrier && forwardingCommands(carrier);
  }
}
