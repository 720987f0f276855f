import type { Carrier, CarrierCatalogue } from '../../carrier/index.ts';
import { ManualProvisioner } from './manual.ts';
import type { Provisioner } from './provisioner.ts';

/** The adapter of each carrier, made when it is first needed, and anew when the catalogue says otherwise. */
export interface Provisioners {
  /** Undefined: the carrier has left the catalogue. */
  of(carrierId: string): Provisioner | undefined;
  reported(carrierId: string, jobId: string, token: string): Promise<boolean>;
  close(): Promise<void>;
}

export function provisionersOf(catalogue: CarrierCatalogue): Provisioners {
  const made = new Map<string, { config: Carrier['provisioning']; provisioner: Provisioner }>();
  return {
    of(carrierId) {
      const carrier = catalogue.byId(carrierId);
      if (!carrier) return undefined;
      const known = made.get(carrierId);
      if (known && known.config === carrier.provisioning) return known.provisioner;
      const provisioner = new ManualProvisioner();
      made.set(carrierId, { config: carrier.provisioning, provisioner });
      return provisioner;
    },
    reported: async () => false,
    close: async () => made.clear(),
  };
}
