import { type Carrier, type CarrierCatalogue, networkName } from '../carrier/index.ts';
import type { Fabric } from '../fabric/index.ts';
import type { Logger } from '../log.ts';
import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';
import { forwardingCommands, noReplyChoices } from './commands.ts';
import { type ForwardingJob, ForwardingJobs } from './jobs.ts';
import { type ReportedState, reportedResult } from './provisioning/http.ts';
import type { AskSelf } from './provisioning/http-client.ts';
import type { Provisioner, ProvisioningOutcome } from './provisioning/provisioner.ts';
import { Provisioners } from './provisioning/provisioners.ts';
import { reconcile } from './reconcile.ts';
import { checkOf, type ForwardingRecord, ForwardingRecords } from './records.ts';
import { ForwardingRunner, type JobResult } from './runner.ts';
import type { ForwardingAction, ForwardingCheck, ForwardingView, OwnedNumber } from './types.ts';

/** A carrier as people may see it. */
export interface CarrierInfo {
  id: string;
  name: string;
  /** ISO 3166. */
  country: string;
  family: 'gsm' | 'cdma';
  /** Its forwarding is switched by us. */
  integrated: boolean;
}

/** The carriers of a country, with their networks as the world knows them. */
export interface CarriersOfCountry {
  country: string;
  carriers: Array<
    CarrierInfo & { cNumber: string; networks: Array<{ mccMnc: string; name: string | null }> }
  >;
}

/** Tells a person something, once until it is seen. */
export type TellPerson = (
  accountId: string,
  notice: { code: 'forwarding-failed' | 'forwarding-lost'; data: { number: string } },
) => Promise<void>;

export interface ForwardingOptions {
  store: Store;
  fabric: Fabric;
  catalogue: CarrierCatalogue;
  log: Logger;
  tell: TellPerson;
  /** Where an XCAP root that is a path only leads. */
  askSelf?: AskSelf;
  firstRetryMs: number;
  maxRetryMs: number;
  giveUpAfterMs: number;
  parallel: number;
  now?: () => number;
}

/**
 * Seen instead of the call coming back: the carrier does not forward (any more). A phone that is on rings in any case, and
 * nothing at all may be our own trunk.
 */
const lostSigns: ReadonlySet<unknown> = new Set(['carrier-voicemail', 'rejected', 'busy', 'wrong-number']);

const maxConfirmed = 50_000;

/** Gets carriers to forward: records of each number, commands to carriers, and the codes people dial (R-FWD-*). */
export class Forwarding {
  readonly #options: ForwardingOptions;
  readonly #records: ForwardingRecords;
  readonly #jobs: ForwardingJobs;
  readonly #provisioners: Provisioners;
  readonly #runner: ForwardingRunner;
  /** Accounts whose numbers are all known to be forwarded. */
  readonly #confirmed = new Set<string>();
  /** Accounts of which just this is being asked, each with the question asked last. */
  readonly #asking = new Map<string, object>();
  readonly #unsubscribe: Array<() => void> = [];
  #reconciling = Promise.resolve();

