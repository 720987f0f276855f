import type { Store } from '../store/index.ts';

/** What there was of an account that has been closed. */
export interface ClosedAccount {
  accountId: string;
  numbers: number;
  deviceIds: string[];
  voicemails: number;
  calls: number;
}

/** Takes the account, and its numbers, out of the validations, inside the transaction. */
export type ForgetProofs = (trx: Store, account: { accountId: string; numbers: string[] }) => Promise<void>;

/**
 * Deletes an account and everything that is about it, inside the caller's transaction. Most of it goes with the row of the
 * account (`on delete cascade`); this looks for the rest, which knows the account by its numbers only. What stays: the
 * call logs of other people whom it called, what somebody else has begun with these numbers, and what has to be switched
 * off at a carrier, until it is.
 */
export async function eraseAccount(
  trx: Store,
  accountId: string,
  forgetProofs: ForgetProofs,
): Promise<ClosedAccount> {
  const numbers = await trx
    .selectFrom('numbers')
    .select('e164')
    .where('account_id', '=', accountId)
    .execute();
  const devices = await trx.selectFrom('devices').select('id').where('account_id', '=', accountId).execute();
  const voicemails = await trx
    .selectFrom('voicemails')
    .select('id')
    .where('account_id', '=', accountId)
    .execute();
  const { calls } = await trx
    .selectFrom('calls')
    .select((call) => call.fn.countAll<number>().as('calls'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow();
  if (voicemails.length > 0) await trx.insertInto('discarded_voicemails').values(voicemails).execute();
  const known = numbers.map(({ e164 }) => e164);
  await forgetProofs(trx, { accountId, numbers: known });
  if (known.length > 0) await eraseNumbers(trx, known);
  await trx.deleteFrom('accounts').where('id', '=', accountId).execute();
  return {
    accountId,
    numbers: known.length,
    deviceIds: devices.map(({ id }) => id),
    voicemails: voicemails.length,
    calls: Number(calls),
  };
}

/** SMS to and from the person, and calls that came when nobody had the number. */
async function eraseNumbers(trx: Store, numbers: string[]): Promise<void> {
  await trx.deleteFrom('sms_outbox').where('recipient', 'in', numbers).execute();
  await trx.deleteFrom('sms_inbox').where('sender', 'in', numbers).execute();
  await trx.deleteFrom('sms_inbox_parts').where('sender', 'in', numbers).execute();
  await trx.deleteFrom('calls').where('called', 'in', numbers).where('account_id', 'is', null).execute();
}
