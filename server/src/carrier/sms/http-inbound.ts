import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SmsDelivery } from '../../store/index.ts';
import type { Carrier } from '../catalogue.ts';
import type { SmsInbox } from './inbox.ts';
import { normaliseNumber } from './numbers.ts';
import type { SentParts } from './sent-parts.ts';

/** How a request proves that it comes from the carrier: by a bearer token, or by a signature of its body. */
export interface WebhookCredentials {
  /** The header as it came. */
  authorization?: string | undefined;
  /** `sha256=` and hex: HMAC with the token over `<timestamp>.<body>`. */
  signature?: string | undefined;
  /** Unix seconds. */
  timestamp?: string | undefined;
  body: Uint8Array;
}

export interface SmsHttpInboundOptions {
  /** The carriers of now. */
  byId: (carrierId: string) => Carrier | undefined;
  inbox: SmsInbox;
  sentParts: SentParts;
  now: () => number;
}

/** A signed request is good for so long, one way or the other: clocks differ, and nobody may repeat it for ever. */
const signatureMs = 300_000;

/** SMS and receipts that a carrier posts to us (docs/sms.md). */
export class SmsHttpInbound {
  readonly #options: SmsHttpInboundOptions;

  constructor(options: SmsHttpInboundOptions) {
    this.#options = options;
  }

  /** Is it the carrier? The same answer, in the same time, for carriers that there are and those that there are not. */
  verify(carrierId: string, credentials: WebhookCredentials): boolean {
    const token = this.#options.byId(carrierId)?.sms?.inboundToken;
    // Compared with something, so that a guess takes as long.
    const right = token ?? 'there is no such token';
    const good =
      credentials.signature === undefined ? hasToken(credentials, right) : this.#isSigned(credentials, right);
    return good && token !== undefined;
  }

  /** Durable when it resolves; the same id again is a duplicate. */
  async receive(sms: {
    carrierId: string;
    id: string;
    from: string;
    to: string;
    text: string;
  }): Promise<'stored' | 'duplicate'> {
    const { carrierId, id, text } = sms;
    const country = this.#options.byId(carrierId)?.country ?? '';
    const from = normaliseNumber(sms.from, country);
    const to = normaliseNumber(sms.to, country);
    return this.#options.inbox.accept({ carrierId, key: id, from, to, text });
  }

  /** What became of a message of ours. @returns whether it is known */
  receipt(receipt: {
    carrierId: string;
    id: string;
    state: SmsDelivery;
    error?: string | undefined;
  }): Promise<boolean> {
    const { carrierId, id, state, error } = receipt;
    return this.#options.sentParts.receipt({ carrierId, providerIds: [id], delivery: state, error });
  }

  #isSigned({ signature = '', timestamp = '', body }: WebhookCredentials, token: string): boolean {
    const signedAt = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 : Number.NEGATIVE_INFINITY;
    const expected = createHmac('sha256', token).update(`${timestamp}.`).update(body).digest('hex');
    const fresh = Math.abs(this.#options.now() - signedAt) <= signatureMs;
    return isSame(signature, `sha256=${expected}`) && fresh;
  }
}

function hasToken({ authorization = '' }: WebhookCredentials, token: string): boolean {
  return isSame(authorization, `Bearer ${token}`);
}

/** Compares digests: equal lengths, constant time. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'comparison').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
