import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';
import { requireAccount } from './account-exists.ts';
import type { Devices } from './devices.ts';
import { type ClosedAccount, eraseAccount, type ForgetProofs } from './erasing.ts';
import { type Claim, ownerOf } from './numbers.ts';
import type { Passwords } from './passwords.ts';

/** That it is really the owner: the password, or a proof of one of the account's numbers. */
export type Confirmation = { password: string } | { claim: Claim };

export interface ClosingOptions {
  store: Store;
  fabric: Fabric;
  devices: Devices;
  passwords: Passwords;
  forgetProofs: ForgetProofs;
  /** How long an account is kept that has no number, and no session that could link one. */
  numberlessKeptMs: number;
  now: () => number;
}

/** The end of accounts: nothing of them is left in the database. The audio of voice messages is noted there to be deleted. */
export class Closing {
  readonly #options: ClosingOptions;

  constructor(options: ClosingOptions) {
    this.#options = options;
  }

  /** @throws Problem `wrong-password`, `not-logged-in`, of the claim, `bad-proof` when the number is not one of the account */
  async close(accountId: string, confirmation: Confirmation): Promise<ClosedAccount> {
    const { store, passwords, forgetProofs } = this.#options;
    const confirmed =
      'password' in confirmation ? await passwords.confirm(accountId, confirmation.password) : undefined;
    const closed = await store.transaction().execute(async (trx) => {
      await requireAccount(trx, accountId);
      // While it was verified the password may have been changed, to keep out who knew this one.
      if (confirmed !== undefined && !(await passwords.isStill(trx, accountId, confirmed))) {
        throw new Problem('wrong-password');
      }
      if ('claim' in confirmation) {
        const { number } = await confirmation.claim(trx);
        if ((await ownerOf(trx, number)) !== accountId) {
          throw new Problem('bad-proof', 'Prove a number of this account.');
        }
      }
      return eraseAccount(trx, accountId, forgetProofs);
    });
    this.#announce(closed);
    return closed;
  }

  /** Closes the accounts that nobody can get into any more: see `numberlessKeptMs`. */
  async sweep(): Promise<void> {
    const { store, forgetProofs } = this.#options;
    for (const id of await this.#outOfReach(store)) {
      const closed = await store.transaction().execute(async (trx) => {
        const [still] = await this.#outOfReach(trx, id);
        return still === undefined ? undefined : eraseAccount(trx, id, forgetProofs);
      });
      if (closed) this.#announce(closed);
    }
  }

  async #outOfReach(store: Store, id?: string): Promise<string[]> {
    const { now, numberlessKeptMs } = this.#options;
    const rows = await store
      .selectFrom('accounts')
      .leftJoin('devices', (join) =>
        join.onRef('devices.account_id', '=', 'accounts.id').on('devices.kind', '=', 'web'),
      )
      .select('accounts.id')
      .where('numberless_since', '<=', now() - numberlessKeptMs)
      .where('devices.id', 'is', null)
      .$if(id !== undefined, (query) => query.where('accounts.id', '=', id ?? ''))
      .execute();
    return rows.map((row) => row.id);
  }

  #announce({ accountId, deviceIds }: ClosedAccount): void {
    for (const deviceId of deviceIds) this.#options.devices.announceRemoval(accountId, deviceId);
    this.#options.fabric.publish('account.closed', { accountId });
    // What follows the numbers of accounts sees that these have gone.
    this.#options.fabric.publish('account.changed', { accountId });
  }
}
