import type { SmsRecord } from '../model/sms-centre.ts';
import type { SmsUplink, UplinkSms } from '../parts/messages.ts';

/** POST of JSON; gives the status. The one who runs the lab knows how Ringthrough is reached. */
export type PostJson = (
  url: string,
  message: { headers: Record<string, string>; body: string },
) => Promise<number>;

/** Where a carrier without SMPP posts SMS and receipts to. */
export interface SmsWebhookOptions {
  /** For SMS of people. */
  inboundUrl: string;
  /** For receipts. */
  receiptUrl: string;
  token: string;
}

/** The SMS centre of a carrier that talks HTTP: JSON with a bearer token. */
export class HttpUplink implements SmsUplink {
  readonly #options: SmsWebhookOptions;
  readonly #post: PostJson;

  constructor(options: SmsWebhookOptions, post: PostJson) {
    this.#options = options;
    this.#post = post;
  }

  async deliver({ id, from, to, text }: UplinkSms): Promise<void> {
    await this.#send(this.#options.inboundUrl, { id, from, to, text });
  }

  /** Tells that a message has reached its handset. */
  async returnReceipt({ id }: SmsRecord): Promise<void> {
    await this.#send(this.#options.receiptUrl, { id, state: 'delivered' });
  }

  async #send(url: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${this.#options.token}`, 'content-type': 'application/json' };
    const status = await this.#post(url, { headers, body: JSON.stringify(body) });
    if (status < 200 || status > 299) throw new Error(`HTTP ${status}`);
  }
}

/** Over the network, for whoever does not know better. */
export const postByFetch: PostJson = async (url, message) => {
  const answer = await fetch(url, { method: 'POST', ...message, signal: AbortSignal.timeout(10_000) });
  await answer.body?.cancel();
  return answer.status;
};
