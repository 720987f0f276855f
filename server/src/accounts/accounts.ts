import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';
import { newId, type Store } from '../store/index.ts';
import { type CreatedDevice, Devices, type NewDevice } from './devices.ts';
import { Notices } from './notices.ts';
import { type Claim, Numbers } from './numbers.ts';
import { type Argon2Options, PasswordHasher } from './password-hasher.ts';
import { checkPassword } from './password-rules.ts';
import { Sessions } from './sessions.ts';

export interface AccountsOptions {
  store: Store;
  fabric: Fabric;
  argon2: Argon2Options;
  password: { minLength: number; maxLength: number };
  sessionLifetimeMs: number;
  maxDevicesPerAccount: number;
  maxNumbersPerAccount: number;
  now?: () => number;
}

/** Logged in: whose account, on which new device, with which session token. */
export interface LoggedIn extends CreatedDevice {
  accountId: string;
  token: string;
}

/** Accounts: how they come to be and how one gets into them. Their parts are members. */
export class Accounts {
  readonly numbers: Numbers;
  readonly devices: Devices;
  readonly sessions: Sessions;
  readonly notices: Notices;
  readonly #options: AccountsOptions;
  readonly #store: Store;
  readonly #hasher: PasswordHasher;
  readonly #now: () => number;

  constructor(options: AccountsOptions) {
    const { store, fabric } = options;
    const now = options.now ?? Date.now;
    this.#options = options;
    this.#store = store;
    this.#now = now;
    this.#hasher = new PasswordHasher(options.argon2);
    this.notices = new Notices({ store, fabric, now });
    this.numbers = new Numbers({
      store,
      fabric,
      notices: this.notices,
      maxPerAccount: options.maxNumbersPerAccount,
      now,
    });
    this.devices = new Devices({ store, fabric, maxPerAccount: options.maxDevicesPerAccount, now });
    this.sessions = new Sessions({ store, lifetimeMs: options.sessionLifetimeMs, now });
  }

  /**
   * Makes an account with a proved number as its primary. All or nothing: when anything fails, the proof is unspent.
   * @throws Problem of the claim, `weak-password`
   */
  async signUp(request: { claim: Claim; password: string; device: NewDevice }): Promise<LoggedIn> {
    const { minLength: min, maxLength: max } = this.#options.password;
    // Before the costly hash, and again with the number once the proof says which it is.
    checkPassword(request.password, { min, max, number: '' });
    const passwordHash = await this.#hasher.hash(request.password);
    const accountId = newId();
    const { loggedIn, loser } = await this.#store.transaction().execute(async (trx) => {
      const proved = await request.claim(trx);
      checkPassword(request.password, { min, max, number: proved.number });
      await trx
        .insertInto('accounts')
        .values({ id: accountId, password_hash: passwordHash, created_at: this.#now() })
        .execute();
      const loser = await this.numbers.attach(trx, accountId, proved);
      return { loggedIn: await this.#enter(trx, accountId, request.device), loser };
    });
    this.numbers.announceLoss(loser);
    return loggedIn;
  }

  /**
   * With any linked number and the password; an unknown number takes as long as a wrong password.
   * @throws Problem `wrong-credentials`, `too-many-devices`
   */
  async logIn(request: { number: string; password: string; device: NewDevice }): Promise<LoggedIn> {
    const row = await this.#store
      .selectFrom('numbers')
      .innerJoin('accounts', 'accounts.id', 'numbers.account_id')
      .select(['accounts.id', 'password_hash'])
      .where('e164', '=', request.number)
      .executeTakeFirst();
    const right = await this.#hasher.verify(request.password, row?.password_hash);
    if (!row || !right) {
      throw new Problem('wrong-credentials', 'Check the number and the password, or log in with a code.');
    }
    if (this.#hasher.outdated(row.password_hash)) await this.#rehash(row.id, request.password);
    return this.#announced(
      await this.#store.transaction().execute((trx) => this.#enter(trx, row.id, request.device)),
    );
  }

  /**
   * By proving one of the account's numbers again.
   * @throws Problem of the claim, `no-account`, `too-many-devices`
   */
  async logInWithProof(request: { claim: Claim; device: NewDevice }): Promise<LoggedIn> {
    const loggedIn = await this.#store.transaction().execute(async (trx) => {
      const { number } = await request.claim(trx);
      const row = await trx
        .selectFrom('numbers')
        .select('account_id')
        .where('e164', '=', number)
        .executeTakeFirst();
      if (!row) throw new Problem('no-account', 'Sign up with this number instead.');
      return this.#enter(trx, row.account_id, request.device);
    });
    return this.#announced(loggedIn);
  }

  /** @throws Problem `not-logged-in` when the account is gone */
  async createdAt(accountId: string): Promise<number> {
    const row = await this.#store
      .selectFrom('accounts')
      .select('created_at')
      .where('id', '=', accountId)
      .executeTakeFirst();
    if (!row) throw new Problem('not-logged-in');
    return row.created_at;
  }

  async #enter(trx: Store, accountId: string, device: NewDevice): Promise<LoggedIn> {
    const created = await this.devices.create(accountId, device, trx);
    const token = await this.sessions.create({ accountId, deviceId: created.device.id }, trx);
    return { ...created, accountId, token };
  }

  #announced(loggedIn: LoggedIn): LoggedIn {
    this.devices.announceRemoval(loggedIn.accountId, loggedIn.evicted);
    return loggedIn;
  }

  async #rehash(accountId: string, password: string): Promise<void> {
    const passwordHash = await this.#hasher.hash(password);
    await this.#store
      .updateTable('accounts')
      .set({ password_hash: passwordHash })
      .where('id', '=', accountId)
      .execute();
  }
}
