import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Accounts, Claim } from '../accounts/index.ts';
import { Problem } from '../problem.ts';
import { newId } from '../store/index.ts';
import { goodPassword, Person, TestHouse } from './testing.ts';

// A thousand at once, each with a transaction of its own; on SQLite and on PostgreSQL.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const many = 1000;
const anna = '+14155550101';
const device = { name: 'Laptop', system: 'Linux', kind: 'web' } as const;
const nth = (n: number): string => `+1415555${String(2000 + n)}`;

let house: TestHouse;
let accounts: Accounts;
beforeEach(async () => {
  // So many hashes at once are no part of what is tested: none is sent away for it.
  const settings = { argon2MemoryKib: 8192, argon2Passes: 1, passwordHashesAtOnce: 12 };
  house = await TestHouse.open({ accounts: settings });
  ({ accounts } = house.services);
});
afterEach(async () => {
  await house.close();
});

/** The proof of a number that holds, as often as it is shown. */
const proved =
  (number: string): Claim =>
  async () => ({ number, carrierId: 'us' });

async function newAccount(...numbers: string[]): Promise<string> {
  const accountId = newId();
  await house.store.transaction().execute(async (trx) => {
    const values = { id: accountId, password_hash: 'none', created_at: house.now };
    await trx.insertInto('accounts').values(values).execute();
    for (const number of numbers) {
      await accounts.numbers.attach(trx, accountId, { number, carrierId: 'us' });
      house.now += 1;
    }
  });
  return accountId;
}

/** All at once. @returns how many were done, and how many were answered with each problem: there is no other answer */
async function race(tasks: ReadonlyArray<() => Promise<unknown>>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const count = (outcome: string) => {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  };
  const run = async (task: () => Promise<unknown>): Promise<void> => {
    try {
      await task();
      count('done');
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      count(error.code);
    }
  };
  await Promise.all(tasks.map(run));
  await expectOrder();
  return counts;
}

/** One account per number is a key of the table; this is the rest of what always holds. */
async function expectOrder(): Promise<void> {
  const rows = await house.store.selectFrom('numbers').select(['account_id', 'e164', 'is_primary']).execute();
  const primaries = new Map<string, number>();
  for (const row of rows) {
    primaries.set(row.account_id, (primaries.get(row.account_id) ?? 0) + row.is_primary);
  }
  expect([...primaries.values()].filter((count) => count !== 1)).toEqual([]);
  // Without a number is only who was told that it lost them.
  const numberless = await house.store
    .selectFrom('accounts')
    .select('id')
    .where('id', 'not in', (numbers) => numbers.selectFrom('numbers').select('account_id'))
    .execute();
  for (const { id } of numberless) expect((await lost(id)).length).toBeGreaterThan(0);
}

const ownersOf = (number: string) =>
  house.store.selectFrom('numbers').select('account_id').where('e164', '=', number).execute();

/** The numbers that the account was told to have lost. */
async function lost(accountId: string): Promise<string[]> {
  const notices = await house.store
    .selectFrom('notices')
    .select('data')
    .where('account_id', '=', accountId)
    .where('code', '=', 'number-lost')
    .execute();
  return notices.map(({ data }) => (JSON.parse(data) as { number: string }).number);
}

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;

