import { randomBytes } from 'node:crypto';
import type { Clock } from '@ringthrough/sip';
import type { Carrier, VoiceCalls } from '../carrier/index.ts';
import type { Logger } from '../log.ts';
import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';
import type { Forwarding } from './forwarding.ts';
import { type ReturningCall, recognise } from './returning-call.ts';
import { TestCall } from './test-call.ts';
import type { CheckSeen } from './types.ts';

export interface ForwardingChecksOptions {
  store: Store;
  calls: Pick<VoiceCalls, 'call' | 'canCall' | 'hasRoom'>;
  forwarding: Pick<Forwarding, 'recordCheck' | 'follow'>;
  carriers: { byId(id: string): Carrier | undefined };
  log: Logger;
  clock: Clock;
  /** Unix milliseconds. */
  now: () => number;
  /** It has to be back by then. */
  timeoutMs: number;
  /** A phone that rings is let ring for so long, when a person waits for the answer. */
  ringMs: number;
  perNumberPerHour: number;
}

/** Whether a call that came in was a test call; if so, it is to be refused and forgotten. */
export type IsTestCall = boolean;

const hourMs = 3_600_000;
/** What a switch sends after a check is over is still known for so long, and rings nobody. */
const stragglerMs = 120_000;
/** A call that may be ours is hung up at its other end; if it is, it is taken back within this time. */
const proveMs = 3_000;

