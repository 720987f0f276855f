import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';
import type { Alias } from './forgetting.ts';
import type { Channel } from './mechanism.ts';

export interface SendLimits {
  perNumberPerHour: number;
  perAddressPerHour: number;
  perAccountPerHour: number;
  perCountryPerHour: number;
  /** In place of `perCountryPerHour`, by country; 0: never. */
  byCountry: Readonly<Record<string, number>>;
  perHour: number;
}

/** Which of the limits was reached. */
export type SendLimit = 'number' | 'address' | 'account' | 'country' | 'total';

export interface Send {
  number: string;
  country: string;
  address: string;
  accountId: string | undefined;
  channel: Channel;
  now: number;
  /** Under which numbers and addresses of accounts that were closed count on. */
  alias: Alias;
}

/** Too many codes were sent; `limit` says by whom or where to. */
export class SendRefusal extends Problem {
  readonly limit: SendLimit;

  constructor(limit: SendLimit, retryAfter: number) {
    super('too-many-sends', `Try again in ${Math.ceil(retryAfter / 60)} minutes.`, { extra: { retryAfter } });
    this.limit = limit;
  }
}

const hourMs = 3_600_000;

export const maySendTo = (limits: SendLimits, country: string): boolean => limits.byCountry[country] !== 0;

/**
 * Counts what was sent in the last hour, in the database, so that a restart forgives nothing. SMS, calls, and proofs
 * that the person sends are counted apart for one number, address and account: whoever used up the SMS can still be
 * called. Countries and the total know SMS and calls only, together: those are what costs.
 * @throws SendRefusal, a Problem `too-many-sends` with `retryAfter` in seconds
 */
export async function checkSendLimits(store: Store, limits: SendLimits, send: Send): Promise<void> {
  const one: readonly Channel[] = [send.channel];
  const paid: readonly Channel[] = ['sms', 'call'];
  const checks: Check[] = [
    {
      limit: 'number',
      column: 'number',
      values: [send.number, send.alias(send.number)],
      most: limits.perNumberPerHour,
      channels: one,
    },
    {
      limit: 'address',
      column: 'address',
      values: [send.address, send.alias(send.address)],
      most: limits.perAddressPerHour,
      channels: one,
    },
    {
      limit: 'account',
      column: 'account_id',
      values: send.accountId === undefined ? [] : [send.accountId],
      most: limits.perAccountPerHour,
      channels: one,
    },
  ];
  if (send.channel !== 'incoming') {
    const most = limits.byCountry[send.country] ?? limits.perCountryPerHour;
    checks.push({ limit: 'country', column: 'country', values: [send.country], most, channels: paid });
    checks.push({ limit: 'total', column: undefined, values: [], most: limits.perHour, channels: paid });
  }
  for (const check of checks) {
    const retryAfter = await waitFor(store, check, send.now);
    if (retryAfter !== undefined) throw new SendRefusal(check.limit, retryAfter);
  }
}

interface Check {
  limit: SendLimit;
  column: 'number' | 'address' | 'account_id' | 'country' | undefined;
  /** Any of these. */
  values: readonly string[];
  most: number;
  channels: readonly Channel[];
}

/** @returns seconds until there is room; undefined when there is */
async function waitFor(
  store: Store,
  { column, values, most, channels }: Check,
  now: number,
): Promise<number | undefined> {
  if (column !== undefined && values.length === 0) return undefined;
  if (most === 0) return hourMs / 1000;
  // The send that has to leave the window before there is room for another one.
  let query = store
    .selectFrom('validations')
    .select('created_at')
    .where('created_at', '>', now - hourMs)
    .where('channel', 'in', channels);
  if (column) query = query.where(column, 'in', values);
  const blocking = await query
    .orderBy('created_at', 'desc')
    .offset(most - 1)
    .limit(1)
    .executeTakeFirst();
  return blocking && Math.ceil((blocking.created_at + hourMs - now) / 1000);
}
