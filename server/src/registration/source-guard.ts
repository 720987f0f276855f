import type { Flow, SipRequest } from '@ringthrough/sip';

export interface GuardLimits {
  /** Of a source that is not registered: in the long run, and at once. */
  requestsPerSecond: number;
  burst: number;
  /** So many wrong credentials of one source within the window ban it. */
  failures: number;
  failureWindowMs: number;
  banMs: number;
  /** In User-Agent or the display name in From; whoever says so gets no answer. Compared without case. */
  scanners: readonly string[];
}

export interface SourceGuardOptions {
  limits: GuardLimits;
  /** Unix milliseconds. */
  now: () => number;
  /** What one customer has and may choose from: an IPv4 address, the /64 of an IPv6 one. */
  networkOf: (address: string) => string;
  banned?: (address: string) => void;
}

/** Requests that got no answer, by reason, and bans, since the start; `banned` is of now. */
export interface GuardStats {
  scanner: number;
  flood: number;
  ban: number;
  bans: number;
  banned: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Sources that are remembered, for each purpose; the one that was heard least recently makes room. */
const maxSources = 50_000;

/**
 * Decides who gets no answer: known scanners, floods of strangers, and sources that were banned for guessing
 * passwords. A registered device is judged by its own address and port, so that nobody behind the same NAT can lock
 * it out, and does not count as a flood.
 *
 * Source addresses of UDP can be forged, so a ban can be brought upon others; it ends by itself, and registered
 * devices and trunks do not feel it.
 */
export class SourceGuard {
  readonly #options: SourceGuardOptions;
  readonly #scanners: readonly string[];
  readonly #buckets = new Map<string, Bucket>();
  readonly #failures = new Map<string, { count: number; since: number }>();
  /** When each ban ends, in that order: all take as long. */
  readonly #bans = new Map<string, number>();
  readonly #stats = { scanner: 0, flood: 0, ban: 0, bans: 0 };

  constructor(options: SourceGuardOptions) {
    this.#options = options;
    this.#scanners = options.limits.scanners.map((name) => name.toLowerCase());
  }

  /** False: this request is to be dropped without a word. @param registered whether a device is, from there */
  admits({ headers }: SipRequest, flow: Flow, registered: boolean): boolean {
    const source = this.#sourceOf(flow, registered);
    this.#endBans();
    if (this.#isScanner(headers.get('User-Agent')) || this.#isScanner(headers.get('From'))) {
      this.#stats.scanner += 1;
    } else if (this.#bans.has(source)) {
      this.#stats.ban += 1;
    } else if (!registered && !this.#take(source)) {
      this.#stats.flood += 1;
    } else return true;
    return false;
  }

  /** Wrong credentials came from there. */
  failed(flow: Flow, registered: boolean): void {
    const { limits, now, banned } = this.#options;
    const source = this.#sourceOf(flow, registered);
    const known = this.#failures.get(source);
    const current = known !== undefined && known.since > now() - limits.failureWindowMs;
    const failures = current ? known : { count: 0, since: now() };
    failures.count += 1;
    remember(this.#failures, source, failures);
    if (failures.count < limits.failures || this.#bans.has(source)) return;
    this.#failures.delete(source);
    remember(this.#bans, source, now() + limits.banMs);
    this.#stats.bans += 1;
    banned?.(flow.remote.host);
  }

  stats(): GuardStats {
    this.#endBans();
    return { ...this.#stats, banned: this.#bans.size };
  }

  #take(source: string): boolean {
    const { limits, now } = this.#options;
    const at = now();
    const bucket = this.#buckets.get(source) ?? { tokens: limits.burst, at };
    const earned = (Math.max(0, at - bucket.at) * limits.requestsPerSecond) / 1000;
    const tokens = Math.min(limits.burst, bucket.tokens + earned);
    remember(this.#buckets, source, { tokens: tokens < 1 ? tokens : tokens - 1, at });
    return tokens >= 1;
  }

  #isScanner(text: string | undefined): boolean {
    if (text === undefined) return false;
    const lower = text.toLowerCase();
    return this.#scanners.some((name) => lower.includes(name));
  }

  #sourceOf({ remote }: Flow, registered: boolean): string {
    return registered ? `${remote.host} ${remote.port}` : this.#options.networkOf(remote.host);
  }

  #endBans(): void {
    const now = this.#options.now();
    for (const [source, until] of this.#bans) {
      if (until > now) return;
      this.#bans.delete(source);
    }
  }
}

/** Puts an entry at the end; beyond the bound the first one goes. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= maxSources) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