  constructor(options: ForwardingOptions) {
    const { store, log, now = Date.now } = options;
    this.#options = options;
    this.#records = new ForwardingRecords(now);
    this.#jobs = new ForwardingJobs(now);
    this.#provisioners = new Provisioners(options.catalogue, options.askSelf);
    this.#runner = new ForwardingRunner({
      store,
      jobs: this.#jobs,
      log,
      now,
      provisionerOf: (carrierId) => this.#provisioners.of(carrierId),
      settle: (job, result) => this.#settle(job, result),
      firstRetryMs: options.firstRetryMs,
      maxRetryMs: options.maxRetryMs,
      giveUpAfterMs: options.giveUpAfterMs,
      parallel: options.parallel,
    });
  }

  /** Takes up what waits, and follows the numbers of accounts from now on. */
  start(): void {
    const { fabric } = this.#options;
    this.#unsubscribe.push(
      fabric.subscribe('account.changed', ({ accountId }) => {
        this.#confirmed.delete(accountId);
        this.#asking.delete(accountId);
        this.#followLater(accountId);
      }),
      fabric.subscribe('call.changed', ({ accountId, callId }) => {
        if (!this.#confirmed.has(accountId)) void this.#noteCall(accountId, callId);
      }),
    );
    this.#followLater(undefined);
    this.#runner.start();
  }

  /** Idempotent; what is under way stays in the database. */
  async close(): Promise<void> {
    for (const stop of this.#unsubscribe.splice(0)) stop();
    await this.#reconciling;
    await this.#runner.close();
  }

  /** Undefined when the carrier left the catalogue. */
  carrier(id: string): CarrierInfo | undefined {
    const carrier = this.#options.catalogue.byId(id);
    return carrier && this.info(carrier);
  }

  info({ id, name, country, family, provisioning }: Carrier): CarrierInfo {
    return { id, name, country, family, integrated: (provisioning?.adapter ?? 'manual') !== 'manual' };
  }

  /** The catalogue by country, both in alphabetical order. */
  countries(): CarriersOfCountry[] {
    const carriers = this.#options.catalogue.all().toSorted((a, b) => a.name.localeCompare(b.name));
    const countries = Map.groupBy(carriers, ({ country }) => country);
    return [...countries.keys()].sort().map((country) => ({
      country,
      carriers: (countries.get(country) ?? []).map((carrier) => ({
        ...this.info(carrier),
        cNumber: carrier.cNumber,
        networks: (carrier.mccMnc ?? []).map((mccMnc) => ({ mccMnc, name: networkName(mccMnc) ?? null })),
      })),
    }));
  }

  /** How the forwarding of each number of an account is, by number; numbers of unknown carriers are left out. */
  async views(accountId: string, numbers: readonly OwnedNumber[]): Promise<Map<string, ForwardingView>> {
    const { store, catalogue } = this.#options;
    const records = await this.#records.ofAccount(store, accountId);
    const waiting = await store
      .selectFrom('forwarding_jobs')
      .select(['number', 'carrier_id'])
      .where('account_id', '=', accountId)
      .execute();
    const views = new Map<string, ForwardingView>();
    for (const { number, carrierId } of numbers) {
      const carrier = carrierId === undefined ? undefined : catalogue.byId(carrierId);
      if (!carrier) continue;
      const known = records.get(number);
      const record = known?.carrier_id === carrier.id ? known : undefined;
      const pending = waiting.some((job) => job.number === number && job.carrier_id === carrier.id);
      views.set(number, this.#view(carrier, record, pending));
    }
    return views;
  }

  /**
   * Has the forwarding of a number switched, or looked up at the carrier. Of a carrier that is not integrated the person
   * says with it what was dialled.
   * @returns whether it is done, or takes time (then `account.changed` tells of the end)
   * @throws Problem `no-such-number`, `no-carrier`, `forwarding-is-manual`
   */
  async request(
    accountId: string,
    number: string,
    request: { action: ForwardingAction; noReplySeconds: number | null },
  ): Promise<'done' | 'pending'> {
    const { store } = this.#options;
    await this.follow(accountId);
    const carrier = await this.#carrierOf(accountId, number);
    const provisioner = this.#provisioners.of(carrier.id);
    if (!provisioner?.automatic) {
      await this.#byHand(number, request, provisioner);
      this.#changed(accountId);
      return 'done';
    }
    await this.#jobs.put(store, {
      ...request,
      number,
      accountId,
      carrierId: carrier.id,
      cNumber: carrier.cNumber,
    });
    this.#runner.wake();
    this.#changed(accountId);
    return 'pending';
  }

  /**
   * The carrier of a number as its owner knows it.
   * @throws Problem `no-such-number`, `no-such-carrier`, `wrong-carrier`
   */
  async setCarrier(accountId: string, number: string, carrierId: string): Promise<void> {
    const { store, catalogue } = this.#options;
    const current = await this.#find(accountId, number);
    if (!catalogue.byId(carrierId)) throw new Problem('no-such-carrier');
    if (current.carrier_id === carrierId) return;
    const { candidates } = await catalogue.resolve(number);
    if (!candidates.some(({ id }) => id === carrierId)) {
      throw new Problem('wrong-carrier', 'Choose one of the carriers that may serve this number.');
    }
    await store
      .updateTable('numbers')
      .set({ carrier_id: carrierId })
      .where('e164', '=', number)
      .where('account_id', '=', accountId)
      .execute();
    await this.follow(accountId);
    this.#changed(accountId);
  }

  /** The record of a number that is linked; undefined: none yet. */
  async record(number: string): Promise<ForwardingRecord | undefined> {
    return this.#records.find(this.#options.store, number);
  }

  /**
   * Stores how a test call goes or went, and tells the person: a number that was verified before and is not any more is
   * a warning (`forwarding-lost`), and an integrated carrier is asked to switch it on again.
   * @returns false when the number is not linked
   */
  async recordCheck(number: string, check: ForwardingCheck): Promise<boolean> {
    const { store } = this.#options;
    const told = await store.transaction().execute(async (trx) => {
      const record = await this.#records.find(trx, number);
      if (!record) return undefined;
      await this.#records.setCheck(trx, number, check);
      if (check.state === 'verified') {
        await this.#records.setState(trx, number, { state: 'active', source: 'check' });
      }
      const lost = check.state === 'failed' && lostSigns.has(check.seen) && (await this.#isOn(trx, record));
      if (lost) await this.#lose(trx, record);
      return { accountId: record.account_id, lost };
    });
    if (!told) return false;
    this.#changed(told.accountId);
    this.#runner.wake();
    if (told.lost) await this.#options.tell(told.accountId, { code: 'forwarding-lost', data: { number } });
    return true;
  }

  /** Makes records of numbers that were linked, and switches off at the carrier what was delinked. */
  async follow(accountId?: string): Promise<void> {
    const { store, catalogue } = this.#options;
    const changed = await reconcile(
      { store, records: this.#records, jobs: this.#jobs, carrier: (id) => catalogue.byId(id) },
      accountId,
    );
    if (changed.length === 0) return;
    this.#runner.wake();
    for (const account of changed) this.#changed(account);
  }

  /**
   * A carrier with the webhook tells the end of a command that it took time for. What is known already, and commands
   * that were replaced, are passed over.
   * @returns false when the token is not that of the carrier
   */
  async report(
    from: { carrierId: string; token: string },
    jobId: string,
    reported: ReportedState,
  ): Promise<boolean> {
    if (!this.#provisioners.mayReport(from.carrierId, from.token)) return false;
    const job = await this.#jobs.find(this.#options.store, jobId);
    const result = reportedResult(reported);
    if (result && job?.carrier_id === from.carrierId) await this.#settle(job, result);
    return true;
  }

  #followLater(accountId: string | undefined): void {
    this.#reconciling = this.#reconciling
      .then(() => this.follow(accountId))
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'forwarding records lag behind'));
  }

  #changed(accountId: string): void {
    this.#options.fabric.publish('account.changed', { accountId });
  }

  async #find(accountId: string, number: string): Promise<{ carrier_id: string | null }> {
    const row = await this.#options.store
      .selectFrom('numbers')
      .select('carrier_id')
      .where('e164', '=', number)
      .where('account_id', '=', accountId)
      .executeTakeFirst();
    if (!row) throw new Problem('no-such-number');
    return row;
  }

  async #carrierOf(accountId: string, number: string): Promise<Carrier> {
    const { carrier_id: id } = await this.#find(accountId, number);
    const carrier = id === null ? undefined : this.#options.catalogue.byId(id);
    if (!carrier) throw new Problem('no-carrier', 'Say first which carrier serves this number.');
    return carrier;
  }

  #view(carrier: Carrier, record: ForwardingRecord | undefined, pending: boolean): ForwardingView {
    const commands = forwardingCommands(carrier);
    const automatic = this.info(carrier).integrated;
    // Before the record is made, too: the command is about to be.
    const changing = pending || (automatic && !record);
    return {
      cNumber: carrier.cNumber,
      mode: automatic ? 'auto' : 'manual',
      state: changing ? 'pending' : (record?.state ?? 'unknown'),
      source: record?.source ?? null,
      error: changing ? null : (record?.error ?? null),
      changedAt: record?.changed_at ?? null,
      noReplySeconds: record?.no_reply_seconds ?? null,
      noReplyChoices: automatic || commands.noReply !== null ? [...noReplyChoices] : [],
      commands,
      check: record ? checkOf(record) : null,
    };
  }

  async #byHand(
    number: string,
    { action, noReplySeconds }: { action: ForwardingAction; noReplySeconds: number | null },
    provisioner: Provisioner | undefined,
  ): Promise<void> {
    if (action === 'refresh' || !provisioner) {
      throw new Problem(
        'forwarding-is-manual',
        'Dial the status code on the phone, or have it checked by a call.',
      );
    }
    const request = { id: '', number, cNumber: '', noReplySeconds };
    const outcome = await provisioner[action](request, new AbortController().signal);
    await this.#store(this.#options.store, number, outcome);
  }

  async #store(store: Store, number: string, outcome: ProvisioningOutcome): Promise<void> {
    if (outcome.state === 'accepted') return;
    const { state, source, noReplySeconds } = outcome;
    await this.#records.setState(store, number, { state, source, noReplySeconds });
  }

  /** The end of a command: its result is stored and the command leaves the table, or neither. */
  async #settle(job: ForwardingJob, result: JobResult): Promise<void> {
    const { store, tell } = this.#options;
    const { number } = job;
    const stored = await store.transaction().execute(async (trx) => {
      if (!(await this.#jobs.finish(trx, job))) return false;
      const record = await this.#records.find(trx, number);
      if (record?.account_id !== job.account_id || record.carrier_id !== job.carrier_id) return false;
      if (result.kind === 'done') await this.#store(trx, number, result.outcome);
      else {
        const state = job.action === 'refresh' ? record.state : 'failed';
        await this.#records.setState(trx, number, { state, error: result.code, source: 'carrier' });
      }
      return true;
    });
    if (!stored) return;
    this.#changed(job.account_id);
    if (result.kind === 'failed' && job.action === 'activate') {
      await tell(job.account_id, { code: 'forwarding-failed', data: { number } });
    }
  }

  /** Seen to work once, and nobody has switched it off or is about to: what is off by wish is not lost. */
  async #isOn(trx: Store, { number, carrier_id, state, verified_at }: ForwardingRecord): Promise<boolean> {
    if (verified_at === null || state !== 'active') return false;
    return !(await this.#jobs.isWaiting(trx, number, carrier_id));
  }

  async #lose(trx: Store, record: ForwardingRecord): Promise<void> {
    const { number, account_id: accountId } = record;
    await this.#records.setState(trx, number, { state: 'inactive', source: 'check' });
    const carrier = this.#options.catalogue.byId(record.carrier_id);
    if (!carrier || !this.#provisioners.of(carrier.id)?.automatic) return;
    await this.#jobs.put(trx, {
      number,
      accountId,
      carrierId: carrier.id,
      cNumber: carrier.cNumber,
      action: 'activate',
      noReplySeconds: record.no_reply_seconds,
    });
  }

  /** A call that came forwarded proves more than anything that was said. */
  async #noteCall(accountId: string, callId: string): Promise<void> {
    const { store, log } = this.#options;
    try {
      if (await this.#hasNothingToLearn(accountId)) return;
      const row = await store
        .selectFrom('calls')
        .innerJoin('forwarding_records', (join) =>
          join
            .onRef('forwarding_records.number', '=', 'calls.called')
            .onRef('forwarding_records.account_id', '=', 'calls.account_id')
            .onRef('forwarding_records.carrier_id', '=', 'calls.carrier_id'),
        )
        .select(['forwarding_records.number', 'forwarding_records.account_id'])
        .where('calls.id', '=', callId)
        .where('calls.reason', 'is not', null)
        .where('forwarding_records.state', '<>', 'active')
        // One that came before it was switched off, and ends now, says nothing.
        .where((record) =>
          record.or([
            record('forwarding_records.changed_at', 'is', null),
            record('calls.arrived_at', '>=', record.ref('forwarding_records.changed_at')),
          ]),
        )
        .executeTakeFirst();
      if (!row) return;
      await this.#records.setState(store, row.number, { state: 'active', source: 'call' });
      this.#changed(row.account_id);
    } catch (error) {
      log.error({ err: error }, 'a forwarded call was not noted');
    }
  }

  /** Calls are many, and whose numbers are all known to be forwarded is remembered until the account changes. */
  async #hasNothingToLearn(accountId: string): Promise<boolean> {
    const question = {};
    this.#asking.set(accountId, question);
    try {
      const open = await this.#options.store
        .selectFrom('forwarding_records')
        .select('number')
        .where('account_id', '=', accountId)
        .where('state', '<>', 'active')
        .limit(1)
        .executeTakeFirst();
      if (open) return false;
      if (this.#confirmed.size >= maxConfirmed) this.#confirmed.clear();
      // Unless the account has changed meanwhile: that may be what the answer does not know.
      if (this.#asking.get(accountId) === question) this.#confirmed.add(accountId);
      return true;
    } finally {
      if (this.#asking.get(accountId) === question) this.#asking.delete(accountId);
    }
  }
}
