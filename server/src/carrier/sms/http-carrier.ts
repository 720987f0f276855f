import type { Sms, SmsCarrier, SmsCarrierStats, SmsProgress, SmsResult } from './carrier.ts';

export interface PostedMessage {
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
}

/** What matters of an answer over HTTP. */
export interface PostAnswer {
  status: number;
  /** Retry-After, as it came. */
  retryAfter?: string | undefined;
}

/** POST to a path of this very server, whatever it listens on and whomever its certificate is for. */
export type PostToSelf = (path: string, message: PostedMessage) => Promise<PostAnswer>;

export interface HttpCarrierOptions {
  /** Of the webhook; a path leads to this server itself. */
  url: string;
  token: string;
  from: string;
  timeoutMs: number;
  parallel: number;
  postToSelf: PostToSelf;
}

/** A carrier is not asked to be believed for longer. */
const maxRetryAfterMs = 3_600_000;

/**
 * SMS over HTTP (docs/sms.md): POST {id, from, to, text} with a bearer token. 2xx accepted; 4xx other than 408 and
 * 429 rejected; anything else is worth another try. The message is one part, and its receipt names our id.
 */
export class HttpCarrier implements SmsCarrier {
  readonly ready = true;
  readonly parallel: number;
  readonly #options: HttpCarrierOptions;
  /** Whether the last message was answered at all. */
  #up = true;
  #throttled = 0;

  constructor(options: HttpCarrierOptions) {
    this.#options = options;
    this.parallel = options.parallel;
  }

  start(): void {}

  async close(): Promise<void> {}

  stats(): SmsCarrierStats {
    return { up: this.#up, throttled: this.#throttled };
  }

  async send(sms: Sms, { taken, took }: SmsProgress, signal: AbortSignal): Promise<SmsResult> {
    if (taken.length > 0) return { result: 'accepted' };
    const result = await this.#try(sms, signal);
    if (result.result === 'accepted') await took({ part: 1, parts: 1, providerId: sms.id });
    return result;
  }

  async #try({ id, to, text }: Sms, signal: AbortSignal): Promise<SmsResult> {
    const { token, from, timeoutMs } = this.#options;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ id, from, to, text });
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const answer = await this.#post({ headers, body, signal: limited });
      this.#up = true;
      if (answer.status === 429) this.#throttled += 1;
      return judge(answer);
    } catch (error) {
      if (!signal.aborted) this.#up = false;
      const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
      return { result: 'later', why: cause?.code ?? (error as Error).name };
    }
  }

  async #post(message: PostedMessage): Promise<PostAnswer> {
    const { url, postToSelf } = this.#options;
    if (url.startsWith('/')) return postToSelf(url, message);
    const answer = await fetch(url, { method: 'POST', ...message, redirect: 'error' });
    await answer.body?.cancel();
    return { status: answer.status, retryAfter: answer.headers.get('retry-after') ?? undefined };
  }
}

function judge({ status, retryAfter }: PostAnswer): SmsResult {
  if (status >= 200 && status < 300) return { result: 'accepted' };
  const why = `HTTP ${status}`;
  const retry = status >= 500 || status < 400 || status === 408 || status === 429;
  if (!retry) return { result: 'rejected', why };
  const seconds = /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;
  if (seconds === undefined || (status !== 429 && status !== 503)) return { result: 'later', why };
  return { result: 'later', why, retryInMs: Math.min(seconds * 1000, maxRetryAfterMs) };
}
