import { Problem } from '../problem.ts';
import type { Store } from '../store/index.ts';

/**
 * Before something is added to an account, inside the transaction that adds it: it may have been closed since the session
 * was looked up.
 * @throws Problem `not-logged-in`
 */
export async function requireAccount(store: Store, accountId: string): Promise<void> {
  if (!(await accountExists(store, accountId))) throw new Problem('not-logged-in');
}

export async function accountExists(store: Store, accountId: string): Promise<boolean> {
  const row = await store.selectFrom('accounts').select('id').where('id', '=', accountId).executeTakeFirst();
  return row !== undefined;
}
