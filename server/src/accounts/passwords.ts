import { Problem } from '../problem.ts';
import { isTemporary, type Store } from '../store/index.ts';
import { type Argon2Options, PasswordHasher } from './password-hasher.ts';
import { checkPassword } from './password-rules.ts';

export interface PasswordsOptions {
  store: Store;
  argon2: Argon2Options;
  minLength: number;
  maxLength: number;
}

/** The passwords of accounts. What costs much is done outside of transactions. */
export class Passwords {
  readonly #options: PasswordsOptions;
  readonly #store: Store;
  readonly #hasher: PasswordHasher;

  constructor(options: PasswordsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#hasher = new PasswordHasher(options.argon2);
  }

  /** The rules; with the number that it must not be, once that is known. @throws Problem `weak-password` */
  check(password: string, number = ''): void {
    const { minLength: min, maxLength: max } = this.#options;
    checkPassword(password, { min, max, number });
  }

  /** Of a new password. @throws Problem `weak-password`, `too-many-requests` */
  async hash(password: string): Promise<string> {
    this.check(password);
    return this.#hasher.hash(password);
  }

  /** Takes the same time whether `stored` is a hash or undefined. */
  verify(password: string, stored: string | undefined): Promise<boolean> {
    return this.#hasher.verify(password, stored);
  }

  /**
   * That the one who asks knows the password of the account.
   * @returns the hash that it fits to
   * @throws Problem `wrong-password`, `not-logged-in` when the account has been closed
   */
  async confirm(accountId: string, password: string): Promise<string> {
    const row = await this.#store
      .selectFrom('accounts')
      .select('password_hash')
      .where('id', '=', accountId)
      .executeTakeFirst();
    const right = await this.verify(password, row?.password_hash);
    if (!row) throw new Problem('not-logged-in');
    if (!right) throw new Problem('wrong-password', 'Check it, or prove one of your numbers instead.');
    return row.password_hash;
  }

  /** Whether `hash` is that of the account yet. */
  async isStill(store: Store, accountId: string, hash: string): Promise<boolean> {
    const row = await store
      .selectFrom('accounts')
      .select('id')
      .where('id', '=', accountId)
      .where('password_hash', '=', hash)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** @returns false when the account has another one by now than `old` */
  async replace(store: Store, accountId: string, change: { old: string; hash: string }): Promise<boolean> {
    const { numUpdatedRows } = await store
      .updateTable('accounts')
      .set({ password_hash: change.hash })
      .where('id', '=', accountId)
      .where('password_hash', '=', change.old)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** After a login: hashes of older parameters are made anew, unless there is too much to do; the next login is as good. */
  async refresh(accountId: string, password: string, old: string): Promise<void> {
    if (!this.#hasher.outdated(old)) return;
    try {
      await this.replace(this.#store, accountId, { old, hash: await this.#hasher.hash(password) });
    } catch (error) {
      if (!(error instanceof Problem) && !isTemporary(error)) throw error;
    }
  }
}