/** "Is my forwarding on?", answered by calls that have to come home (R-FWD-CHECK). */
export class ForwardingChecks {
  readonly #options: ForwardingChecksOptions;
  /** Under way, and over a moment ago; the newest last. */
  readonly #checks = new Map<TestCall, unknown>();
  /** Numbers whose check is about to begin. */
  readonly #beginning = new Set<string>();
  /** When a number was checked in the last hour. */
  readonly #begun = new Map<string, number[]>();
  readonly #storing = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: ForwardingChecksOptions) {
    this.#options = options;
  }

  /** Before the first check: those that the last process left unfinished have seen nothing. */
  async start(): Promise<void> {
    const { store, forwarding, now } = this.#options;
    const left = await store
      .selectFrom('forwarding_records')
      .select('number')
      .where('check_state', '=', 'running')
      .execute();
    for (const { number } of left) {
      await forwarding.recordCheck(number, {
        state: 'failed',
        seen: 'nothing',
        at: now(),
        cause: 'interrupted',
      });
    }
  }

  /**
   * Calls a number of an account. The result is stored, and `account.changed` tells of it.
   * @param options.ringMs in place of the usual time
   * @throws Problem `no-such-number`, `no-carrier`, `check-not-possible`, `check-running`, `too-many-checks`, `overloaded`
   */
  async begin(accountId: string, number: string, options: { ringMs?: number } = {}): Promise<void> {
    const { calls } = this.#options;
    const carrier = await this.#carrierOf(accountId, number);
    if (!calls.canCall(carrier.id)) {
      throw new Problem('check-not-possible', 'We have no way to place calls to numbers of this carrier.');
    }
    this.#admit(number);
    this.#beginning.add(number);
    try {
      await this.#noteRunning(accountId, number);
      this.#call(carrier, number, options.ringMs ?? this.#options.ringMs);
    } finally {
      this.#beginning.delete(number);
    }
  }

  /**
   * For each call of a trunk, before anything else is done with it.
   * @returns whether it was a test call; a promise holds the call meanwhile
   */
  arrived(call: ReturningCall): IsTestCall | Promise<IsTestCall> {
    if (this.#checks.size === 0) return false;
    const recognised = recognise(call, [...this.#checks.keys()]);
    switch (recognised.as) {
      case 'stranger':
        return false;
      case 'home':
        recognised.check.finish('came-back');
        return true;
      case 'astray':
        recognised.check.finish(
          'wrong-number',
          call.called.length === 0 ? 'no-redirecting-number' : undefined,
        );
        return true;
      case 'perhaps':
        return this.#prove(recognised.check, call);
    }
  }

  /** Hangs up what is under way; resolves when all is stored. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const check of this.#checks.keys()) check.finish('nothing', 'interrupted');
    for (const timer of this.#checks.values()) this.#options.clock.clearTimeout(timer);
    this.#checks.clear();
    await Promise.allSettled(this.#storing);
  }

  async #noteRunning(accountId: string, number: string): Promise<void> {
    const { forwarding, now } = this.#options;
    // What was linked a moment ago has a record to write into then.
    await forwarding.follow(accountId);
    const noted = await forwarding.recordCheck(number, { state: 'running', seen: null, at: now() });
    if (!noted) throw new Problem('no-such-number');
  }

  #call({ id: carrierId, cNumber }: Carrier, number: string, ringMs: number): void {
    const { calls, clock, timeoutMs } = this.#options;
    const token = randomBytes(16).toString('hex');
    const done = (seen: CheckSeen, cause: string | undefined) => this.#done(check, seen, cause);
    const check = new TestCall({ number, carrierId, cNumber, token, calls, clock, timeoutMs, ringMs, done });
    this.#checks.set(check, undefined);
    if (this.#closed) check.finish('nothing', 'interrupted');
  }

  #done(check: TestCall, seen: CheckSeen, cause: string | undefined): void {
    const { forwarding, clock, now, log } = this.#options;
    const { carrierId, number } = check;
    const timer = clock.setTimeout(() => this.#checks.delete(check), stragglerMs);
    this.#checks.set(check, timer);
    log.info({ carrierId, seen, cause }, 'forwarding check');
    const state = seen === 'came-back' ? 'verified' : 'failed';
    const stored = forwarding
      .recordCheck(number, { state, seen, at: now(), ...(cause === undefined ? {} : { cause }) })
      .catch((error: unknown) => log.error({ err: error }, 'a forwarding check could not be stored'))
      .finally(() => this.#storing.delete(stored));
    this.#storing.add(stored);
  }

  /**
   * A call for the number that is being checked, from somebody else: our own call with another caller, or a person who calls
   * at this moment. Ours goes when we hang up; the other one stays, and then rings as it should. Either has been
   * forwarded, and so the check has its answer.
   */
  async #prove(check: TestCall, { gone }: ReturningCall): Promise<IsTestCall> {
    check.finish('came-back', 'other-caller');
    if (gone.aborted) return true;
    return new Promise((resolve) => {
      const { clock } = this.#options;
      const timer = clock.setTimeout(() => resolve(false), proveMs);
      gone.addEventListener(
        'abort',
        () => {
          clock.clearTimeout(timer);
          resolve(true);
        },
        { once: true },
      );
    });
  }

  #isRunning(number: string): boolean {
    if (this.#beginning.has(number)) return true;
    return [...this.#checks.keys()].some((check) => check.running && check.number === number);
  }

  #admit(number: string): void {
    const { perNumberPerHour, now, calls } = this.#options;
    if (this.#isRunning(number)) throw alreadyRunning();
    const since = now() - hourMs;
    for (const [known, times] of this.#begun) if ((times.at(-1) ?? 0) <= since) this.#begun.delete(known);
    const times = (this.#begun.get(number) ?? []).filter((time) => time > since);
    const [first = 0] = times.slice(-perNumberPerHour);
    if (times.length >= perNumberPerHour) {
      const retryAfter = Math.max(1, Math.ceil((first + hourMs - now()) / 1000));
      throw new Problem('too-many-checks', 'Wait a while before you have it checked again.', {
        extra: { retryAfter },
      });
    }
    if (this.#closed || !calls.hasRoom) {
      throw new Problem('overloaded', 'Too many calls are being placed just now. Try again in a minute.');
    }
    this.#begun.set(number, [...times, now()]);
  }

  async #carrierOf(accountId: string, number: string): Promise<Carrier> {
    const { store, carriers } = this.#options;
    const row = await store
      .selectFrom('numbers')
      .select('carrier_id')
      .where('e164', '=', number)
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (!row) throw new Problem('no-such-number');
    const carrier = row.carrier_id === null ? undefined : carriers.byId(row.carrier_id);
    if (!carrier) throw new Problem('no-carrier', 'Say first which carrier serves this number.');
    return carrier;
  }
}

const alreadyRunning = (): Problem =>
  new Problem('check-running', 'The number is being called just now. Wait for the answer.');