describe('a thousand at once', () => {
  it('sign-ups with one proof: one account', async () => {
    const person = new Person(house);
    const proof = await person.prove(anna, 'sign-up');
    const claim: Claim = (trx) =>
      house.services.validations.spend(trx, { proof, purpose: 'sign-up', accountId: undefined });
    const signUp = () => accounts.signUp({ claim, password: goodPassword, device });
    expect(await race(Array(many).fill(signUp))).toEqual({ done: 1, 'bad-proof': many - 1 });
    expect(await ownersOf(anna)).toHaveLength(1);
    expect(await house.store.selectFrom('accounts').select('id').execute()).toHaveLength(1);
  });

  it('sign-ups for one number, each with a proof of its own: it is the last one’s, the others are told', async () => {
    const signUp = () => accounts.signUp({ claim: proved(anna), password: goodPassword, device });
    expect(await race(Array(many).fill(signUp))).toEqual({ done: many });
    expect(await ownersOf(anna)).toHaveLength(1);
    const told = await house.store
      .selectFrom('notices')
      .select('account_id')
      .where('code', '=', 'number-lost')
      .execute();
    // Every account but one has lost it, once.
    expect(new Set(told.map(({ account_id }) => account_id)).size).toBe(many - 1);
    expect(told).toHaveLength(many - 1);
  });

  it('linking and delinking: the number is there or not, and the primary stays', async () => {
    const account = await newAccount(anna);
    const other = nth(1);
    const tasks = Array.from({ length: many }, (_, n) =>
      n % 4 < 2
        ? () => accounts.numbers.link(account, proved(other))
        : () => accounts.numbers.delink(account, n % 40 === 2 ? anna : other),
    );
    const counts = await race(tasks);
    const known = ['done', 'already-linked', 'no-such-number', 'primary-number', 'last-number'];
    expect(Object.keys(counts).filter((code) => !known.includes(code))).toEqual([]);
    expect(counts.done).toBeGreaterThan(10);
    const has = (await ownersOf(other)).length;
    // Each link that was done is undone by the delink that was done after it, but for the last one.
    expect(((counts.done ?? 0) + has) % 2).toBe(0);
    expect((await accounts.numbers.list(account))[0]).toMatchObject({ number: anna, primary: true });
  });

  it('making numbers primary and delinking them: never none, never two, never one that is gone', async () => {
    const numbers = Array.from({ length: 15 }, (_, n) => nth(n));
    const account = await newAccount(...numbers);
    const tasks = Array.from({ length: many }, (_, n) => {
      const number = pick(numbers, n * 7);
      if (n % 3 === 0) return () => accounts.numbers.setPrimary(account, number);
      if (n % 3 === 1) return () => accounts.numbers.delink(account, number);
      return () => accounts.numbers.link(account, proved(number));
    });
    const counts = await race(tasks);
    const known = ['done', 'already-linked', 'no-such-number', 'primary-number', 'last-number'];
    expect(Object.keys(counts).filter((code) => !known.includes(code))).toEqual([]);
    expect(counts.done).toBeGreaterThan(10);
    // The account can still get rid of all but one.
    const [primary, ...secondaries] = await accounts.numbers.list(account);
    for (const { number } of secondaries) await accounts.numbers.delink(account, number);
    expect(await accounts.numbers.list(account)).toEqual([primary]);
    await expect(accounts.numbers.delink(account, primary?.number ?? '')).rejects.toMatchObject({
      code: 'last-number',
    });
  });

  it('two accounts linking one number: one has it, and each time it moved one was told', async () => {
    const [a, b] = [await newAccount(nth(1)), await newAccount(nth(2))];
    const counts = await race(
      Array.from({ length: many }, (_, n) => () => accounts.numbers.link(pick([a, b], n), proved(anna))),
    );
    expect(Object.keys(counts).filter((code) => !['done', 'already-linked'].includes(code))).toEqual([]);
    const [owner] = await ownersOf(anna);
    const [lostByA, lostByB] = [(await lost(a)).length, (await lost(b)).length];
    expect(lostByA + lostByB).toBe((counts.done ?? 0) - 1);
    // They had it in turns: who has it now has lost it as often as the other one, or once less.
    expect(owner?.account_id === a ? lostByB - lostByA : lostByA - lostByB).toBeLessThanOrEqual(1);
  });

  it('numbers that change hands while their owners rearrange them (R-RECYCLED)', async () => {
    const numbers = Array.from({ length: 40 }, (_, n) => nth(n));
    const owners: string[] = [];
    for (let n = 0; n < numbers.length; n += 4) owners.push(await newAccount(...numbers.slice(n, n + 4)));
    const tasks = Array.from({ length: many }, (_, n) => {
      const [number, account] = [pick(numbers, n * 13), pick(owners, n)];
      if (n % 4 === 0) return () => accounts.numbers.link(account, proved(number));
      if (n % 4 === 1) return () => accounts.numbers.setPrimary(account, number);
      if (n % 4 === 2) return () => accounts.numbers.delink(account, number);
      return () => accounts.numbers.setAnswerMode(account, number, 'mca');
    });
    const counts = await race(tasks);
    const known = [
      ...['done', 'already-linked', 'no-such-number'],
      ...['primary-number', 'last-number', 'too-many-numbers'],
    ];
    expect(Object.keys(counts).filter((code) => !known.includes(code))).toEqual([]);
    for (const number of numbers) expect((await ownersOf(number)).length).toBeLessThanOrEqual(1);
  });
});
