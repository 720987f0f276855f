import { type Provisioner, ProvisioningError, type ProvisioningOutcome } from './provisioner.ts';

/** The person dials the codes (R-FWD-MANUAL) and tells us; nobody else can, short of a check. */
export class ManualProvisioner implements Provisioner {
  readonly automatic = false;

  async activate(request: { noReplySeconds: number | null }): Promise<ProvisioningOutcome> {
    return { state: 'active', noReplySeconds: request.noReplySeconds, source: 'person' };
  }

  async deactivate(): Promise<ProvisioningOutcome> {
    return { state: 'inactive', noReplySeconds: null, source: 'person' };
  }

  async read(): Promise<ProvisioningOutcome> {
    throw new ProvisioningError('by-hand', 'this carrier tells its subscribers only');
  }
}
