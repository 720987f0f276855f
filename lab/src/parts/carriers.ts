import type { TrunkOrigin } from '../call/trunk-origin.ts';
import type { Ladder } from '../ladder.ts';
import { LabError } from '../model/errors.ts';
import type { CarrierCondition, CarrierOptions, RedirectionHeaders } from '../model/types.ts';
import { Switch } from '../switch/switch.ts';
import type { TrunkArrivalRequest } from '../switch/trunk-arrival.ts';
import { type CarrierView, carrierView } from '../views.ts';
import type { Hub } from './hub.ts';

export interface Carrier {
  readonly options: CarrierOptions;
  redirection: RedirectionHeaders;
  condition: CarrierCondition;
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
  readonly #listeners = new Set<(carrier: Carrier) => void>();

  constructor({ hub, host, server, ladder, carriers, redirection, onCall }: CarriersOptions) {
    this.#hub = hub;
    for (const options of carriers) {
      this.#byId.set(options.id, {
        options,
        redirection: redirection[options.id] ?? options.redirection,
        condition: { sms: 'up', provisioning: 'up', trunk: 'up' },
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

  /** The carrier whose own voicemail has this number. */
  byVoicemailNumber(number: string): Carrier | undefined {
    return this.all().find(({ options }) => options.voicemailNumber === number);
  }

  /** The carrier that hands SMS for this number to Ringthrough. */
  bySmsNumber(number: string): Carrier | undefined {
    return this.all().find(({ options }) => options.smsNumber === number);
  }

  /** Puts its machines in order or out of it; `listener`s of `onCondition` hear of it. */
  setCondition(id: string, change: Partial<CarrierCondition>): void {
    const carrier = this.find(id);
    carrier.condition = { ...carrier.condition, ...change };
    carrier.switch.cut = carrier.condition.trunk === 'down';
    for (const listener of this.#listeners) listener(carrier);
    this.#hub.changed();
  }

  /** Calls `listener` with each carrier whose machines went out of order or back; returns how to stop. */
  onCondition(listener: (carrier: Carrier) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws LabError `unknown-carrier` */
  view(id: string): CarrierView {
    return this.#view(this.find(id));
  }

  views(): CarrierView[] {
    return this.all().map((carrier) => this.#view(carrier));
  }

  setRedirection(id: string, redirection: RedirectionHeaders): void {
    const carrier = this.find(id);
    carrier.redirection = redirection;
    this.#hub.persist();
    this.#hub.changed();
  }

  snapshot(): Record<string, RedirectionHeaders> {
    return Object.fromEntries(this.all().map(({ options, redirection }) => [options.id, redirection]));
  }

  #view(carrier: Carrier): CarrierView {
    const { options, redirection, condition } = carrier;
    return carrierView(options, { redirection, condition, sip: carrier.switch.address });
  }
}
