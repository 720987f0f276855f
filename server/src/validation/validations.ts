import { randomBytes } from 'node:crypto';
import type { Carrier } from '../carrier/index.ts';
import { Problem } from '../problem.ts';
import type { Store, ValidationPurpose } from '../store/index.ts';
import { Changes } from './changes.ts';
import { Counters, type ValidationStats } from './counters.ts';
import { Desk } from './desk.ts';
import { destinationOf } from './destination.ts';
import { aliasOf, type ForgottenAccount, forgetValidations } from './forgetting.ts';
import { languageOf } from './languages.ts';
import type { MechanismRequest, ProofDesk, ValidationDetail, ValidationMechanism } from './mechanism.ts';
import { type Carriers, type Possibilities, possibilitiesFor } from './possibilities.ts';
import { dayMs, isGuessable, judge, type Rules } from './proving.ts';
import { otherWay, refusal } from './refusals.ts';
import { type Asker, isAccounts, isOver, ownRow, standingOf, type ValidationStanding } from './rows.ts';
import { AnswerHash, randomToken, sha256 } from './secrets.ts';
import { type SendLimits, SendRefusal } from './send-limits.ts';
import { recordStart, type StartedValidation, type StartRequest } from './starting.ts';

export interface ValidationsOptions {
  store: Store;
  carriers: Carriers;
  mechanisms: readonly ValidationMechanism[];
  /** Keys the stored hashes of answers. */
  key: Buffer;
  codeLifetimeMs: number;
  attempts: number;
  wrongCodesPerNumberPerDay: number;
  proofLifetimeMs: number;
  sendLimits: SendLimits;
  now?: () => number;
}

export interface SpendRequest {
  proof: string;
  purpose: ValidationPurpose;
  accountId: string | undefined;
}

export interface Wait {
  ms: number;
  /** The detail that the asker knows: another one is news at once. */
  seen?: ValidationDetail | null | undefined;
  signal: AbortSignal;
}

/** Old rows are kept this long for the limits and for finding out what happened. */
const keptMs = 48 * 3_600_000;

/**
 * Proves that a number is somebody's: start → the challenge reaches the person → the answer by `check`, or what the
 * network saw and then `claim` → proof → spend. A proof is good once, for its number and purpose, and for `link` and
 * `close` in its account only.
 */
export class Validations {
  /** Where the network's side of a proof is told; mechanisms get it. */
  readonly desk: ProofDesk;
  readonly #desk: Desk;
  readonly #options: ValidationsOptions;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #rules: Rules;
  readonly #changes = new Changes();
  readonly #counters = new Counters();
  readonly #mechanisms: ValidationMechanism[] = [];

