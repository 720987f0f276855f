import { SipRequest, type SipStack } from '@ringthrough/sip';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import type { DeviceAddress } from '../registration/index.ts';
import type { MessageSummary } from './message-summary.ts';

export interface UnsolicitedSummaryOptions {
  sender: Pick<SipStack, 'request' | 'contactFor'>;
  fabric: Fabric;
  log: Logger;
  summary: MessageSummary;
  domain: string;
  available: (accountId: string) => DeviceAddress[];
  /** Devices that subscribe are not told twice. */
  isSubscribed: (deviceId: string) => boolean;
}

/**
 * Tells softphones of waiting messages without having been asked, as PBXs do and many telephones expect: a NOTIFY
 * outside of any dialog. No RFC allows it; it is off unless configured.
 */
export class UnsolicitedSummary {
  readonly #options: UnsolicitedSummaryOptions;
  /** Contacts that do not want it. */
  readonly #refused = new Set<string>();
  readonly #unsubscribe: Array<() => void>;

  constructor(options: UnsolicitedSummaryOptions) {
    this.#options = options;
    const { fabric, summary } = options;
    this.#unsubscribe = [
      ...summary.news.map((type) => fabric.subscribe(type, ({ accountId }) => this.#tell(accountId))),
      fabric.subscribe('device.registered', ({ accountId, deviceId }) => {
        this.#welcome(accountId, deviceId).catch((error: unknown) => this.#failed(error));
      }),
      fabric.subscribe('device.unregistered', ({ deviceId }) => {
        for (const key of this.#refused) if (key.startsWith(`${deviceId} `)) this.#refused.delete(key);
      }),
    ];
  }

  close(): void {
    for (const stop of this.#unsubscribe) stop();
  }

  async #welcome(accountId: string, deviceId: string): Promise<void> {
    if (await this.#options.summary.isWaiting(accountId)) this.#tell(accountId, deviceId);
  }

  #tell(accountId: string, deviceId?: string): void {
    for (const address of this.#options.available(accountId)) {
      if (deviceId !== undefined && address.deviceId !== deviceId) continue;
      // Browsers are told over HTTP.
      if (address.transport === 'ws' || this.#options.isSubscribed(address.deviceId)) continue;
      if (!this.#refused.has(keyOf(address)))
        this.#send(accountId, address).catch((error: unknown) => this.#failed(error));
    }
  }

  async #send(accountId: string, address: DeviceAddress): Promise<void> {
    const { sender, summary, domain } = this.#options;
    const { contentType, body } = await summary.summary(accountId);
    const contact = sender.contactFor(address.target);
    const request = new SipRequest('NOTIFY', address.contactUri, {
      headers: [
        ['From', `<sip:${domain}>`],
        ['To', `<sip:${address.sipUser}@${domain}>`],
        ...(contact === undefined ? [] : [['Contact', contact] as const]),
        ...(address.route ?? []).map((hop) => ['Route', hop] as const),
        ['Event', summary.name],
        // There is no subscription that would go on.
        ['Subscription-State', 'terminated;reason=noresource'],
        ['Content-Type', contentType],
      ],
      body,
    });
    const { status } = await sender.request(request, address.target);
    if (status >= 400 && status < 500 && status !== 408) this.#refused.add(keyOf(address));
  }

  #failed(error: unknown): void {
    this.#options.log.error({ err: error }, 'cannot tell a telephone of waiting messages');
  }
}

const keyOf = ({ deviceId, contactUri }: DeviceAddress): string => `${deviceId} ${contactUri}`;
