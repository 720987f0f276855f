import type { UasSession } from '@ringthrough/sip';

/** What one trunk may bring; without a number, as much as the house takes. */
export interface TrunkLimits {
  maxConcurrentCalls?: number | undefined;
  /** In the long run; so many may also come at once. */
  maxCallsPerSecond?: number | undefined;
}

interface Load {
  sessions: Set<Pick<UasSession, 'state'>>;
  tokens: number;
  at: number;
}

/** Counts the calls of each trunk that has limits. Trunks are told apart by their limits object. */
export class TrunkLoad {
  readonly #loads = new WeakMap<TrunkLimits, Load>();
  readonly #now: () => number;

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether one more call is within the limits; it counts from then on, until its session is terminated. */
  admits(limits: TrunkLimits, session: Pick<UasSession, 'state'>): boolean {
    const { maxConcurrentCalls = Infinity, maxCallsPerSecond = Infinity } = limits;
    if (maxConcurrentCalls === Infinity && maxCallsPerSecond === Infinity) return true;
    const now = this.#now();
    const load = this.#loads.get(limits) ?? { sessions: new Set(), tokens: maxCallsPerSecond, at: now };
    this.#loads.set(limits, load);
    if (maxCallsPerSecond !== Infinity) {
      const earned = (Math.max(0, now - load.at) * maxCallsPerSecond) / 1000;
      load.tokens = Math.min(maxCallsPerSecond, load.tokens + earned);
    }
    load.at = now;
    // Whoever is over is found when it matters: no end of a call can be missed.
    if (load.sessions.size >= maxConcurrentCalls) {
      for (const one of load.sessions) if (one.state === 'terminated') load.sessions.delete(one);
    }
    if (load.sessions.size >= maxConcurrentCalls || load.tokens < 1) return false;
    load.tokens -= 1;
    if (maxConcurrentCalls !== Infinity) load.sessions.add(session);
    return true;
  }
}
