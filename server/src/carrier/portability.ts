/** Asks somebody who knows to whom numbers were ported. Adding a source is adding a file that implements this. */
export interface PortabilityLookup {
  /**
   * The network that serves a number now, as the source names it: a routing number (rn), an SPID, MCC and MNC; several
   * names of one network, the best first. Nothing: it does not know, or the number was not ported.
   * @throws when the source cannot be asked, or does not answer
   */
  networksOf(number: string, signal: AbortSignal): Promise<readonly string[]>;
}

export interface PortabilityCacheOptions {
  lookup: PortabilityLookup;
  timeoutMs: number;
  cacheMs: number;
  maxEntries: number;
  now: () => number;
  /** Hears that the source fails, and why; not of which number. */
  failed: (error: unknown) => void;
}

/** A source that failed is left alone for so long, for the number that was asked. */
const afterFailureMs = 30_000;

interface Entry {
  networks: Promise<readonly string[]>;
  until: number;
}

/** A portability lookup that answers in time and never fails: what cannot be found out is not known. */
export class PortabilityCache {
  readonly #options: PortabilityCacheOptions;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: PortabilityCacheOptions) {
    this.#options = options;
  }

  /** Numbers that are asked for at the same time are looked up once. */
  networksOf(number: string): Promise<readonly string[]> {
    const { now, maxEntries } = this.#options;
    const known = this.#entries.get(number);
    if (known && known.until > now()) return known.networks;
    const entry: Entry = { networks: Promise.resolve([]), until: Number.POSITIVE_INFINITY };
    entry.networks = this.#look(number, entry);
    this.#entries.delete(number);
    this.#entries.set(number, entry);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > maxEntries && oldest !== undefined) this.#entries.delete(oldest);
    return entry.networks;
  }

  async #look(number: string, entry: Entry): Promise<readonly string[]> {
    const { lookup, timeoutMs, cacheMs, now, failed } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const networks = await Promise.race([lookup.networksOf(number, signal), rejectedBy(signal)]);
      entry.until = now() + cacheMs;
      return networks;
    } catch (error) {
      entry.until = now() + Math.min(afterFailureMs, cacheMs);
      failed(error);
      return [];
    }
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
