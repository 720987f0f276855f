import { hash, timingSafeEqual } from 'node:crypto';
import type { Carrier, CarrierCatalogue } from '../../carrier/index.ts';
import { HttpProvisioner } from './http.ts';
import type { AskSelf } from './http-client.ts';
import { ManualProvisioner } from './manual.ts';
import type { Provisioner } from './provisioner.ts';
import { XcapProvisioner } from './xcap.ts';

/** The adapter of each carrier, made when it is first needed, and anew when the catalogue says otherwise. */
export class Provisioners {
  readonly #catalogue: CarrierCatalogue;
  readonly #askSelf: AskSelf | undefined;
  readonly #made = new Map<string, { config: Carrier['provisioning']; provisioner: Provisioner }>();

  constructor(catalogue: CarrierCatalogue, askSelf?: AskSelf) {
    this.#catalogue = catalogue;
    this.#askSelf = askSelf;
  }

  /** Undefined: the carrier has left the catalogue. */
  of(carrierId: string): Provisioner | undefined {
    const carrier = this.#catalogue.byId(carrierId);
    if (!carrier) return undefined;
    const known = this.#made.get(carrierId);
    if (known && known.config === carrier.provisioning) return known.provisioner;
    const provisioner = create(carrier.provisioning, this.#askSelf);
    this.#made.set(carrierId, { config: carrier.provisioning, provisioner });
    return provisioner;
  }

  /** Whether a report comes from this carrier. Takes the same time for each wrong token. */
  mayReport(carrierId: string, token: string): boolean {
    const provisioning = this.#catalogue.byId(carrierId)?.provisioning;
    const expected = provisioning?.adapter === 'http' ? provisioning.callbackToken : undefined;
    const same = timingSafeEqual(hash('sha256', token, 'buffer'), hash('sha256', expected ?? '', 'buffer'));
    return expected !== undefined && same;
  }
}

/** Adding a way to provision is adding a file, and a line here. */
function create(config: Carrier['provisioning'], askSelf: AskSelf | undefined): Provisioner {
  switch (config?.adapter) {
    case 'xcap':
      return new XcapProvisioner(config, askSelf);
    case 'http':
      return new HttpProvisioner(config);
    case 'manual':
    case undefined:
      return new ManualProvisioner();
  }
}
