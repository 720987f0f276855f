import type { CallOutput, LegEndReason, RingTarget } from './call-types.ts';

/** One INVITE to one device, as the call knows it. */
export interface Leg {
  readonly id: string;
  readonly device: RingTarget;
  state: 'starting' | 'ringing' | 'answered' | 'cancelling' | 'over';
  /** Why it was cancelled; the same reason goes into the BYE when a 2xx crosses the CANCEL. */
  cancelReason?: LegEndReason;
  /** How it ended by itself; a device that said no is not rung again, one that was lost is. */
  verdict?: 'refused' | 'failed' | 'lost';
}

/** The legs of one call, and what is said to them. Each goes from `starting` to `over`, and never back. */
export class CallLegs {
  readonly #all: Leg[] = [];
  readonly #most: number;
  readonly #emit: (output: CallOutput) => void;

  /** @param most how many may be started in all */
  constructor(most: number, emit: (output: CallOutput) => void) {
    this.#most = most;
    this.#emit = emit;
  }

  get(legId: string): Leg | undefined {
    // Numbered from 1 on.
    return this.#all[Number(legId) - 1];
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  get allOver(): boolean {
    return this.#all.every((leg) => leg.state === 'over');
  }

  /** Those that may still answer. */
  get alive(): Leg[] {
    return this.#all.filter(isAlive);
  }

  ofDevice(deviceId: string): Leg[] {
    return this.#all.filter((leg) => leg.device.deviceId === deviceId);
  }

  /** What became of each device: of its last leg. */
  get verdicts(): Array<Leg['verdict']> {
    return [...new Map(this.#all.map((leg) => [leg.device.deviceId, leg.verdict])).values()];
  }

  /** Rings a device; no more than the bound allows. */
  start(device: RingTarget): void {
    if (this.#all.length >= this.#most) return;
    const leg: Leg = { id: String(this.#all.length + 1), device, state: 'starting' };
    this.#all.push(leg);
    this.#emit({ type: 'start-leg', legId: leg.id, device });
  }

  /** Before its final response. */
  cancel(leg: Leg, reason: LegEndReason): void {
    leg.state = 'cancelling';
    leg.cancelReason = reason;
    this.#emit({ type: 'cancel-leg', legId: leg.id, reason });
  }

  cancelAlive(reason: LegEndReason): void {
    for (const leg of this.alive) this.cancel(leg, reason);
  }

  /** After its 2xx. */
  bye(leg: Leg, reason: LegEndReason): void {
    this.#emit({ type: 'bye-leg', legId: leg.id, reason });
    this.over(leg);
  }

  over(leg: Leg): void {
    leg.state = 'over';
    this.#emit({ type: 'leg-over', legId: leg.id });
  }
}

/** Whether a leg may still answer. */
export function isAlive(leg: Leg | undefined): leg is Leg {
  return leg?.state === 'starting' || leg?.state === 'ringing';
}
