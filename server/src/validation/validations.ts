import { createHash, randomBytes } from 'node:crypto';
import type { Carrier, CarrierCatalogue } from '../carrier/index.ts';
import { Problem } from '../problem.ts';
import { newId, type Store, type ValidationPurpose } from '../store/index.ts';
import type { ValidationMechanism } from './mechanism.ts';
import { checkSendLimits, type SendLimits } from './send-limits.ts';

export interface ValidationsOptions {
  store: Store;
  catalogue: CarrierCatalogue;
  mechanisms: readonly ValidationMechanism[];
  codeLifetimeMs: number;
  attempts: number;
  proofLifetimeMs: number;
  sendLimits: SendLimits;
  now?: () => number;
}

export interface StartRequest {
  /** E.164. */
  number: string;
  purpose: ValidationPurpose;
  /** Who asks, when logged in; needed for `link`. */
  accountId: string | undefined;
  /** Of the client. */
  address: string;
}

export interface StartedValidation {
  id: string;
  number: string;
  mechanism: string;
  digits: number;
  /** Unix milliseconds. */
  expiresAt: number;
}

export interface SpendRequest {
  proof: string;
  purpose: ValidationPurpose;
  accountId: string | undefined;
}

/** Old rows are kept this long for the send limits and for finding out what happened. */
const keptMs = 24 * 3_600_000;

/**
 * Proves that a number is somebody's: start → the challenge reaches the handset → check → proof → spend.
 * A proof is good once, for its number and purpose, and for `link` in its account only.
 */
export class Validations {
  readonly #options: ValidationsOptions;
  readonly #store: Store;
  readonly #now: () => number;

  constructor(options: ValidationsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Answers the same whether anybody has the number or not.
   * @throws Problem `no-carrier`, `too-many-sends`, `not-logged-in`
   */
  async start(request: StartRequest): Promise<StartedValidation> {
    if (request.purpose === 'link' && request.accountId === undefined) throw new Problem('not-logged-in');
    const { carrier, mechanism } = this.#reach(request.number);
    const id = newId();
    const now = this.#now();
    const expiresAt = now + this.#options.codeLifetimeMs;
    const challenge = mechanism.challenge({ validationId: id, number: request.number, carrier });
    await this.#store.transaction().execute(async (trx) => {
      await checkSendLimits(trx, this.#options.sendLimits, { ...request, now });
      await trx
        .insertInto('validations')
        .values({
          id,
          number: request.number,
          purpose: request.purpose,
          account_id: request.accountId ?? null,
          mechanism: mechanism.name,
          code_hash: challenge.answerHash,
          attempts_left: this.#options.attempts,
          created_at: now,
          expires_at: expiresAt,
          status: 'pending',
          address: request.address,
          proof_hash: null,
          proof_expires_at: null,
        })
        .execute();
      await challenge.deliver(trx);
    });
    challenge.delivered();
    return { id, number: request.number, mechanism: mechanism.name, digits: challenge.digits, expiresAt };
  }

  /**
   * @returns a proof, 256 random bits
   * @throws Problem `no-such-validation`, `code-expired`, `too-many-attempts`, `wrong-code` (with `attemptsLeft`)
   */
  async check(id: string, answer: string): Promise<string> {
    // The verdict leaves the transaction as a value: throwing inside would take the counted attempt back.
    const verdict = await this.#store.transaction().execute((trx) => this.#judge(trx, id, answer));
    if (verdict instanceof Problem) throw verdict;
    return verdict;
  }

  /**
   * Spends a proof inside the transaction that uses it.
   * @returns the proved number and the carrier that serves it
   * @throws Problem `bad-proof`
   */
  async spend(
    store: Store,
    request: SpendRequest,
  ): Promise<{ number: string; carrierId: string | undefined }> {
    const now = this.#now();
    const row = await store
      .updateTable('validations')
      .set({ status: 'used' })
      .where('proof_hash', '=', hashProof(request.proof))
      .where('status', '=', 'proved')
      .where('purpose', '=', request.purpose)
      .where('proof_expires_at', '>', now)
      .where((row) =>
        request.purpose === 'link' ? row('account_id', '=', request.accountId ?? '') : row.val(true),
      )
      .returning('number')
      .executeTakeFirst();
    if (!row)
      throw new Problem('bad-proof', 'Ask for a new code: a proof is good once and for a short time.');
    return { number: row.number, carrierId: this.#options.catalogue.byNumber(row.number)?.id };
  }

  /** Throws out what is old; called now and then. */
  async sweep(): Promise<void> {
    await this.#store
      .deleteFrom('validations')
      .where('created_at', '<', this.#now() - keptMs)
      .execute();
  }

  #reach(number: string): { carrier: Carrier; mechanism: ValidationMechanism } {
    const carrier = this.#options.catalogue.byNumber(number);
    const mechanism = carrier && this.#options.mechanisms.find((one) => one.available(carrier));
    if (!mechanism)
      throw new Problem('no-carrier', 'This service works with no carrier that serves this number.');
    return { carrier, mechanism };
  }

  async #judge(trx: Store, id: string, answer: string): Promise<string | Problem> {
    const row = await trx.selectFrom('validations').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) return new Problem('no-such-validation', 'Ask for a new code.');
    if (row.status === 'failed') return tooManyAttempts();
    if (row.status !== 'pending')
      return new Problem('code-expired', 'This code was used. Ask for a new one.');
    if (row.expires_at <= this.#now()) return new Problem('code-expired', 'Ask for a new code.');
    const mechanism = this.#options.mechanisms.find((one) => one.name === row.mechanism);
    if (!mechanism) return new Problem('no-such-validation', 'Ask for a new code.');
    const update = trx.updateTable('validations').where('id', '=', id);
    if (mechanism.matches(answer, id, row.code_hash)) {
      const proof = randomBytes(32).toString('base64url');
      const expires = this.#now() + this.#options.proofLifetimeMs;
      await update
        .set({ status: 'proved', proof_hash: hashProof(proof), proof_expires_at: expires })
        .execute();
      return proof;
    }
    const attemptsLeft = row.attempts_left - 1;
    await update
      .set({ attempts_left: attemptsLeft, status: attemptsLeft === 0 ? 'failed' : 'pending' })
      .execute();
    if (attemptsLeft === 0) return tooManyAttempts();
    return new Problem('wrong-code', 'Check the code in the newest SMS.', { extra: { attemptsLeft } });
  }
}

function tooManyAttempts(): Problem {
  return new Problem('too-many-attempts', 'Ask for a new code.', { extra: { attemptsLeft: 0 } });
}

function hashProof(proof: string): string {
  return createHash('sha256').update(proof).digest('hex');
}
