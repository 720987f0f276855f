import type { CarrierConfig } from '../config.ts';

export interface Sms {
  /** The same at every retry, so that the receiver can drop repetitions. */
  id: string;
  to: string;
  text: string;
}

/** `rejected`: it will never be taken. `later`: try again. */
export type SmsResult = { result: 'accepted' } | { result: 'rejected' | 'later'; why: string };

/** How one carrier takes SMS. Never throws: what goes wrong is a result. */
export interface SmsCarrier {
  send(sms: Sms, signal: AbortSignal): Promise<SmsResult>;
}

export interface PostedMessage {
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
}

/** POST to a path of this very server, whatever it listens on and whomever its certificate is for. Gives the status. */
export type PostToSelf = (path: string, message: PostedMessage) => Promise<number>;

/**
 * SMS over HTTP (docs/sms.md): POST {id, from, to, text} with a bearer token. 2xx accepted; 4xx other than 408 and
 * 429 rejected; anything else is worth another try.
 */
export class SmsWebhook implements SmsCarrier {
  readonly #config: NonNullable<CarrierConfig['sms']>;
  readonly #from: string;
  readonly #postToSelf: PostToSelf;

  /** @param postToSelf takes what goes to a URL that is a path only: this server */
  constructor(options: {
    sms: NonNullable<CarrierConfig['sms']>;
    from: string;
    postToSelf: PostToSelf;
  }) {
    this.#config = options.sms;
    this.#from = options.sms.from ?? options.from;
    this.#postToSelf = options.postToSelf;
  }

  async #post(message: PostedMessage): Promise<number> {
    const { url } = this.#config;
    if (url.startsWith('/')) return this.#postToSelf(url, message);
    const answer = await fetch(url, { method: 'POST', ...message, redirect: 'error' });
    await answer.body?.cancel();
    return answer.status;
  }

  async send(sms: Sms, signal: AbortSignal): Promise<SmsResult> {
    try {
      const headers = {
        authorization: `Bearer ${this.#config.token}`,
        'content-type': 'application/json',
      };
      const body = JSON.stringify({ id: sms.id, from: this.#from, to: sms.to, text: sms.text });
      return judge(await this.#post({ headers, body, signal }));
    } catch (error) {
      const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
      return { result: 'later', why: cause?.code ?? (error as Error).name };
    }
  }
}

function judge(status: number): SmsResult {
  if (status >= 200 && status < 300) return { result: 'accepted' };
  const retry = status >= 500 || status < 400 || status === 408 || status === 429;
  return { result: retry ? 'later' : 'rejected', why: `HTTP ${status}` };
}
