import { randomBytes } from 'node:crypto';
import type { Carrier } from '../carrier/index.ts';
import type { Language, MechanismName } from '../config.ts';
import { Problem } from '../problem.ts';
import type { Store, ValidationPurpose } from '../store/index.ts';
import { Changes } from './changes.ts';
import { Counters, type ValidationStats } from './counters.ts';
import { destinationOf } from './destination.ts';
import { languageOf } from './languages.ts';
import type {
  Beginning,
  Challenge,
  ProofDesk,
  SourceEvent,
  ValidationDetail,
  ValidationMechanism,
  Verdict,
} from './mechanism.ts';
import { type Carriers, type Possibilities, possibilitiesFor } from './possibilities.ts';
import { isGuessable, type Judgement, judge, judgeSource, type Rules, tooManyWrongCodes } from './proving.ts';
import { AnswerHash, randomToken, sha256 } from './secrets.ts';
import { checkSendLimits, type SendLimits, SendRefusal } from './send-limits.ts';
import { isOver, type Row, standingOf, type ValidationStanding } from './standing.ts';

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

export interface StartRequest {
  /** E.164. */
  number: string;
  purpose: ValidationPurpose;
  /** Default: the best one. */
  mechanism?: MechanismName | undefined;
  /** What the person says; believed only where we know nothing better. */
  carrierId?: string | undefined;
  language?: Language | undefined;
  /** Who asks, when logged in; needed for `link` and `close`. */
  accountId: string | undefined;
  /** Of the client. */
  address: string;
}

export interface StartedValidation {
  /** 131 random bits: who has it may ask how it stands, and claim. */
  id: string;
  number: string;
  mechanism: MechanismName;
  challenge: Challenge;
  /** Unix milliseconds. */
  expiresAt: number;
}

/** Who asks about a validation: what an account started for itself is nobody else's. */
export interface Asker {
  id: string;
  accountId: string | undefined;
}

export interface SpendRequest {
  proof: string;
  purpose: ValidationPurpose;
  accountId: string | undefined;
}

/** Old rows are kept this long for the limits and for finding out what happened. */
const keptMs = 48 * 3_600_000;

/**
 * Proves that a number is somebody's: start → the challenge reaches the person → the answer by `check`, or what the
 * network saw and then `claim` → proof → spend. A proof is good once, for its number and purpose, and for `link` and
 * `close` in its account only.
 */
export class Validations implements ProofDesk {
  readonly #options: ValidationsOptions;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #rules: Rules;
  readonly #changes = new Changes();
  readonly #counters = new Counters();
  readonly #mechanisms: ValidationMechanism[] = [];

  constructor(options: ValidationsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
    this.#rules = { ...options, hash: new AnswerHash(options.key) };
    for (const mechanism of options.mechanisms) this.use(mechanism);
  }

  /** Takes a mechanism in whose means exist only now, such as telephony. */
  use(mechanism: ValidationMechanism): void {
    mechanism.attach?.(this);
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
    const id = randomToken();
    const expiresAt = this.#now() + this.#options.codeLifetimeMs;
    const { number } = request;
    const language = request.language ?? carrier.language ?? languageOf(carrier.country) ?? 'en';
    const spokenLanguage = languageOf(carrier.country) ?? language;
    const beginning = mechanism.begin({
      validationId: id,
      number,
      carrier,
      language,
      spokenLanguage,
      expiresAt,
    });
    await this.#record({ id, request, carrier, mechanism, beginning, expiresAt });
    this.#counters.started(mechanism, destinationOf(number));
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
    const idHash = sha256(asker.id);
    const { judgement, mechanism } = await this.#store.transaction().execute(async (trx) => {
      const row = await own(trx, asker);
      const mechanism = this.#mechanisms.find(({ name }) => name === row.mechanism);
      if (!mechanism || !isAnsweredByClient(mechanism)) {
        throw new Problem(
          'mechanism-not-possible',
          'This number is proved by a call or an SMS, not by a code.',
        );
      }
      const guessable = isGuessable(mechanism.challenge);
      const given = { answer, proofHash: sha256(proof), guessable, now: this.#now() };
      const judgement = await judge(trx, this.#rules, row, given);
      return { judgement: row.status === 'failed' ? ({ result: 'void' } as const) : judgement, mechanism };
    });
    this.#counters.judged(mechanism.name, judgement.result);
    this.#changes.announce(idHash);
    if (judgement.result === 'proved' || judgement.result === 'void') mechanism.over?.(asker.id);
    if (judgement.result === 'proved') return proof;
    throw refusal(judgement);
  }

