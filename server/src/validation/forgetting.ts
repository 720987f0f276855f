import type { Store } from '../store/index.ts';
import { type AnswerHash, randomToken, sha256 } from './secrets.ts';

/** What stands for a number or an address when it may not be kept. The same every time; without the key it says nothing. */
export type Alias = (value: string) => string;

export interface ForgottenAccount {
  accountId: string;
  /** Of the account, E.164. */
  numbers: readonly string[];
}

export const aliasOf =
  (hash: AnswerHash): Alias =>
  (value) =>
    `+${hash.of('alias', value)}`;

/**
 * Forgets the validations of an account that is being closed, inside the transaction: its own, and those that visitors have
 * made for its numbers and that are over, or lead to the account. What was counted in the time that limits look back at
 * counts on, without saying whose it was: else closing accounts would be the way around every limit.
 */
export async function forgetValidations(
  trx: Store,
  { accountId, numbers }: ForgottenAccount,
  { alias, now, countedMs }: { alias: Alias; now: number; countedMs: number },
): Promise<void> {
  const gone = await trx
    .selectFrom('validations')
    .select(['id_hash', 'number', 'address', 'created_at'])
    .where('account_id', '=', accountId)
    .$if(numbers.length > 0, (query) =>
      query.union(
        trx
          .selectFrom('validations')
          .select(['id_hash', 'number', 'address', 'created_at'])
          .where('number', 'in', numbers)
          .where('account_id', 'is', null)
          .where((row) =>
            row.or([
              row('purpose', 'in', ['login', 'reset']),
              row('status', 'in', ['used', 'failed']),
              row('expires_at', '<=', now),
            ]),
          ),
      ),
    )
    .execute();
  for (const row of gone) {
    if (row.created_at <= now - countedMs) {
      await trx.deleteFrom('validations').where('id_hash', '=', row.id_hash).execute();
      continue;
    }
    await trx
      .updateTable('validations')
      .set({
        id_hash: sha256(randomToken()),
        number: alias(row.number),
        address: alias(row.address),
        account_id: null,
        // Any that needs no account.
        purpose: 'sign-up',
        status: 'failed',
        answer_hash: '',
        arrives_at: null,
        attempts_left: 0,
        detail: null,
        proof_hash: null,
        proof_expires_at: null,
      })
      .where('id_hash', '=', row.id_hash)
      .execute();
  }
}
