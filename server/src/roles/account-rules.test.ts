import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dialectOf } from '../store/index.ts';
import { device, goodPassword, Person, TestHouse } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';
const annaUk = '+447700900123';
const newPassword = 'quite another thing';

let house: TestHouse;
let person: Person;
let removed: string[];
beforeEach(async () => {
  house = await TestHouse.open();
  person = new Person(house);
  removed = [];
  house.fabric.subscribe('device.removed', ({ deviceId }) => removed.push(deviceId));
  await person.signUp(anna);
});
afterEach(() => house.close());

const problem = (answer: { statusCode: number; json: () => { code: string } }) => [
  answer.statusCode,
  answer.json().code,
];

const logIn = (password: string, number = anna) =>
  new Person(house).call('POST', '/api/sessions', { number, password, device });

async function another(): Promise<Person> {
  const other = new Person(house);
  expect(
    (await other.call('POST', '/api/sessions', { number: anna, password: goodPassword, device })).statusCode,
  ).toBe(201);
  return other;
}

describe('the password (R-PASSWORD)', () => {
  const change = (body: object) => person.call('PUT', '/api/account/password', body);

  it('is changed by who knows it, and the other devices stay', async () => {
    const other = await another();
    const answer = await change({ current: goodPassword, password: newPassword });
    expect([answer.statusCode, answer.json()]).toEqual([200, { signedOut: 0 }]);
    expect(problem(await logIn(goodPassword))).toEqual([401, 'wrong-credentials']);
    expect((await logIn(newPassword)).statusCode).toBe(201);
    for (const one of [person, other]) expect((await one.once('GET', '/api/account')).statusCode).toBe(200);
  });

  it('changed, signs the other devices out if that is wished, telephones too', async () => {
    const other = await another();
    await person.call('POST', '/api/devices', { name: 'Desk phone' });
    const answer = await change({ current: goodPassword, password: newPassword, signOutOthers: true });
    expect(answer.json()).toEqual({ signedOut: 2 });
    expect(removed).toHaveLength(2);
    expect((await other.refresh()).statusCode).toBe(401);
    expect((await person.once('GET', '/api/devices')).json()).toMatchObject([{ current: true }]);
  });

  it('stays when the current one is wrong or the new one weak', async () => {
    expect(problem(await change({ current: 'no idea', password: newPassword }))).toEqual([
      422,
      'wrong-password',
    ]);
    for (const password of ['short', 'password123', anna.slice(1)]) {
      expect(problem(await change({ current: goodPassword, password }))).toEqual([422, 'weak-password']);
    }
    expect((await logIn(goodPassword)).statusCode).toBe(201);
  });

  it('is guessed at so often and no more, also by many at once', async () => {
    const guess = () => change({ current: 'no idea', password: newPassword });
    const guesses = await Promise.all(Array.from({ length: 40 }, guess));
    const codes = guesses.map((answer) => answer.json().code as string);
    expect(codes.filter((code) => code === 'wrong-password')).toHaveLength(30);
    expect(codes.filter((code) => code === 'too-many-requests')).toHaveLength(10);
    expect(problem(await change({ current: goodPassword, password: newPassword }))).toEqual([
      429,
      'too-many-requests',
    ]);
    expect(problem(await person.call('DELETE', '/api/account', { password: 'no idea' }))).toEqual([
      429,
      'too-many-requests',
    ]);
  });

  it('is set anew by proving a linked number, which signs everything else out', async () => {
    await person.link(annaUk);
    await person.call('POST', '/api/devices', { name: 'Desk phone' });
    const again = new Person(house);
    const proof = await again.prove(annaUk, 'reset');
    const body = { proof, password: newPassword, device };
    const answer = await again.call('POST', '/api/password-resets', body);
    expect([answer.statusCode, answer.json().account.numbers.length]).toEqual([201, 2]);
    expect(removed).toHaveLength(2);
    expect((await person.refresh()).statusCode).toBe(401);
    expect((await again.once('GET', '/api/devices')).json()).toMatchObject([{ current: true }]);
    expect(problem(await logIn(goodPassword))).toEqual([401, 'wrong-credentials']);
    expect((await logIn(newPassword)).statusCode).toBe(201);
    const [notice] = (await again.call('GET', '/api/notices')).json();
    expect(notice).toMatchObject({ code: 'password-reset', data: { number: annaUk } });
    expect(problem(await again.call('POST', '/api/password-resets', body))).toEqual([422, 'bad-proof']);
  });

  it('set anew, leaves the other devices if that is wished', async () => {
    const again = new Person(house);
    const proof = await again.prove(anna, 'reset');
    const body = { proof, password: newPassword, device, keepDevices: true };
    expect((await again.call('POST', '/api/password-resets', body)).statusCode).toBe(201);
    expect((await person.once('GET', '/api/account')).statusCode).toBe(200);
    expect(removed).toEqual([]);
  });

  it('is not set anew with a proof for something else, or of a number that nobody has', async () => {
    const again = new Person(house);
    const reset = (proof: string, password = newPassword) =>
      again.call('POST', '/api/password-resets', { proof, password, device });
    const login = await again.prove(anna, 'login');
    expect(problem(await reset(login))).toEqual([422, 'bad-proof']);
    expect(problem(await reset(await again.prove('+14155550188', 'reset')))).toEqual([404, 'no-account']);
    const proof = await again.prove(anna, 'reset');
    expect(problem(await reset(proof, 'short'))).toEqual([422, 'weak-password']);
    expect(problem(await again.call('POST', '/api/sessions', { proof, device }))).toEqual([422, 'bad-proof']);
    expect((await logIn(goodPassword)).statusCode).toBe(201);
    // A weak password has not spent it.
    expect((await reset(proof)).statusCode).toBe(201);
  });
});

