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

/**
 * SMS over HTTP (docs/sms.md): POST {id, from, to, text} with a bearer token. 2xx accepted; 4xx other than 408 and
 * 429 rejected; anything else is worth another try.
 */
export class SmsWebhook implements SmsCarrier {
  readonly #config: NonNullable<CarrierConfig['sms']>;
  readonly #from: string;
  readonly #ownOrigin: () => string;

  /** @param ownOrigin where a URL that is a path only leads: this server */
  constructor(options: {
    sms: NonNullable<CarrierConfig['sms']>;
    from: string;
    ownOrigin: () => string;
  }) {
    this.#config = options.sms;
    this.#from = options.sms.from ?? options.from;
    this.#ownOrigin = options.ownOrigin;
  }

  async send(sms: Sms, signal: AbortSignal): Promise<SmsResult> {
    try {
      const answer = await fetch(new URL(this.#config.url, this.#ownOrigin()), {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#config.token}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ id: sms.id, from: this.#from, to: sms.to, text: sms.text }),
        redirect: 'error',
        signal,
      });
      await answer.body?.cancel();
      return judge(answer.status);
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
