import type { Fabric } from '../fabric/index.ts';
import { Problem } from '../problem.ts';
import { newId, type Store } from '../store/index.ts';
import { Closing } from './closing.ts';
import { type CreatedDevice, Devices, type NewDevice } from './devices.ts';
import type { ForgetProofs } from './erasing.ts';
import { Notices } from './notices.ts';
import { type Claim, Numbers, ownerOf } from './numbers.ts';
import type { Argon2Options } from './password-hasher.ts';
import { Passwords } from './passwords.ts';
import { Sessions, type Tokens } from './sessions.ts';

export interface AccountsOptions {
  store: Store;
  fabric: Fabric;
  argon2: Argon2Options;
  password: { minLength: number; maxLength: number };
  sessions: {
    /** Derives tokens from the ones before. */
    key: Buffer;
    accessLifetimeMs: number;
    /** Since it was last refreshed. */
    lifetimeMs: number;
    /** How long an exchanged refresh token is good again, for another tab. */
    graceMs: number;
  };
  maxDevicesPerAccount: number;
  maxNumbersPerAccount: number;
  /** How long an account is kept that has no number, and no session that could link one. */
  numberlessKeptMs: number;
  /** What is to be done about the proofs of numbers when an account is closed. */
  forgetProofs: ForgetProofs;
  now?: () => number;
}

/** Logged in: whose account, on which new device, with which tokens. */
export interface LoggedIn extends CreatedDevice {
  accountId: string;
  tokens: Tokens;
}

/** Accounts: how they come to be and how one gets into them. Their parts are members. */
export class Accounts {
  readonly numbers: Numbers;
  readonly devices: Devices;
  readonly sessions: Sessions;
  readonly notices: Notices;
  readonly closing: Closing;
  readonly #store: Store;
  readonly #fabric: Fabric;
  readonly #passwords: Passwords;
  readonly #now: () => number;

  constructor(options: AccountsOptions) {
    const { store, fabric, argon2, numberlessKeptMs, forgetProofs } = options;
    const now = options.now ?? Date.now;
    this.#store = store;
    this.#fabric = fabric;
    this.#now = now;
    this.#passwords = new Passwords({ store, argon2, ...options.password });
    this.notices = new Notices({ store, fabric, now });
    this.numbers = new Numbers({
      store,
      fabric,
      notices: this.notices,
      maxPerAccount: options.maxNumbersPerAccount,
      now,
    });
    this.devices = new Devices({ store, fabric, maxPerAccount: options.maxDevicesPerAccount, now });
    this.sessions = new Sessions({ store, ...options.sessions, notices: this.notices, now });
    const { devices } = this;
    this.closing = new Closing({
      store,
      fabric,
      devices,
      passwords: this.#passwords,
      numberlessKeptMs,
      forgetProofs,
      now,
    });
  }

  /**
   * Makes an account with a proved number as its primary. All or nothing: when anything fails, the proof is unspent.
   * @throws Problem of the claim, `weak-password`
   */
  async signUp(request: { claim: Claim; password: string; device: NewDevice }): Promise<LoggedIn> {
    const passwordHash = await this.#passwords.hash(request.password);
    const accountId = newId();
    const { loggedIn, loser } = await this.#store.transaction().execute(async (trx) => {
      const proved = await request.claim(trx);
      this.#passwords.check(request.password, proved.number);
      await trx
        .insertInto('accounts')
        .values({ id: accountId, password_hash: passwordHash, created_at: this.#now() })
        .execute();
      const loser = await this.numbers.attach(trx, accountId, proved);
      return { loggedIn: await this.#enter(trx, accountId, request.device), loser };
    });
    this.#fabric.publish('account.changed', { accountId });
    this.numbers.announceLoss(loser);
    return loggedIn;
  }

  /**
   * With any linked number and the password; an unknown number takes as long as a wrong password.
   * @throws Problem `wrong-credentials`, `too-many-devices`
   */
  async logIn(request: { number: string; password: string; device: NewDevice }): Promise<LoggedIn> {
    const { number, password, device } = request;
    const row = await credentialsOf(this.#store, number);
    const right = await this.#passwords.verify(password, row?.password_hash);
    if (!row || !right) throw wrongCredentials();
    const loggedIn = await this.#store.transaction().execute(async (trx) => {
      // While it was verified the password may have been changed, or the number have moved.
      const still = await credentialsOf(trx, number);
      if (still?.password_hash !== row.password_hash) throw wrongCredentials();
      return this.#enter(trx, row.id, device);
    });
    this.#announced(loggedIn);
    await this.#passwords.refresh(row.id, password, row.password_hash);
    return loggedIn;
  }