describe('numbers (R-DELINK, R-PRIMARY)', () => {
  it('the last one stays', async () => {
    expect(problem(await person.call('DELETE', `/api/account/numbers/${anna}`))).toEqual([
      409,
      'last-number',
    ]);
    await person.link(annaUk);
    expect(problem(await person.call('DELETE', `/api/account/numbers/${anna}`))).toEqual([
      409,
      'primary-number',
    ]);
  });

  const erase = (number: string) => house.store.deleteFrom('numbers').where('e164', '=', number).execute();

  it('the database keeps the last one, too', async () => {
    await expect(erase(anna)).rejects.toThrow(/last number/);
    await person.link(annaUk);
    await erase(annaUk);
    await expect(erase(anna)).rejects.toThrow(/last number/);
    expect((await person.call('GET', '/api/account')).json().numbers).toHaveLength(1);
  });

  it('the database keeps a primary, and lets it be a number of the account only', async () => {
    await person.link(annaUk);
    await expect(erase(anna)).rejects.toThrow();
    await expect(house.store.updateTable('numbers').set({ is_primary: 0 }).execute()).rejects.toThrow();
    await expect(house.store.updateTable('numbers').set({ is_primary: 1 }).execute()).rejects.toThrow();
    expect((await person.call('GET', '/api/account')).json().numbers).toMatchObject([
      { number: anna, primary: true },
      { number: annaUk, primary: false },
    ]);
  });
});

