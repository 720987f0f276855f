import type { SmsRecord } from '../model/sms-centre.ts';
import type { Carriers } from '../parts/carriers.ts';
import type { Handsets } from '../parts/handsets.ts';
import type { Hub } from '../parts/hub.ts';
import type { Messages } from '../parts/messages.ts';
import { HttpUplink, type PostJson } from './http-uplink.ts';
import { SmppCentre } from './smpp-centre.ts';
import type { WaitingPart } from './waiting-parts.ts';

export interface SmsLinksOptions {
  host: string;
  /** TCP, of the SMS centre; 0 takes any free one. */
  smppPort: number;
  post: PostJson;
  hub: Hub;
  carriers: Carriers;
  handsets: Handsets;
  messages: Messages;
  snapshot: readonly WaitingPart[] | undefined;
}

const retryMs = 2000;

/** `none`: what handsets send to Ringthrough waits. */
export interface SmsLinkState {
  protocol: 'smpp' | 'http' | 'none';
  /** Of SMPP: somebody is bound. */
  up: boolean;
}

/** How the SMS centres of the carriers and Ringthrough talk: SMPP, or HTTP. */
export class SmsLinks {
  readonly #options: SmsLinksOptions;
  readonly #smpp: SmppCentre;
  readonly #http = new Map<string, HttpUplink>();
  readonly #underWay = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SmsLinksOptions) {
    this.#options = options;
    const { post, messages, carriers } = options;
    this.#smpp = new SmppCentre({ ...options, port: options.smppPort });
    for (const { options: carrier } of carriers.all()) {
      // A centre that is not there sends nothing either.
      const reach: PostJson = async (url, message) => {
        if (carriers.find(carrier.id).condition.sms === 'down') throw new Error('the SMS centre is down');
        return post(url, message);
      };
      if (carrier.webhook) this.#http.set(carrier.id, new HttpUplink(carrier.webhook, reach));
    }
    messages.onDelivered((record) => void this.#return(record));
  }

  /** Opens the port of the SMS centre, where a carrier has one. @throws SmppListenError */
  async start(): Promise<void> {
    const { carriers, messages } = this.#options;
    if (carriers.all().some(({ options }) => options.smpp)) await this.#smpp.start();
    for (const [carrierId, uplink] of this.#http) messages.connect(carrierId, uplink);
    this.#returnAll();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#smpp.close();
  }

  get smppPort(): number {
    return this.#smpp.port;
  }

  /** How a carrier hands over SMS, and whether somebody is there to take them. */
  state(carrierId: string): SmsLinkState {
    const { options } = this.#options.carriers.find(carrierId);
    if (options.smpp) return { protocol: 'smpp', up: this.#smpp.isBound(carrierId) };
    return this.#http.has(carrierId) ? { protocol: 'http', up: true } : { protocol: 'none', up: false };
  }

  /** Cuts the carrier's connections. @returns how many; none where there is no SMPP */
  drop(carrierId: string): number {
    return this.#smpp.dropLinks(this.#options.carriers.find(carrierId).options.id);
  }

  /** Whether a message that came by webhook is to be answered for with a receipt. */
  wantsReceipts(number: string): boolean {
    return this.#uplinkOf(number) !== undefined;
  }

  snapshot(): WaitingPart[] {
    return this.#smpp.snapshot();
  }

  #uplinkOf(number: string): HttpUplink | undefined {
    const handset = this.#options.handsets.get(number);
    return handset && this.#http.get(handset.carrierId);
  }

  #returnAll(): void {
    for (const record of this.#options.messages.records()) void this.#return(record);
  }

  /** The receipt of a message that came by webhook; again until it was heard. */
  async #return(record: SmsRecord): Promise<void> {
    if (record.id.startsWith('smpp-') || record.receipt !== 'asked' || record.deliveredAt === null) return;
    const uplink = this.#uplinkOf(record.to);
    if (!uplink || this.#underWay.has(record.id)) return;
    this.#underWay.add(record.id);
    try {
      await uplink.returnReceipt(record);
      this.#options.messages.receiptReturned(record.id);
    } catch {
      this.#tryLater();
    } finally {
      this.#underWay.delete(record.id);
    }
  }

  #tryLater(): void {
    if (this.#closed) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#returnAll();
    }, retryMs);
  }
}