  constructor(options: ValidationsOptions) {
    const { store, now = Date.now, key, proofLifetimeMs, wrongCodesPerNumberPerDay } = options;
    this.#options = options;
    this.#store = store;
    this.#now = now;
    this.#rules = { hash: new AnswerHash(key), proofLifetimeMs, wrongCodesPerNumberPerDay };
    this.#desk = new Desk({
      store,
      rules: this.#rules,
      changes: this.#changes,
      counters: this.#counters,
      now,
    });
    this.desk = this.#desk;
    for (const mechanism of options.mechanisms) this.use(mechanism);
  }

  /** Takes a mechanism in whose means exist only now, such as telephony. */
  use(mechanism: ValidationMechanism): void {
    mechanism.attach?.(this.#desk);
    this.#mechanisms.push(mechanism);
  }

  /**
   * How a number can be proved. Answers the same whether anybody has it or not.
   * @throws Problem `no-carrier`
   */
  async possibilities(request: { number: string; carrierId?: string | undefined }): Promise<Possibilities> {
    const { carriers, sendLimits } = this.#options;
    const found = await possibilitiesFor(
      { carriers, sendLimits, mechanisms: this.#mechanisms },
      { number: request.number, carrierId: request.carrierId },
    );
    if (!found.carrier && found.carriers.length === 0) {
      throw new Problem('no-carrier', 'This service works with no carrier that serves this number.');
    }
    return found;
  }

  /**
   * Answers the same whether anybody has the number or not.
   * @throws Problem `no-carrier`, `carrier-needed`, `mechanism-not-possible`, `too-many-sends`, `too-many-attempts`,
   *   `not-logged-in`
   */
  async start(request: StartRequest): Promise<StartedValidation> {
    if (isAccounts(request.purpose) && request.accountId === undefined) throw new Problem('not-logged-in');
    const { carrier, mechanism } = await this.#reach(request);
    const { codeLifetimeMs, attempts, sendLimits } = this.#options;
    const { number } = request;
    const id = randomToken();
    const now = this.#now();
    const expiresAt = now + codeLifetimeMs;
    const base = { validationId: id, number, carrier, expiresAt, lifetimeMs: codeLifetimeMs };
    const beginning = mechanism.begin({ ...base, ...tongues(request, carrier) });
    const start = { id, request, carrier, mechanism, beginning, attempts, now, expiresAt };
    const country = destinationOf(number);
    try {
      const options = { sendLimits, rules: this.#rules };
      await this.#store.transaction().execute((trx) => recordStart(trx, options, start));
    } catch (error) {
      if (error instanceof SendRefusal) this.#counters.refused(error.limit, country);
      throw error;
    }
    this.#counters.started(mechanism, country);
    beginning.begun?.();
    return { id, number, mechanism: mechanism.name, challenge: beginning.challenge, expiresAt };
  }

  /**
   * Exchanges the right answer for a proof.
   * @returns 256 random bits
   * @throws Problem `no-such-validation`, `mechanism-not-possible`, `code-expired`, `too-many-attempts`, `wrong-code`
   *   (with `attemptsLeft`)
   */
  async check(asker: Asker, answer: string): Promise<string> {
    const proof = newProof();
    // The verdict leaves the transaction as a value: throwing inside would take the counted try back.
    const { judgement, mechanism } = await this.#store.transaction().execute(async (trx) => {
      const row = await ownRow(trx, asker);
      const mechanism = this.#named(row.mechanism);
      if (!mechanism || !isAnsweredByClient(mechanism)) {
        throw otherWay('This number is proved by a call or an SMS, not by a code.');
      }
      const guessable = isGuessable(mechanism.challenge);
      const given = { answer, proofHash: sha256(proof), guessable, now: this.#now() };
      const judgement = await judge(trx, this.#rules, row, given);
      return { judgement: row.attempts_left === 0 ? ({ result: 'void' } as const) : judgement, mechanism };
    });
    this.#counters.judged(mechanism.name, judgement.result);
    this.#changes.announce(sha256(asker.id));
    if (judgement.result === 'proved' || judgement.result === 'void') mechanism.over?.(asker.id);
    if (judgement.result === 'proved') return proof;
    throw refusal(judgement);
  }

  /**
   * How it stands; waits for news as long as it is pending.
   * @throws Problem `no-such-validation`
   */
  async standing(asker: Asker, wait: Wait): Promise<ValidationStanding> {
    const until = performance.now() + wait.ms;
    let known = wait.seen === undefined ? undefined : { detail: wait.seen };
    for (;;) {
      const left = Math.max(0, until - performance.now());
      // Listens before it looks: no change falls in between.
      const change = this.#changes.next(sha256(asker.id), left, wait.signal);
      try {
        const row = await ownRow(this.#store, asker);
        const now = this.#now();
        const standing = standingOf(row, now);
        known ??= standing;
        const news = standing.state !== 'pending' || standing.detail !== known.detail;
        if (news || left === 0 || wait.signal.aborted) return standing;
        // Expiry is no event: somebody who waits for it is told in time.
        await change.within(row.expires_at - now);
      } finally {
        change.cancel();
      }
    }
  }

  /**
   * The proof of what the network has seen. May be asked for again until it is spent, for answers get lost when a person
   * changes from the browser to the telephone and back: the proof before is void then.
   * @throws Problem `no-such-validation`, `mechanism-not-possible`, `not-proved-yet`, `code-expired`,
   *   `too-many-attempts`
   */
  async claim(asker: Asker): Promise<string> {
    const proof = newProof();
    await this.#store.transaction().execute(async (trx) => {
      const row = await ownRow(trx, asker);
      const mechanism = this.#named(row.mechanism);
      if (!mechanism || isAnsweredByClient(mechanism))
        throw otherWay('Send the code that came to the number.');
      if (row.attempts_left === 0) throw refusal({ result: 'void' });
      if (row.status === 'failed' || isOver(row, this.#now())) throw refusal({ result: 'over' });
      if (row.status === 'pending')
        throw new Problem('not-proved-yet', 'Wait until the call or SMS has come.');
      await trx
        .updateTable('validations')
        .set({ proof_hash: sha256(proof) })
        .where('id_hash', '=', row.id_hash)
        .execute();
    });
    return proof;
  }

  /**
   * The person gives up: what is under way ends, and nothing can prove it any more.
   * @throws Problem `no-such-validation`
   */
  async giveUp(asker: Asker): Promise<void> {
    const row = await ownRow(this.#store, asker);
    await this.#desk.decide(row.id_hash, { status: 'failed' });
    this.#named(row.mechanism)?.over?.(asker.id);
  }

  /**
   * Spends a proof inside the transaction that uses it.
   * @returns the proved number and the carrier through which it was proved
   * @throws Problem `bad-proof`
   */
  async spend(store: Store, request: SpendRequest): Promise<{ number: string; carrierId: string }> {
    const { proof, purpose, accountId } = request;
    const row = await store
      .updateTable('validations')
      .set({ status: 'used' })
      .where('proof_hash', '=', sha256(proof))
      .where('status', '=', 'proved')
      .where('purpose', '=', purpose)
      .where('proof_expires_at', '>', this.#now())
      .where((row) => (isAccounts(purpose) ? row('account_id', '=', accountId ?? '') : row.val(true)))
      .returning(['number', 'carrier_id'])
      .executeTakeFirst();
    if (!row) {
      throw new Problem('bad-proof', 'Prove the number again: a proof is good once and for a short time.');
    }
    return { number: row.number, carrierId: row.carrier_id };
  }

  /** Forgets the validations of an account, inside the transaction that closes it; what limits count stays, nameless. */
  forget(trx: Store, account: ForgottenAccount): Promise<void> {
    const alias = aliasOf(this.#rules.hash);
    return forgetValidations(trx, account, { alias, now: this.#now(), countedMs: dayMs });
  }

  /** Throws out what is old; called now and then. */
  async sweep(): Promise<void> {
    const before = this.#now() - keptMs;
    await this.#store.deleteFrom('validations').where('created_at', '<', before).execute();
    await this.#store.deleteFrom('validation_events').where('seen_at', '<', before).execute();
  }

  /** For metrics; since the start. */
  stats(): ValidationStats {
    return this.#counters.stats();
  }

  async #reach(request: StartRequest): Promise<{ carrier: Carrier; mechanism: ValidationMechanism }> {
    const { carrier, mechanisms } = await this.possibilities(request);
    if (!carrier) throw new Problem('carrier-needed', 'Say which carrier the number is of.');
    const wanted = request.mechanism ?? mechanisms[0]?.name;
    const mechanism = mechanisms.find(({ name }) => name === wanted);
    if (!mechanism) throw otherWay('Choose another way, or another number.');
    return { carrier, mechanism };
  }

  #named(name: string): ValidationMechanism | undefined {
    return this.#mechanisms.find((one) => one.name === name);
  }
}

function tongues(
  { language: wanted }: StartRequest,
  carrier: Carrier,
): Pick<MechanismRequest, 'language' | 'spokenLanguage'> {
  const ofCountry = languageOf(carrier.country);
  const language = wanted ?? carrier.language ?? ofCountry ?? 'en';
  return { language, spokenLanguage: ofCountry ?? language };
}

const isAnsweredByClient = ({ challenge }: ValidationMechanism): boolean =>
  challenge === 'enter-code' || challenge === 'confirm-sms';

const newProof = (): string => randomBytes(32).toString('base64url');