describe('a number that another account proves (R-RECYCLED)', () => {
  it('leaves calls and messages where they were, and begins anew', async () => {
    const { id: accountId } = (await person.call('GET', '/api/account')).json();
    await person.call('PATCH', `/api/account/numbers/${anna}`, { answerMode: 'mca' });
    await house.services.forwarding.follow(accountId);
    await person.call('POST', `/api/account/numbers/${anna}/forwarding`, { action: 'activate' });
    const state = async (one: Person) =>
      (await one.call('GET', '/api/account')).json().numbers[0].forwarding.state;
    expect(await state(person)).toBe('active');
    await fill(accountId);
    await person.link(annaUk);
    house.now += 1000;
    const next = new Person(house);
    await next.signUp(anna);
    const { id: nextId, numbers } = (await next.call('GET', '/api/account')).json();
    expect(numbers).toMatchObject([{ number: anna, primary: true, answerMode: 'both' }]);
    await house.services.forwarding.follow();
    expect(await state(next)).toBe('unknown');
    const owners = async (table: 'calls' | 'voicemails') =>
      (await house.store.selectFrom(table).select('account_id').execute()).map((row) => row.account_id);
    expect([await owners('calls'), await owners('voicemails')]).toEqual([[accountId], [accountId]]);
    expect(
      await house.store
        .selectFrom('forwarding_records')
        .select(['number', 'account_id'])
        .orderBy('number')
        .execute(),
    ).toEqual([
      { number: anna, account_id: nextId },
      { number: annaUk, account_id: accountId },
    ]);
  });

  it('may be the only one: who is logged in links another, who is not cannot log in', async () => {
    const next = new Person(house);
    await next.signUp(anna);
    expect((await person.call('GET', '/api/account')).json().numbers).toEqual([]);
    expect((await person.call('GET', '/api/notices')).json()).toMatchObject([
      { code: 'number-lost', data: { number: anna } },
    ]);
    expect((await logIn(goodPassword)).json().account.id).not.toBe(
      (await person.call('GET', '/api/account')).json().id,
    );
    const linked = await person.link(annaUk);
    expect(linked.json().numbers).toMatchObject([{ number: annaUk, primary: true }]);
    expect((await logIn(goodPassword, annaUk)).statusCode).toBe(201);
    expect(await house.store.selectFrom('accounts').select('numberless_since').execute()).toEqual([
      { numberless_since: null },
      { numberless_since: null },
    ]);
  });

  it('leaves an account that nobody can get into: it is closed in the end', async () => {
    const { id: accountId } = (await person.call('GET', '/api/account')).json();
    await new Person(house).signUp(anna);
    const there = async () =>
      (await house.store.selectFrom('accounts').select('id').where('id', '=', accountId).execute()).length;
    const dayMs = 86_400_000;
    for (let days = 0; days <= 200; days += 50) {
      await person.call('GET', '/api/account');
      await house.services.accounts.sweep();
      expect(await there()).toBe(1);
      house.now += 50 * dayMs;
    }
    house.now += 181 * dayMs;
    await house.services.accounts.sweep();
    expect(await there()).toBe(0);
  });
});

/** Something in every table that has to do with accounts or numbers. */
async function fill(accountId: string): Promise<void> {
  const { store, now } = house;
  const [row] = await store.selectFrom('devices').select('id').where('account_id', '=', accountId).execute();
  await store
    .insertInto('calls')
    .values({
      id: 'call1',
      account_id: accountId,
      called: anna,
      calling: '+12125550199',
      trunk_call_id: 'x',
      arrived_at: now,
      ended_at: now,
      outcome: 'voicemail',
    })
    .execute();
  await store
    .insertInto('voicemails')
    .values({
      id: 'voicemail1',
      account_id: accountId,
      number: anna,
      calling: '+12125550199',
      call_id: 'call1',
      stored_at: now,
      duration_ms: 1000,
      file: 'voicemail/voicemail1.wav',
    })
    .execute();
  await store
    .insertInto('bindings')
    .values({
      device_id: row!.id,
      contact_uri: 'sip:x@y',
      call_id: 'c',
      cseq: 1,
      transport: 'udp',
      local: '',
      remote: '',
      registered_at: now,
      expires_at: now + 1000,
    })
    .execute();
}

/** What came from a number, and to it before anybody had it. */
async function fillFromOutside(number: string): Promise<void> {
  const { store, now } = house;
  const sms = { carrier_id: 'us', sender: number, recipient: '+14155559000', received_at: now };
  await store
    .insertInto('sms_inbox')
    .values({
      ...sms,
      id: 'sms1',
      dedup_key: '1',
      content_hash: 'x',
      body: 'Hello',
      next_attempt_at: now,
      attempts: 0,
    })
    .execute();
  await store
    .insertInto('sms_inbox_parts')
    .values({ ...sms, reference: 1, parts: 2, part: 1, coding: 0, payload: '00', joined: 0 })
    .execute();
  await store
    .insertInto('calls')
    .values({
      id: 'call0',
      called: number,
      trunk_call_id: 'w',
      arrived_at: now,
      ended_at: now,
      outcome: 'unknown-number',
    })
    .execute();
}

/** Every row of every table, as text. */
async function everything(): Promise<Array<[table: string, row: string]>> {
  const names =
    dialectOf(house.store) === 'sqlite'
      ? sql<{ name: string }>`select name from sqlite_master where type = 'table'`
      : sql<{ name: string }>`select tablename as name from pg_tables where schemaname = 'public'`;
  const found: Array<[string, string]> = [];
  for (const { name } of (await names.execute(house.store)).rows) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(house.store);
    for (const row of rows) found.push([name, JSON.stringify(row)]);
  }
  return found;
}

