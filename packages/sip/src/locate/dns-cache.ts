import type { Clock } from '../transport/types.ts';
import type { DnsAnswer, DnsSource } from './dns-client.ts';
import type { DnsRecords, DnsType, Resolver } from './records.ts';

export interface DnsCacheOptions {
  source: DnsSource;
  clock: Pick<Clock, 'now'>;
  /** Answers that are kept at most; the one that was used least recently goes. */
  maxEntries: number;
  /** An answer is asked for again after so long at the latest, whatever its TTL. */
  maxTtlMs: number;
  /** While nobody answers, what was known is good for so long after its time (RFC 8767). */
  staleMs: number;
}

interface Entry {
  answer: DnsAnswer;
  /** In the time of the clock. */
  until: number;
}

/** Nobody is asked again before this much has passed since nobody could say (RFC 2308 section 7). */
const failureMs = 2_000;

/** Remembers what the DNS said for as long as it said (empty answers too), and asks each question once at a time. */
export class DnsCache implements Resolver {
  readonly #options: DnsCacheOptions;
  /** The first one was used least recently. */
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<DnsAnswer>>();
  readonly #failed = new Map<string, { error: unknown; until: number }>();

  constructor(options: DnsCacheOptions) {
    this.#options = options;
  }

  /** Answers that are kept. */
  get size(): number {
    return this.#entries.size;
  }

  async resolve<T extends DnsType>(name: string, type: T): Promise<DnsRecords[T]> {
    const key = `${type} ${name}`;
    const known = this.#entries.get(key);
    const now = this.#options.clock.now();
    if (known && known.until > now) {
      this.#put(this.#entries, key, known);
      return known.answer.records as DnsRecords[T];
    }
    const stale = known && known.until + this.#options.staleMs > now ? known.answer : undefined;
    const asked = this.#ask(key, name, type);
    // RFC 8767 section 5: that nobody answers has been waited for once.
    if (stale && this.#failed.has(key)) {
      asked.catch(() => {});
      return stale.records as DnsRecords[T];
    }
    try {
      return (await asked).records as DnsRecords[T];
    } catch (error) {
      if (stale) return stale.records as DnsRecords[T];
      throw error;
    }
  }

  close(): void {
    this.#options.source.close();
  }

  #ask(key: string, name: string, type: DnsType): Promise<DnsAnswer> {
    const failed = this.#failed.get(key);
    if (failed && failed.until > this.#options.clock.now()) return Promise.reject(failed.error);
    const under = this.#asking.get(key);
    if (under) return under;
    const { source, clock, maxTtlMs } = this.#options;
    const asked = source
      .ask(name, type)
      .then(
        (answer) => {
          this.#failed.delete(key);
          const ttlMs = Math.min(answer.ttlMs, maxTtlMs);
          this.#put(this.#entries, key, { answer, until: clock.now() + ttlMs });
          return answer;
        },
        (error: unknown) => {
          this.#put(this.#failed, key, { error, until: clock.now() + failureMs });
          throw error;
        },
      )
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asked);
    return asked;
  }

  #put<V>(map: Map<string, V>, key: string, value: V): void {
    map.delete(key);
    map.set(key, value);
    if (map.size <= this.#options.maxEntries) return;
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }
}
