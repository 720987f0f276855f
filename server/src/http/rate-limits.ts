import { createHash } from 'node:crypto';
import { Problem, type ProblemCode } from '../problem.ts';

/** Keys are hashed and this many are remembered; the ones unused for longest go first. */
const maxBuckets = 50_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** A token bucket per key: `capacity` at once, refilled over `periodMs`. */
export class TokenBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #capacity: number;
  readonly #periodMs: number;
  readonly #now: () => number;

  constructor(options: { capacity: number; periodMs: number; now?: () => number }) {
    this.#capacity = options.capacity;
    this.#periodMs = options.periodMs;
    this.#now = options.now ?? Date.now;
  }

  /** Takes a token. @throws Problem `too-many-requests` with `retryAfter` in seconds when there is none */
  take(key: string): void {
    const bucket = this.#refilled(key);
    if (bucket.tokens < 1) throw this.#refusal(bucket);
    bucket.tokens -= 1;
  }

  /** Like `take`, but says false instead of throwing. */
  tryTake(key: string): boolean {
    const bucket = this.#refilled(key);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** What `take` took turned out not to count. */
  giveBack(key: string): void {
    const bucket = this.#refilled(key);
    bucket.tokens = Math.min(this.#capacity, bucket.tokens + 1);
  }

  #refilled(key: string): Bucket {
    const hash = createHash('sha256').update(key).digest('base64');
    const now = this.#now();
    const known = this.#buckets.get(hash);
    const bucket = known ?? { tokens: this.#capacity, at: now };
    const gained = ((now - bucket.at) / this.#periodMs) * this.#capacity;
    bucket.tokens = Math.min(this.#capacity, bucket.tokens + Math.max(0, gained));
    bucket.at = now;
    this.#buckets.delete(hash);
    this.#buckets.set(hash, bucket);
    if (this.#buckets.size > maxBuckets) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }

  #refusal(bucket: Bucket): Problem {
    const waitMs = ((1 - bucket.tokens) / this.#capacity) * this.#periodMs;
    const retryAfter = Math.max(1, Math.ceil(waitMs / 1000));
    return new Problem('too-many-requests', `Try again in ${retryAfter} s.`, { extra: { retryAfter } });
  }
}

/**
 * Runs what may fail for a wrong password, and counts it only then: it is counted before, so that a thousand guesses at
 * once are no more than the limit.
 * @throws Problem `too-many-requests`, and whatever `work` throws
 */
export async function countingFailures<T>(
  limit: { buckets: TokenBuckets; key: string; code: ProblemCode },
  work: () => Promise<T>,
): Promise<T> {
  const { buckets, key, code } = limit;
  buckets.take(key);
  let failed = false;
  try {
    return await work();
  } catch (error) {
    failed = error instanceof Problem && error.code === code;
    throw error;
  } finally {
    if (!failed) buckets.giveBack(key);
  }
}

export interface RateLimits {
  requestsByAddress: TokenBuckets;
  loginsByAddress: TokenBuckets;
  /** Failed ones only: nobody can lock another person out for good, a code by SMS still opens. */
  failedLoginsByNumber: TokenBuckets;
  /** The same for who is logged in and has to say the password again. */
  wrongPasswordsByAccount: TokenBuckets;
}

export function createRateLimits(config: {
  requestsPerAddressPerMinute: number;
  loginsPerAddressPerMinute: number;
  loginsPerNumberPerHour: number;
}): RateLimits {
  return {
    requestsByAddress: new TokenBuckets({ capacity: config.requestsPerAddressPerMinute, periodMs: 60_000 }),
    loginsByAddress: new TokenBuckets({ capacity: config.loginsPerAddressPerMinute, periodMs: 60_000 }),
    failedLoginsByNumber: new TokenBuckets({ capacity: config.loginsPerNumberPerHour, periodMs: 3_600_000 }),
    wrongPasswordsByAccount: new TokenBuckets({
      capacity: config.loginsPerNumberPerHour,
      periodMs: 3_600_000,
    }),
  };
}
