/** What one trunk may carry, both ways together; without a number, as much as the house takes. */
export interface TrunkLimits {
  maxConcurrentCalls?: number | undefined;
  /** In the long run; so many may also come at once. */
  maxCallsPerSecond?: number | undefined;
}

/** To us, or from us. */
export type Direction = 'inbound' | 'outbound';

/** What a trunk has carried since the start, and what it carries now. */
export interface TrunkStats {
  active: number;
  calls: Record<Direction, number>;
  /** Refused for the limits of the trunk. */
  refused: Record<Direction, number>;
}

/** A call, as far as it matters here. */
interface Lasting {
  readonly state: string;
}

interface Load {
  sessions: Lasting[];
  /** So many sessions make it worth while to look which are over. */
  sweepAt: number;
  tokens: number;
  at: number;
  calls: Record<Direction, number>;
  refused: Record<Direction, number>;
}

const firstSweep = 16;

/** Counts the calls of each trunk and keeps them within its limits. Trunks are told apart by their limits object. */
export class TrunkLoad {
  readonly #loads = new WeakMap<TrunkLimits, Load>();
  readonly #now: () => number;

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether one more call is within the limits; it counts from then on, until its session is terminated. */
  admits(limits: TrunkLimits, session: Lasting, direction: Direction = 'inbound'): boolean {
    if (!this.hasRoom(limits)) {
      this.#loadOf(limits).refused[direction] += 1;
      return false;
    }
    const load = this.#loadOf(limits);
    if (limits.maxCallsPerSecond !== undefined) load.tokens -= 1;
    load.sessions.push(session);
    load.calls[direction] += 1;
    return true;
  }

  /** Whether `admits` would let a call through now. Counts nothing. */
  hasRoom(limits: TrunkLimits): boolean {
    const { maxConcurrentCalls = Infinity, maxCallsPerSecond = Infinity } = limits;
    const load = this.#loadOf(limits);
    const now = this.#now();
    if (maxCallsPerSecond !== Infinity) {
      const earned = (Math.max(0, now - load.at) * maxCallsPerSecond) / 1000;
      load.tokens = Math.min(maxCallsPerSecond, load.tokens + earned);
    }
    load.at = now;
    // Whoever is over is found when it matters: no end of a call can be missed.
    if (load.sessions.length >= Math.min(maxConcurrentCalls, load.sweepAt)) this.#sweep(load);
    return load.sessions.length < maxConcurrentCalls && load.tokens >= 1;
  }

  stats(limits: TrunkLimits): TrunkStats {
    const load = this.#loadOf(limits);
    this.#sweep(load);
    return { active: load.sessions.length, calls: { ...load.calls }, refused: { ...load.refused } };
  }

  #sweep(load: Load): void {
    load.sessions = load.sessions.filter(({ state }) => state !== 'terminated');
    load.sweepAt = Math.max(firstSweep, load.sessions.length * 2);
  }

  #loadOf(limits: TrunkLimits): Load {
    const known = this.#loads.get(limits);
    if (known) return known;
    const load: Load = {
      sessions: [],
      sweepAt: firstSweep,
      tokens: limits.maxCallsPerSecond ?? Infinity,
      at: this.#now(),
      calls: { inbound: 0, outbound: 0 },
      refused: { inbound: 0, outbound: 0 },
    };
    this.#loads.set(limits, load);
    return load;
  }
}
