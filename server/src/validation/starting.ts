import type { Carrier } from '../carrier/index.ts';
import type { Language, MechanismName } from '../config.ts';
import { Problem } from '../problem.ts';
import type { Store, ValidationPurpose } from '../store/index.ts';
import { destinationOf } from './destination.ts';
import { aliasOf } from './forgetting.ts';
import type { Beginning, Challenge, ValidationMechanism } from './mechanism.ts';
import { isGuessable, type Rules, tooManyWrongCodes } from './proving.ts';
import { refusal } from './refusals.ts';
import { sha256 } from './secrets.ts';
import { checkSendLimits, type SendLimits } from './send-limits.ts';

export interface StartRequest {
  /** E.164. */
  number: string;
  purpose: ValidationPurpose;
  /** Default: the best one. */
  mechanism?: MechanismName | undefined;
  /** What the person says; believed only for those who can be it. */
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

export interface Start {
  id: string;
  request: StartRequest;
  carrier: Carrier;
  mechanism: ValidationMechanism;
  beginning: Beginning;
  attempts: number;
  now: number;
  expiresAt: number;
}

/**
 * Writes a validation and puts its question on the way, inside a transaction: limits are counted where the row is
 * written, so that two at once are counted as two.
 * @throws SendRefusal, Problem `too-many-attempts`, `not-logged-in`
 */
export async function recordStart(
  trx: Store,
  { sendLimits, rules }: { sendLimits: SendLimits; rules: Rules },
  start: Start,
): Promise<void> {
  const { request, carrier, mechanism, beginning, now } = start;
  const { number, purpose, accountId, address } = request;
  const { channel } = mechanism;
  const country = destinationOf(number);
  if (accountId !== undefined) await requireAsker(trx, accountId);
  const alias = aliasOf(rules.hash);
  await checkSendLimits(trx, sendLimits, { number, country, address, accountId, channel, now, alias });
  if (isGuessable(mechanism.challenge) && (await tooManyWrongCodes(trx, rules, number, now))) {
    throw refusal({ result: 'blocked' });
  }
  const idHash = sha256(start.id);
  const { answer } = beginning;
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
      answer_hash: answer === undefined ? null : rules.hash.of(idHash, answer),
      arrives_at: beginning.to ?? null,
      attempts_left: start.attempts,
      status: 'pending',
      detail: beginning.detail ?? null,
      created_at: now,
      expires_at: start.expiresAt,
      proof_hash: null,
      proof_expires_at: null,
    })
    .execute();
  await beginning.deliver?.(trx);
}

/** The account of whoever asks may have been closed since the session was looked up. */
async function requireAsker(trx: Store, accountId: string): Promise<void> {
  const row = await trx.selectFrom('accounts').select('id').where('id', '=', accountId).executeTakeFirst();
  if (!row) throw new Problem('not-logged-in');
}