describe('closing the account', () => {
  let accountId: string;
  let deviceIds: string[];
  let sipUsers: string[];
  beforeEach(async () => {
    await person.link(annaUk);
    const added = (await person.call('POST', '/api/devices', { name: 'Desk phone' })).json();
    expect((await person.call('POST', `/api/devices/${added.device.id}/set-up`)).statusCode).toBe(201);
    await fillFromOutside(anna);
    // Numbers that were proved and codes that were asked for; one is never answered.
    await (await another()).prove(annaUk, 'login');
    await person.code(anna, 'close');
    await new Person(house).code(annaUk, 'reset');
    ({ id: accountId } = (await person.call('GET', '/api/account')).json());
    await fill(accountId);
    await house.services.forwarding.follow(accountId);
    await house.services.accounts.notices.tellOnce(
      accountId,
      { code: 'number-lost', data: { number: '+1' } },
      1,
    );
    const rows = await house.store.selectFrom('devices').select(['id', 'sip_user']).execute();
    deviceIds = rows.map(({ id }) => id);
    sipUsers = rows.map(({ sip_user }) => sip_user);
  });

  const traces = async () => {
    const signs = [accountId, anna, annaUk, anna.slice(1), annaUk.slice(1), ...deviceIds, ...sipUsers];
    return (await everything()).filter(([, row]) => signs.some((sign) => row.includes(sign)));
  };

  it('deletes everything of it, in every table, and says how much that was', async () => {
    const before = new Set((await traces()).map(([table]) => table));
    for (const table of ['accounts', 'numbers', 'devices', 'sessions', 'bindings', 'calls', 'voicemails']) {
      expect([...before]).toContain(table);
    }
    for (const table of ['notices', 'validations', 'sms_outbox', 'sms_inbox', 'forwarding_records']) {
      expect([...before]).toContain(table);
    }
    expect([...before]).toContain('set_up_links');
    const closed: string[] = [];
    house.fabric.subscribe('account.closed', (event) => closed.push(event.accountId));
    const answer = await person.call('DELETE', '/api/account', { password: goodPassword });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { numbers: 2, devices: 3, voicemails: 1, calls: 1 },
    ]);
    expect(await traces()).toEqual([]);
    expect(removed.sort()).toEqual(deviceIds.sort());
    expect(closed).toEqual([accountId]);
    // For the alerting server, whose files they are; here it is not.
    expect(await house.store.selectFrom('discarded_voicemails').select('id').execute()).toEqual([
      { id: 'voicemail1' },
    ]);
    expect([person.cookie, person.refreshCookie]).toEqual([undefined, undefined]);
    expect(problem(await logIn(goodPassword))).toEqual([401, 'wrong-credentials']);
    expect((await new Person(house).signUp(anna)).statusCode).toBe(201);
  });

  it('leaves other people’s accounts as they are, and what they have begun', async () => {
    const bob = new Person(house);
    await bob.signUp('+14155550102');
    const begun = await bob.code(annaUk, 'link');
    const { id: bobId } = (await bob.call('GET', '/api/account')).json();
    await house.store
      .insertInto('calls')
      .values({
        id: 'call2',
        account_id: bobId,
        called: '+14155550102',
        calling: anna,
        trunk_call_id: 'y',
        arrived_at: house.now,
        ended_at: house.now,
      })
      .execute();
    await person.call('DELETE', '/api/account', { password: goodPassword });
    const left = await traces();
    expect(new Set(left.map(([table]) => table))).toEqual(new Set(['calls', 'validations']));
    expect(await house.store.selectFrom('calls').select('id').execute()).toEqual([{ id: 'call2' }]);
    const checked = await bob.call('POST', `/api/validations/${begun.id}/check`, { code: begun.code });
    expect(checked.statusCode).toBe(200);
  });

  it('takes the password or a proof of a number of this account, made for it', async () => {
    const close = (body: object, one = person) => one.call('DELETE', '/api/account', body);
    expect(problem(await close({ password: 'no idea' }))).toEqual([422, 'wrong-password']);
    expect(problem(await close({}))).toEqual([400, 'bad-request']);
    expect(problem(await close({ proof: await person.prove('+14155550177', 'close') }))).toEqual([
      422,
      'bad-proof',
    ]);
    expect(problem(await close({ proof: await person.prove(annaUk, 'login') }))).toEqual([422, 'bad-proof']);
    const bob = new Person(house);
    await bob.signUp('+14155550102');
    const proof = await person.prove(annaUk, 'close');
    expect(problem(await close({ proof }, bob))).toEqual([422, 'bad-proof']);
    expect((await person.call('GET', '/api/account')).statusCode).toBe(200);
    expect((await close({ proof })).statusCode).toBe(200);
    expect((await bob.call('GET', '/api/account')).statusCode).toBe(200);
  });

  it('ends all sessions at once', async () => {
    const other = await another();
    await person.call('DELETE', '/api/account', { password: goodPassword });
    expect(problem(await other.once('GET', '/api/account'))).toEqual([401, 'not-logged-in']);
    expect((await other.refresh()).statusCode).toBe(401);
  });

  it('has the carrier switch the forwarding off, and forgets the number when that is done', async () => {
    await house.close();
    house = await TestHouse.open((sms) => ({
      carriers: [
        {
          id: 'us',
          name: 'Test US',
          country: 'US',
          family: 'gsm',
          prefixes: ['+1'],
          cNumber: '+14155559000',
          trunks: [{ host: '127.0.0.1', port: 5070 }],
          provisioning: { adapter: 'http', url: 'http://127.0.0.1:9/' },
          sms,
        },
      ],
    }));
    const owner = new Person(house);
    await owner.signUp(anna);
    await house.services.forwarding.follow();
    const jobs = () => house.store.selectFrom('forwarding_jobs').select(['number', 'action']).execute();
    expect(await jobs()).toEqual([{ number: anna, action: 'activate' }]);
    expect((await owner.call('DELETE', '/api/account', { password: goodPassword })).statusCode).toBe(200);
    expect(await jobs()).toEqual([{ number: anna, action: 'deactivate' }]);
    expect(await house.store.selectFrom('forwarding_records').select('number').execute()).toEqual([]);
  });

  it('happens once: who closes it at the same time hears that it is over', async () => {
    const close = () => person.once('DELETE', '/api/account', { password: goodPassword });
    const answers = await Promise.all([close(), close(), close()]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401, 401]);
  });

  it('is not done with a password that is no longer the one when its turn comes', async () => {
    await house.close();
    house = await TestHouse.open({
      accounts: { argon2MemoryKib: 8192, argon2Passes: 1, passwordHashesAtOnce: 1 },
    });
    const [owner, bob] = [new Person(house), new Person(house)];
    await owner.signUp(anna);
    await bob.signUp('+14155550102', 'another one for bob');
    const { id } = (await owner.call('GET', '/api/account')).json();
    const hashes = await house.store.selectFrom('accounts').select(['id', 'password_hash']).execute();
    const bobs = hashes.find((row) => row.id !== id)?.password_hash ?? '';
    // What has to be hashed first keeps the close waiting, which has read the password already.
    const others = Array.from({ length: 20 }, (_, nth) => logIn('no idea', `+1415555020${nth % 10}`));
    const closing = owner.once('DELETE', '/api/account', { password: goodPassword });
    await Promise.race([...others, closing]);
    await house.store.updateTable('accounts').set({ password_hash: bobs }).where('id', '=', id).execute();
    expect(problem(await closing)).toEqual([422, 'wrong-password']);
    await Promise.all(others);
  });

  it('in the middle of everything else breaks nothing, and nothing comes back', async () => {
    const proof = await person.prove('+14155550177', 'link');
    const { cookie, refreshCookie } = person;
    const as = () => Object.assign(new Person(house), { cookie, refreshCookie });
    const closing = as().once('DELETE', '/api/account', { password: goodPassword });
    const others = Array.from({ length: 40 }, (_, nth) => {
      const one = as();
      switch (nth % 5) {
        case 0:
          return one.once('POST', '/api/devices', { name: 'Desk phone' });
        case 1:
          return one.once('POST', '/api/account/numbers', { proof });
        case 2:
          return logIn(goodPassword);
        case 3:
          return one.refresh();
        default:
          return one.once('GET', '/api/account');
      }
    });
    const answers = await Promise.all([closing, ...others]);
    expect(answers[0]?.statusCode).toBe(200);
    expect(answers.filter(({ statusCode }) => statusCode >= 500).map(({ body }) => body)).toEqual([]);
    expect(await traces()).toEqual([]);
    expect(await house.store.selectFrom('devices').select('id').execute()).toEqual([]);
  });

  it('needs a login', async () => {
    const answer = await new Person(house).call('DELETE', '/api/account', { password: goodPassword });
    expect(problem(answer)).toEqual([401, 'not-logged-in']);
  });
});
