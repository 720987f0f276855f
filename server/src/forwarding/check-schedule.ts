import type { Clock } from '@ringthrough/sip';
import type { Logger } from '../log.ts';
import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';
import type { ForwardingChecks } from './checks.ts';

export interface CheckScheduleOptions {
  store: Store;
  checks: Pick<ForwardingChecks, 'begin'>;
  log: Logger;
  clock: Clock;
  /** Unix milliseconds. */
  now: () => number;
  /** A number whose forwarding was verified is checked again after so long. */
  everyMs: number;
  /** Checks of the schedule, in all. */
  perDay: number;
  /** Of the day, in the time of this server: from the first hour to before the second one. */
  hours: { from: number; to: number };
  /** A phone that is on rings so long, for nothing. */
  ringMs: number;
}

const hourMs = 3_600_000;
/** Of those that are due, so many are tried in one turn. */
const tries = 20;

/**
 * Checks numbers again that were verified once, the longest ago first, one at a time and evenly over the hours in which a
 * phone may ring. What it finds is told by `Forwarding.recordCheck`.
 */
export class CheckSchedule {
  readonly #options: CheckScheduleOptions;
  readonly #betweenMs: number;
  #timer: unknown;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: CheckScheduleOptions) {
    this.#options = options;
    const { perDay, hours } = options;
    this.#betweenMs = ((hours.to - hours.from) * hourMs) / perDay;
  }

  start(): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#next(), this.#betweenMs);
  }

  /** Resolves when nothing of it is under way. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
    await this.#turn;
  }

  #next(): void {
    if (this.#closed) return;
    this.start();
    const { now, hours, log } = this.#options;
    const hour = new Date(now()).getHours();
    if (hour < hours.from || hour >= hours.to) return;
    this.#turn = this.#check().catch((error: unknown) =>
      log.error({ err: error }, 'a forwarding check of the schedule failed'),
    );
  }

  async #check(): Promise<void> {
    const { store, checks, log, now, everyMs, ringMs } = this.#options;
    const due = await store
      .selectFrom('forwarding_records')
      .select(['number', 'account_id', 'carrier_id'])
      .where('state', '=', 'active')
      .where('verified_at', 'is not', null)
      .where('check_at', '<', now() - everyMs)
      .orderBy('check_at')
      .limit(tries)
      .execute();
    for (const { account_id: accountId, number, carrier_id: carrierId } of due) {
      if (this.#closed) return;
      try {
        await checks.begin(accountId, number, { ringMs });
        return;
      } catch (error) {
        // Such as a carrier that has no trunk for calls of ours any more: others must not wait for it.
        if (!(error instanceof Problem)) throw error;
        log.info({ carrierId, code: error.code }, 'a forwarding check of the schedule was not made');
      }
    }
  }
}
