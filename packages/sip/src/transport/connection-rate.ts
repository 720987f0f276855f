interface Bucket {
  tokens: number;
  at: number;
}

const minuteMs = 60_000;
/** Customers that are remembered; the one that was heard least recently makes room. */
const maxCustomers = 20_000;

/** New connections of one customer: so many at once, and so many in a minute. A TLS handshake costs much more than it. */
export class ConnectionRate {
  readonly #perMinute: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Whether one more is within the rate; it then counts. @param now milliseconds of any clock that does not go back */
  take(customer: string, now: number): boolean {
    const known = this.#buckets.get(customer) ?? { tokens: this.#perMinute, at: now };
    const earned = ((now - known.at) * this.#perMinute) / minuteMs;
    const tokens = Math.min(this.#perMinute, known.tokens + earned);
    const taken = tokens >= 1;
    this.#buckets.delete(customer);
    this.#buckets.set(customer, { tokens: taken ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > maxCustomers) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return taken;
  }
}
