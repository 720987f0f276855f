import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import type { Store } from '../store/index.ts';
import type { ForwardingJob, ForwardingJobs } from './jobs.ts';
import { type Provisioner, ProvisioningError, type ProvisioningOutcome } from './provisioning/provisioner.ts';

/** How a command ended. */
export type JobResult =
  | { kind: 'done'; outcome: Exclude<ProvisioningOutcome, { state: 'accepted' }> }
  | { kind: 'failed'; code: string };

export interface RunnerOptions {
  store: Store;
  jobs: ForwardingJobs;
  log: Logger;
  now: () => number;
  /** Undefined: the carrier has left the catalogue. */
  provisionerOf: (carrierId: string) => Provisioner | undefined;
  /** Stores the result; a rejection makes the command be carried out again later. */
  settle: (job: ForwardingJob, result: JobResult) => Promise<void>;
  firstRetryMs: number;
  maxRetryMs: number;
  giveUpAfterMs: number;
  parallel: number;
}

/** Longest timer: what another process put into the table is found at last. */
const lookAgainMs = 60_000;
const readAtOnce = 100;

/**
 * Carries out the commands of the table: again and again until the carrier has answered, or the time is over. A command
 * leaves the table with its result only, so that a killed process takes it up again, under the same id.
 */
export class ForwardingRunner {
  readonly #options: RunnerOptions;
  readonly #closing = new AbortController();
  /** A number is given one command at a time. */
  readonly #busy = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #started = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  /** To be called after a command was put into the table. */
  wake(): void {
    if (!this.#started || this.#closing.signal.aborted) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#again) this.wake();
    });
  }

  /** Commands under way are given up and stay in the table. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#looking;
    await Promise.all(this.#busy.values());
  }

  async #look(): Promise<void> {
    const { store, jobs, log, parallel, now } = this.#options;
    let delayMs = lookAgainMs;
    while (this.#again && !this.#closing.signal.aborted) {
      this.#again = false;
      try {
        // One time for both: what becomes due in between is not overlooked.
        const at = now();
        const due = await jobs.due(store, at, readAtOnce);
        for (const job of due) {
          if (this.#busy.size >= parallel || this.#closing.signal.aborted) break;
          if (!this.#busy.has(job.number)) this.#begin(job);
        }
        // What is due and has to wait its turn is looked for when a turn ends.
        const next = await jobs.nextAfter(store, at);
        delayMs = next === undefined ? lookAgainMs : Math.min(Math.max(next - now(), 0), lookAgainMs);
      } catch (error) {
        log.error({ err: error }, 'the commands to carriers cannot be read');
        delayMs = this.#options.firstRetryMs;
      }
    }
    clearTimeout(this.#timer);
    if (this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => this.wake(), delayMs);
  }

  #begin(job: ForwardingJob): void {
    const run = this.#run(job)
      .catch((error: unknown) => this.#notStored(job, error))
      .finally(() => {
        this.#busy.delete(job.number);
        this.wake();
      });
    this.#busy.set(job.number, run);
  }

  async #run(job: ForwardingJob): Promise<void> {
    const { log } = this.#options;
    const where = { carrier: job.carrier_id, job: job.id, action: job.action };
    try {
      const outcome = await this.#ask(job);
      if (outcome.state === 'accepted') return await this.#wait(job);
      log.info({ ...where, state: outcome.state }, 'the carrier has carried out a forwarding command');
      await this.#options.settle(job, { kind: 'done', outcome });
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (!(error instanceof ProvisioningError)) throw error;
      await this.#failed(job, error);
    }
  }

  async #ask(job: ForwardingJob): Promise<ProvisioningOutcome> {
    const provisioner = this.#options.provisionerOf(job.carrier_id);
    if (!provisioner?.automatic)
      throw new ProvisioningError('refused', 'the carrier takes no commands any more');
    const request = {
      id: job.id,
      number: job.number,
      cNumber: job.c_number,
      noReplySeconds: job.no_reply_seconds,
    };
    const { signal } = this.#closing;
    if (job.accepted === 1 && provisioner.poll) return provisioner.poll(request, signal);
    switch (job.action) {
      case 'activate':
        return provisioner.activate(request, signal);
      case 'deactivate':
        return provisioner.deactivate(request, signal);
      case 'refresh':
        return provisioner.read(request, signal);
    }
  }

  async #wait(job: ForwardingJob): Promise<void> {
    const { store, jobs, now, provisionerOf, firstRetryMs } = this.#options;
    if (this.#isOver(job)) {
      return this.#failed(job, new ProvisioningError('no-answer', 'the carrier never came to an end'));
    }
    const pollMs = provisionerOf(job.carrier_id)?.pollMs ?? firstRetryMs;
    await jobs.postpone(store, job, { nextAttemptAt: now() + pollMs, attempts: 0, accepted: true });
  }

  async #failed(job: ForwardingJob, error: ProvisioningError): Promise<void> {
    const { store, jobs, log, now, firstRetryMs, maxRetryMs, settle } = this.#options;
    const attempts = job.attempts + 1;
    const details = {
      carrier: job.carrier_id,
      job: job.id,
      action: job.action,
      attempts,
      code: error.code,
      reason: error.message,
    };
    if (!error.retry || this.#isOver(job)) {
      log.warn(details, 'a forwarding command failed');
      return settle(job, { kind: 'failed', code: error.code });
    }
    const backOffMs = Math.min(firstRetryMs * 2 ** (attempts - 1), maxRetryMs);
    const delayMs = Math.max(backOffMs, Math.min(error.retryAfterMs ?? 0, maxRetryMs));
    log.info({ ...details, delayMs }, 'a forwarding command failed; it is tried again');
    const accepted = job.accepted === 1;
    await jobs.postpone(store, job, { nextAttemptAt: now() + delayMs, attempts, accepted });
  }

  /** The answer of the carrier could not be stored: the command is carried out again. */
  async #notStored(job: ForwardingJob, error: unknown): Promise<void> {
    const { store, jobs, log, now, firstRetryMs, maxRetryMs } = this.#options;
    log.error({ err: error, job: job.id }, 'a forwarding command ended in a fault of ours');
    const later = { nextAttemptAt: now() + maxRetryMs, attempts: job.attempts + 1, accepted: false };
    // Where that cannot be written either it stays due, and its number busy: the carrier is not asked without a pause.
    await jobs
      .postpone(store, job, later)
      .catch(() => sleep(firstRetryMs, undefined, { signal: this.#closing.signal }).catch(() => {}));
  }

  #isOver(job: ForwardingJob): boolean {
    return this.#options.now() - job.created_at >= this.#options.giveUpAfterMs;
  }
}