  /**
   * How it stands; waits for news as long as it is pending.
   * @param wait `seen`: the detail that the asker knows; another one is news at once
   * @throws Problem `no-such-validation`
   */
  async standing(
    asker: Asker,
    wait: { ms: number; seen?: ValidationDetail | null | undefined; signal: AbortSignal },
  ): Promise<ValidationStanding> {
    const idHash = sha256(asker.id);
    const until = performance.now() + wait.ms;
    let known = wait.seen === undefined ? undefined : { detail: wait.seen };
    for (;;) {
      // Listens before it looks: no change falls in between.
      const stop = new AbortController();
      const left = Math.max(0, until - performance.now());
      const signal = AbortSignal.any([wait.signal, stop.signal]);
      const change = this.#changes.next(idHash, left, signal);
      try {
        const row = await own(this.#store, asker);
        const now = this.#now();
        const standing = standingOf(row, now);
        known ??= standing;
        const news = standing.state !== 'pending' || standing.detail !== known.detail;
        if (news || left === 0 || wait.signal.aborted) return standing;
        // Expiry is no event: somebody who waits for it is told in time.
        await Promise.race([change, this.#changes.next(idHash, row.expires_at - now, signal)]);
      } finally {
        stop.abort();
      }
    }
  }

  /**
   * The proof of what the network has seen. May be asked for again until it is spent, for answers get lost when a person
   * changes from the browser to the telephone and back: the proof before is void then.
   * @throws Problem `no-such-validation`, `not-proved-yet`, `code-expired`, `too-many-attempts`
   */
  async claim(asker: Asker): Promise<string> {
    const proof = newProof();
    await this.#store.transaction().execute(async (trx) => {
      const row = await own(trx, asker);
      const now = this.#now();
      const mechanism = this.#mechanisms.find(({ name }) => name === row.mechanism);
      if (!mechanism || isAnsweredByClient(mechanism)) {
        throw new Problem('mechanism-not-possible', 'Send the code that came to the number.');
      }
      if (row.status === 'failed') throw refusal({ result: row.attempts_left === 0 ? 'void' : 'over' });
      if (isOver(row, now)) throw refusal({ result: 'over' });
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

  /** The person gives up: what is under way ends, and nothing can prove it any more. @throws `no-such-validation` */
  async giveUp(asker: Asker): Promise<void> {
    const row = await own(this.#store, asker);
    await this.#decide(row.id_hash, { status: 'failed' });
    this.#mechanisms.find(({ name }) => name === row.mechanism)?.over?.(asker.id);
  }

  async report(validationId: string, detail: ValidationDetail): Promise<void> {
    await this.#decide(sha256(validationId), { detail });
  }

  async fail(validationId: string, detail: ValidationDetail): Promise<void> {
    await this.#decide(sha256(validationId), { status: 'failed', detail });
  }

  async proveByAnswer(event: {
    validationId: string;
    mechanism: MechanismName;
    answer: string;
  }): Promise<Verdict> {
    const idHash = sha256(event.validationId);
    const { result } = await this.#store.transaction().execute(async (trx): Promise<Judgement> => {
      const row = await find(trx, idHash);
      if (row?.mechanism !== event.mechanism) return { result: 'over' };
      const given = { answer: event.answer, proofHash: null, guessable: false, now: this.#now() };
      return judge(trx, this.#rules, row, given);
    });
    this.#counters.judged(event.mechanism, result);
    this.#changes.announce(idHash);
    return result === 'over' || result === 'blocked' ? 'none' : result;
  }

  async proveBySource(event: SourceEvent): Promise<Verdict> {
    const { verdict, changed } = await this.#store
      .transaction()
      .execute((trx) => judgeSource(trx, this.#rules, event, this.#now()));
    this.#counters.judged(event.mechanism, verdict === 'none' ? 'over' : verdict);
    for (const idHash of changed) this.#changes.announce(idHash);
    return verdict;
  }

  /**
   * Spends a proof inside the transaction that uses it.
   * @returns the proved number and the carrier through which it was proved
   * @throws Problem `bad-proof`
   */
  async spend(
    store: Store,
    request: SpendRequest,
  ): Promise<{ number: string; carrierId: string | undefined }> {
    const row = await store
      .updateTable('validations')
      .set({ status: 'used' })
      .where('proof_hash', '=', sha256(request.proof))
      .where('status', '=', 'proved')
      .where('purpose', '=', request.purpose)
      .where('proof_expires_at', '>', this.#now())
      .where((row) =>
        isAccounts(request.purpose) ? row('account_id', '=', request.accountId ?? '') : row.val(true),
      )
      .returning(['number', 'carrier_id'])
      .executeTakeFirst();
    if (!row) {
      throw new Problem('bad-proof', 'Prove the number again: a proof is good once and for a short time.');
    }
    return { number: row.number, carrierId: row.carrier_id };
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
    const mechanism =
      request.mechanism === undefined
        ? mechanisms[0]
        : mechanisms.find(({ name }) => name === request.mechanism);
    if (mechanism) return { carrier, mechanism };
    throw new Problem('mechanism-not-possible', 'Choose another way, or another number.');
  }

  /** Limits are counted where the row is written, so that two at once are counted as two. */
  async #record(begun: {
    id: string;
    request: StartRequest;
    carrier: Carrier;
    mechanism: ValidationMechanism;
    beginning: Beginning;
    expiresAt: number;
  }): Promise<void> {
    const { id, request, carrier, mechanism, beginning, expiresAt } = begun;
    const { number, purpose, accountId, address } = request;
    const { sendLimits, attempts } = this.#options;
    const { channel } = mechanism;
    const country = destinationOf(number);
    const idHash = sha256(id);
    const now = this.#now();
    const write = async (trx: Store): Promise<void> => {
      await checkSendLimits(trx, sendLimits, { number, country, address, accountId, channel, now });
      if (isGuessable(mechanism.challenge) && (await tooManyWrongCodes(trx, this.#rules, number, now))) {
        throw refusal({ result: 'blocked' });
      }
      const answer = beginning.answer;
      await trx
        .insertInto('validations')
        .values({
          id_hash: idHash,
          number,
          country,
          carrier_id: carrier.id,
          purpose,
          account_id: accountId ?? null,
          address,
          mechanism: mechanism.name,
          channel,
          answer_hash: answer === undefined ? null : this.#rules.hash.of(idHash, answer),
          arrives_at: beginning.to ?? null,
          attempts_left: attempts,
          status: 'pending',
          detail: beginning.detail ?? null,
          created_at: now,
          expires_at: expiresAt,
          proof_hash: null,
          proof_expires_at: null,
        })
        .execute();
      await beginning.deliver?.(trx);
    };
    try {
      await this.#store.transaction().execute(write);
    } catch (error) {
      if (error instanceof SendRefusal) this.#counters.refused(error.limit, country);
      throw error;
    }
  }

  async #decide(idHash: string, change: { status?: 'failed'; detail?: ValidationDetail }): Promise<void> {
    await this.#store
      .updateTable('validations')
      .set(change)
      .where('id_hash', '=', idHash)
      .where('status', '=', 'pending')
      .execute();
    this.#changes.announce(idHash);
  }
}

/** Purposes that concern one account. */
const isAccounts = (purpose: ValidationPurpose): boolean => purpose === 'link' || purpose === 'close';

const isAnsweredByClient = ({ challenge }: ValidationMechanism): boolean =>
  challenge === 'enter-code' || challenge === 'confirm-sms';

const newProof = (): string => randomBytes(32).toString('base64url');

const find = (store: Store, idHash: string): Promise<Row | undefined> =>
  store.selectFrom('validations').selectAll().where('id_hash', '=', idHash).executeTakeFirst();

async function own(store: Store, { id, accountId }: Asker): Promise<Row> {
  const row = await find(store, sha256(id));
  const mine = row && (!isAccounts(row.purpose) || row.account_id === accountId);
  if (!mine) throw new Problem('no-such-validation', 'Prove the number anew.');
  return row;
}

function refusal(judgement: Exclude<Judgement, { result: 'proved' }>): Problem {
  switch (judgement.result) {
    case 'wrong':
      return new Problem('wrong-code', 'Check the newest code.', {
        extra: { attemptsLeft: judgement.attemptsLeft },
      });
    case 'void':
      return new Problem('too-many-attempts', 'Ask for a new code.', { extra: { attemptsLeft: 0 } });
    case 'blocked':
      return new Problem(
        'too-many-attempts',
        'Too many wrong codes for this number. Try another way, or tomorrow.',
        {
          extra: { attemptsLeft: 0 },
        },
      );
    default:
      return new Problem('code-expired', 'It was used, or is too old. Begin anew.');
  }
}
