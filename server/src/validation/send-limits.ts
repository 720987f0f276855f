import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';

export interface SendLimits {
  perNumberPerHour: number;
  perAddressPerHour: number;
  perAccountPerHour: number;
}

const hourMs = 3_600_000;

/**
 * Counts what was sent in the last hour, in the database, so that a restart forgives nothing.
 * @throws Problem `too-many-sends` with `retryAfter` in seconds
 */
export async function checkSendLimits(
  store: Store,
  limits: SendLimits,
  request: { number: string; address: string; accountId: string | undefined; now: number },
): Promise<void> {
  const checks: Array<
    [column: 'number' | 'address' | 'account_id', value: string | undefined, limit: number]
  > = [
    ['number', request.number, limits.perNumberPerHour],
    ['address', request.address, limits.perAddressPerHour],
    ['account_id', request.accountId, limits.perAccountPerHour],
  ];
  for (const [column, value, limit] of checks) {
    if (value === undefined) continue;
    // The send that has to leave the window before there is room for another one.
    const blocking = await store
      .selectFrom('validations')
      .select('created_at')
      .where(column, '=', value)
      .where('created_at', '>', request.now - hourMs)
      .orderBy('created_at', 'desc')
      .offset(limit - 1)
      .limit(1)
      .executeTakeFirst();
    if (!blocking) continue;
    const retryAfter = Math.ceil((blocking.created_at + hourMs - request.now) / 1000);
    throw new Problem('too-many-sends', `Try again in ${Math.ceil(retryAfter / 60)} minutes.`, {
      extra: { retryAfter },
    });
  }
}