  /**
   * By proving one of the account's numbers again.
   * @throws Problem of the claim, `no-account`, `too-many-devices`
   */
  async logInWithProof(request: { claim: Claim; device: NewDevice }): Promise<LoggedIn> {
    const loggedIn = await this.#store.transaction().execute(async (trx) => {
      const { number } = await request.claim(trx);
      return this.#enter(trx, await accountOf(trx, number), request.device);
    });
    return this.#announced(loggedIn);
  }

  /**
   * The next tokens for a refresh token. One that was exchanged before ends the session and signs its device out.
   * @throws Problem `not-logged-in`
   */
  async refresh(refreshToken: string): Promise<Tokens> {
    const result = await this.sessions.refresh(refreshToken);
    if (result.kind === 'refreshed') return result.tokens;
    if (result.kind === 'reused') {
      const { accountId, deviceId } = result.session;
      this.devices.announceRemoval(accountId, deviceId);
      this.notices.announce(accountId, 'session-revoked');
    }
    throw new Problem('not-logged-in', 'The session is over: log in again.');
  }

  /**
   * Sets another password. The other devices stay, or are signed out.
   * @returns how many were signed out
   * @throws Problem `wrong-password`, `weak-password`
   */
  async changePassword(request: {
    accountId: string;
    deviceId: string;
    current: string;
    password: string;
    signOutOthers: boolean;
  }): Promise<number> {
    const { accountId, deviceId, password } = request;
    const old = await this.#passwords.confirm(accountId, request.current);
    for (const { number } of await this.numbers.list(accountId)) this.#passwords.check(password, number);
    const hash = await this.#passwords.hash(password);
    const removed = await this.#store.transaction().execute(async (trx) => {
      const replaced = await this.#passwords.replace(trx, accountId, { old, hash });
      // Somebody else was quicker: the current one is another by now.
      if (!replaced) throw new Problem('wrong-password');
      return request.signOutOthers ? this.devices.removeOthers(trx, accountId, deviceId) : [];
    });
    for (const id of removed) this.devices.announceRemoval(accountId, id);
    return removed.length;
  }

  /**
   * A new password for the account of a number that was proved again. All devices are signed out unless they are kept.
   * @throws Problem of the claim, `no-account`, `weak-password`, `too-many-devices`
   */
  async resetPassword(request: {
    claim: Claim;
    password: string;
    device: NewDevice;
    keepDevices: boolean;
  }): Promise<LoggedIn> {
    const password_hash = await this.#passwords.hash(request.password);
    const { loggedIn, removed } = await this.#store.transaction().execute(async (trx) => {
      const { number } = await request.claim(trx);
      this.#passwords.check(request.password, number);
      const accountId = await accountOf(trx, number);
      await trx.updateTable('accounts').set({ password_hash }).where('id', '=', accountId).execute();
      const removed = request.keepDevices ? [] : await this.devices.removeOthers(trx, accountId);
      await this.notices.add(trx, accountId, { code: 'password-reset', data: { number } });
      return { loggedIn: await this.#enter(trx, accountId, request.device), removed };
    });
    const { accountId } = loggedIn;
    for (const id of removed) this.devices.announceRemoval(accountId, id);
    this.notices.announce(accountId, 'password-reset');
    return this.#announced(loggedIn);
  }

  /** Throws out what nobody can use any more; called now and then. */
  async sweep(): Promise<void> {
    await this.devices.sweep();
    await this.closing.sweep();
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
    const { tokens, session } = await this.sessions.create(created.device.id, trx);
    return { ...created, device: { ...created.device, session }, accountId, tokens };
  }

  #announced(loggedIn: LoggedIn): LoggedIn {
    this.devices.announceRemoval(loggedIn.accountId, loggedIn.evicted);
    return loggedIn;
  }
}

async function credentialsOf(
  store: Store,
  number: string,
): Promise<{ id: string; password_hash: string } | undefined> {
  return store
    .selectFrom('numbers')
    .innerJoin('accounts', 'accounts.id', 'numbers.account_id')
    .select(['accounts.id', 'password_hash'])
    .where('e164', '=', number)
    .executeTakeFirst();
}

async function accountOf(trx: Store, number: string): Promise<string> {
  const owner = await ownerOf(trx, number);
  if (owner === undefined) throw new Problem('no-account', 'Sign up with this number instead.');
  return owner;
}

const wrongCredentials = (): Problem =>
  new Problem('wrong-credentials', 'Check the number and the password, or log in with a code.');
