import type { TrunkOrigin } from '../call/trunk-origin.ts';
import type { Ladder } from '../ladder.ts';
import { LabError } from '../model/errors.ts';
import type { CarrierOptions, RedirectionHeaders } from '../model/types.ts';
import { Switch } from '../switch/switch.ts';
import type { TrunkArrivalRequest } from '../switch/trunk-arrival.ts';
import { type CarrierView, carrierView } from '../views.ts';
import type { Hub } from './hub.ts';

export interface Carrier {
  readonly options: CarrierOptions;
  redirection: RedirectionHeaders;
  readonly switch: Switch;
}

export interface CarriersOptions {
  hub: Hub;
  /** The address the switches listen on. */
  host: string;
  /** Where the trunks lead. */
  server: { host: string; port: number };
  ladder: Ladder;
  carriers: readonly CarrierOptions[];
  /** What the state file kept, by id. */
  redirection: Readonly<Record<string, RedirectionHeaders>>;
  /** Ringthrough calls somebody over the trunk of a carrier. */
  onCall(
    carrier: CarrierOptions,
    request: TrunkArrivalRequest,
    origin: TrunkOrigin,
    named: (id: string) => void,
  ): (() => void) | undefined;
}

/** The phone companies of the lab, each with its switch. */
export class Carriers {
  readonly #hub: Hub;
  readonly #byId = new Map<string, Carrier>();

  constructor({ hub, host, server, ladder, carriers, redirection, onCall }: CarriersOptions) {
    this.#hub = hub;
    for (const options of carriers) {
      this.#byId.set(options.id, {
        options,
        redirection: redirection[options.id] ?? options.redirection,
        switch: new Switch({
          carrier: options,
          host,
          server,
          ladder,
          onCall: (request, origin, named) => onCall(options, request, origin, named),
          log: hub.log,
        }),
      });
    }
  }

  /** @throws ListenError of `@ringthrough/sip` when a port is taken */
  async start(): Promise<void> {
    for (const carrier of this.all()) await carrier.switch.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((carrier) => carrier.switch.close()));
  }

  all(): Carrier[] {
    return [...this.#byId.values()];
  }

  /** @throws LabError `unknown-carrier` */
  find(id: string): Carrier {
    const carrier = this.#byId.get(id);
    if (carrier === undefined) throw new LabError('unknown-carrier', 'The lab has no such carrier.');
    return carrier;
  }

  /** The carrier on whose trunk calls to this number leave. */
  byTrunkNumber(number: string): Carrier | undefined {
    return this.all().find(
      ({ options: { cNumber, serviceNumbers = [] } }) =>
        cNumber === number || serviceNumbers.includes(number),
    );
  }

  views(): CarrierView[] {
    return this.all().map((carrier) => this.#view(carrier));
  }

  setRedirection(id: string, redirection: RedirectionHeaders): CarrierView {
    const carrier = this.find(id);
    carrier.redirection = redirection;
    this.#hub.persist();
    this.#hub.changed();
    return this.#view(carrier);
  }

  snapshot(): Record<string, RedirectionHeaders> {
    return Object.fromEntries(this.all().map(({ options, redirection }) => [options.id, redirection]));
  }

  #view({ options, redirection, switch: { address } }: Carrier): CarrierView {
    return carrierView(options, redirection, address);
  }
}
