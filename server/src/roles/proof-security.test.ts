import { createHash, createHmac } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SourceEvent } from '../validation/index.ts';
import { device, goodPassword, Person, TestHouse } from './testing.ts';

/** What guards a proof (docs/validation.md), each by the API of a house with a real database and SMS centre. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';
const minute = 60_000;
const ours = '+14155559001';

let house: TestHouse;
let person: Person;
afterEach(() => house.close());

const open = async (settings: Record<string, unknown> = {}): Promise<void> => {
  house = await TestHouse.open((sms) => ({
    carriers: [
      carrier('us', 'US', '+1415', sms, { validationNumbers: { sms: ours, missedCall: '+14155559002' } }),
      carrier('other-us', 'US', '+1212', sms, { validationNumbers: { sms: ours } }),
      carrier('uk', 'GB', '+44', sms, {}),
      carrier('lv', 'LV', '+371', sms, {}),
    ],
    ...settings,
  }));
  person = new Person(house);
};

const carrier = (id: string, country: string, prefix: string, sms: object, more: object) => ({
  ...{ id, name: id, country, family: 'gsm', prefixes: [prefix], cNumber: `${prefix.padEnd(8, '5')}9000` },
  ...{
    trunks: [{ host: '127.0.0.1', port: 5070 }],
    sms: { ...sms, inboundToken: 'an-inbound-token' },
    ...more,
  },
});

const codeOf = (answer: LightMyRequestResponse): string => answer.json<{ code: string }>().code;
const check = (who: Person, id: string, code: string) =>
  who.call('POST', `/api/validations/${id}/check`, { code });
const claim = (who: Person, id: string) => who.call('POST', `/api/validations/${id}/claim`);
const start = (who: Person, body: object) => who.call('POST', '/api/validations', body);
const other = (code: string): string => (code === '000000' ? '000001' : '000000');
const rows = () => house.store.selectFrom('validations').selectAll().execute();

describe('a code', () => {
  beforeEach(() => open());

  it('has six digits at least, whatever the configuration says', async () => {
    expect((await person.code(anna, 'sign-up')).code).toMatch(/^\d{6}$/);
    await house.close();
    await expect(open({ validation: { codeDigits: 5 } })).rejects.toThrow(/codeDigits/);
    await open({ validation: { codeDigits: 8 } });
    expect((await person.code(anna, 'sign-up')).code).toMatch(/^\d{8}$/);
  });

  it('is kept as a hash that is good for nothing without the key, and the id as a hash too', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    await person.call('POST', `/api/validations/${id}/check`, { code: other(code) });
    const [row] = await rows();
    const text = JSON.stringify(row);
    for (const secret of [`"${code}"`, id]) expect(text).not.toContain(secret);
    for (const hashed of [code, `${id}:${code}`, `${row?.id_hash}:${code}`]) {
      expect(row?.answer_hash).not.toBe(createHash('sha256').update(hashed).digest('hex'));
      expect(row?.answer_hash).not.toBe(createHmac('sha256', '').update(hashed).digest('hex'));
    }
    expect(house.logLines.join('')).not.toContain(id);
  });

  it('is good for ten minutes', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    house.now += 10 * minute - 1;
    expect((await check(person, id, code)).statusCode).toBe(200);
    const late = await person.code(anna, 'sign-up');
    house.now += 10 * minute;
    expect(codeOf(await check(person, late.id, late.code))).toBe('code-expired');
  });

  it('allows five tries; then there has to be a new one', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    for (const left of [4, 3, 2, 1]) {
      expect((await check(person, id, other(code))).json()).toMatchObject({
        code: 'wrong-code',
        attemptsLeft: left,
      });
    }
    expect(codeOf(await check(person, id, other(code)))).toBe('too-many-attempts');
    expect(codeOf(await check(person, id, code))).toBe('too-many-attempts');
    const next = await person.code(anna, 'sign-up');
    expect((await check(person, next.id, next.code)).statusCode).toBe(200);
  });

  it('counts guesses that are made at once', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    const guesses = Array.from({ length: 20 }, () => check(person, id, other(code)));
    const answers = (await Promise.all(guesses)).map(codeOf);
    expect(answers.filter((one) => one === 'wrong-code')).toHaveLength(4);
    expect(codeOf(await check(person, id, code))).toBe('too-many-attempts');
  });

  it('is of its own validation only', async () => {
    const [one, two] = [await person.code(anna, 'sign-up'), await person.code(anna, 'sign-up')];
    if (one.code !== two.code) expect(codeOf(await check(person, one.id, two.code))).toBe('wrong-code');
    expect((await check(person, two.id, two.code)).statusCode).toBe(200);
  });

  it('is guessed no better over many validations: they share what a number may be guessed at in a day', async () => {
    await house.close();
    await open({ validation: { wrongCodesPerNumberPerDay: 8, sendsPerNumberPerHour: 20 } });
    const guess = async (times: number) => {
      const { id, code } = await person.code(anna, 'login');
      const answers: string[] = [];
      for (let nth = 0; nth < times; nth += 1) answers.push(codeOf(await check(person, id, other(code))));
      return { id, code, answers };
    };
    await guess(4);
    const second = await guess(4);
    expect(second.answers).toEqual(['wrong-code', 'wrong-code', 'wrong-code', 'wrong-code']);
    // Even the right one: it could be the ninth guess.
    expect(codeOf(await check(person, second.id, second.code))).toBe('too-many-attempts');
    const refused = await start(person, { number: anna, purpose: 'login' });
    expect(codeOf(refused)).toBe('too-many-attempts');
    // Other numbers, and ways that cannot be guessed, are still open.
    await person.prove('+14155550102', 'login');
    const confirm = await start(person, { number: anna, purpose: 'login', mechanism: 'sms-confirm' });
    expect(confirm.statusCode).toBe(201);
    house.now += 24 * 60 * minute;
    expect((await start(person, { number: anna, purpose: 'login' })).statusCode).toBe(201);
  });

  it('proves once, and its proof is good once', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    const { proof } = (await check(person, id, code)).json<{ proof: string }>();
    expect(codeOf(await check(person, id, code))).toBe('code-expired');
    const signUp = () => person.call('POST', '/api/accounts', { proof, password: goodPassword, device });
    expect((await signUp()).statusCode).toBe(201);
    expect(codeOf(await signUp())).toBe('bad-proof');
    expect(codeOf(await check(person, id, code))).toBe('code-expired');
  });

  it('cannot be claimed instead', async () => {
    const { id } = await person.code(anna, 'sign-up');
    expect(codeOf(await claim(person, id))).toBe('mechanism-not-possible');
  });
});

describe('a link to confirm', () => {
  beforeEach(() => open());

  it('proves by its token, which the SMS carries twice, and by nothing else', async () => {
    const started = await start(person, { number: anna, purpose: 'sign-up', mechanism: 'sms-confirm' });
    expect(started.json()).toMatchObject({ mechanism: 'sms-confirm', challenge: { kind: 'confirm-sms' } });
    const { id } = started.json<{ id: string }>();
    await house.smsCentre.count(1);
    const { text } = house.smsCentre.received[0]!;
    const [, inLink = ''] = new RegExp(`http://localhost:8080/#/confirm/${id}/(\\w{22})\\n`).exec(text) ?? [];
    expect(text.split('\n').at(-1)).toBe(`@localhost #${inLink}`);
    expect(codeOf(await check(person, id, inLink.slice(1)))).toBe('wrong-code');
    // Whoever has been sent a link by somebody else's wish gains that person nothing.
    expect(codeOf(await claim(person, id))).toBe('mechanism-not-possible');
    expect((await check(person, id, inLink)).json()).toMatchObject({ proof: expect.any(String) });
    expect(codeOf(await check(person, id, inLink))).toBe('code-expired');
  });
});

describe('what is sent', () => {
  it('is limited for a number, an account and an address, each counting SMS alone', async () => {
    await open({
      validation: { sendsPerNumberPerHour: 2, sendsPerAddressPerHour: 7, sendsPerAccountPerHour: 4 },
    });
    const send = (number: string, who = person) => start(who, { number, purpose: 'login' });
    for (const wanted of [201, 201, 429]) expect((await send(anna)).statusCode).toBe(wanted);
    house.now += 60 * minute;
    await house.smsCentre.count(2);
    await person.signUp(anna);
    const mine = (nth: number) => start(person, { number: `+1415555020${nth}`, purpose: 'link' });
    for (const nth of [1, 2, 3, 4]) expect((await mine(nth)).statusCode).toBe(201);
    expect((await mine(5)).json()).toMatchObject({ code: 'too-many-sends', retryAfter: 3600 });
    for (const nth of [6, 7])
      expect((await send(`+1415555020${nth}`, new Person(house))).statusCode).toBe(201);
    expect((await send('+14155550208', new Person(house))).statusCode).toBe(429);
    // What people send themselves is counted apart.
    const incoming = { number: '+14155550209', purpose: 'login', mechanism: 'sms-from-client' };
    expect((await start(new Person(house), incoming)).statusCode).toBe(201);
  });

  it('is limited to a country and to all the world, with exceptions, and counted (SMS pumping)', async () => {
    const sendsByCountry = { GB: 5, LV: 0 };
    await open({ validation: { sendsPerCountryPerHour: 3, sendsByCountry, sendsPerHour: 7 } });
    const send = (number: string) => start(person, { number, purpose: 'sign-up' });
    const sequence = async (prefix: string, count: number) => {
      const codes: number[] = [];
      for (let nth = 0; nth < count; nth += 1) codes.push((await send(`${prefix}${nth}`)).statusCode);
      return codes;
    };
    expect(await sequence('+1415555010', 4)).toEqual([201, 201, 201, 429]);
    expect(codeOf(await send('+37120000000'))).toBe('mechanism-not-possible');
    expect(await sequence('+44770090012', 5)).toEqual([201, 201, 201, 201, 429]);
    expect(house.smsCentre.received.length).toBeLessThanOrEqual(7);
    const metrics = (await house.app.inject('/metrics')).body.split('\n');
    expect(metrics.filter((line) => /^ringthrough_validation_(sends|refused)/.test(line))).toEqual([
      'ringthrough_validation_sends_total{channel="sms",country="US"} 3',
      'ringthrough_validation_sends_total{channel="sms",country="GB"} 4',
      'ringthrough_validation_refused_total{limit="country",country="US"} 1',
      'ringthrough_validation_refused_total{limit="total",country="GB"} 1',
    ]);
    house.now += 60 * minute;
    expect((await send(anna)).statusCode).toBe(201);
  });
});

describe('what was counted', () => {
  const victim = '+14155550199';
  const close = (who: Person) => who.call('DELETE', '/api/account', { password: goodPassword });

  it('counts on when the account is closed that it was counted for', async () => {
    await open({
      validation: { sendsPerNumberPerHour: 3, sendsPerAddressPerHour: 8, sendsPerCountryPerHour: 6 },
    });
    const send = async (number: string) =>
      codeOf(await start(new Person(house), { number, purpose: 'login' })) ?? 'sent';
    for (let nth = 0; nth < 2; nth += 1) {
      await person.signUp(anna);
      await person.code(victim, 'link');
      expect((await close(person)).statusCode).toBe(200);
    }
    expect([await send(anna), await send(anna)]).toEqual(['sent', 'too-many-sends']);
    expect([await send(victim), await send(victim)]).toEqual(['sent', 'too-many-sends']);
    expect(await send('+14155550198')).toBe('too-many-sends');
    expect([await send('+447700900120'), await send('+447700900121')]).toEqual(['sent', 'sent']);
    expect(await send('+447700900122')).toBe('too-many-sends');
    house.now += 60 * minute;
    expect([await send(anna), await send(victim)]).toEqual(['sent', 'sent']);
  });

  it('of wrong codes, too: nobody guesses anew by closing an account', async () => {
    await open({ validation: { wrongCodesPerNumberPerDay: 4 } });
    for (let nth = 0; nth < 2; nth += 1) {
      await person.signUp(anna);
      const { id, code } = await person.code(victim, 'link');
      for (let tries = 0; tries < 2; tries += 1) await check(person, id, other(code));
      expect((await close(person)).statusCode).toBe(200);
    }
    const request = { number: victim, purpose: 'login' };
    expect(codeOf(await start(new Person(house), request))).toBe('too-many-attempts');
  });

  it('is no more than that: whose number, account and address it was is not kept', async () => {
    await open();
    await person.signUp(anna);
    const { id } = await person.code(victim, 'link');
    const { id: accountId } = (await person.call('GET', '/api/account')).json();
    const ids = (await rows()).map((row) => row.id_hash);
    const visitor = new Person(house);
    await close(person);
    const left = await rows();
    expect(left).toHaveLength(2);
    for (const sign of [anna, victim, accountId, '127.0.0.1', ...ids]) {
      expect(JSON.stringify(left)).not.toContain(sign);
    }
    expect(codeOf(await check(visitor, id, '123456'))).toBe('no-such-validation');
    house.now += 49 * 60 * minute;
    await house.services.validations.sweep();
    expect(await rows()).toEqual([]);
  });
});

describe('an SMS from the person', () => {
  beforeEach(() => open());

  let events = 0;
  const tell = (text: string, more: Partial<SourceEvent> = {}) =>
    house.services.validations.desk.proveBySource({
      mechanism: 'sms-from-client',
      eventId: `event ${++events}`,
      number: anna,
      carrierId: 'us',
      to: ours,
      at: house.now,
      answers: [text],
      ...more,
    });

  async function begin(who = person, number = anna, purpose = 'sign-up') {
    const answer = await start(who, { number, purpose, mechanism: 'sms-from-client' });
    expect(answer.statusCode, answer.body).toBe(201);
    const { id, challenge } = answer.json<{ id: string; challenge: { to: string; text: string } }>();
    expect(challenge).toMatchObject({ kind: 'send-sms', to: ours });
    return { id, word: challenge.text.split(' ').at(-1) ?? '' };
  }

  const state = async (id: string) => (await person.call('GET', `/api/validations/${id}`)).json();

  it('proves the number that it came from, and the starter claims it', async () => {
    const { id, word } = await begin();
    expect(codeOf(await claim(person, id))).toBe('not-proved-yet');
    expect(codeOf(await check(person, id, word))).toBe('mechanism-not-possible');
    expect(await tell(word)).toBe('proved');
    expect(await state(id)).toMatchObject({ state: 'proved' });
    const [first, second] = [await claim(person, id), await claim(person, id)];
    const spend = (answer: LightMyRequestResponse) =>
      person.call('POST', '/api/accounts', { ...answer.json<object>(), password: goodPassword, device });
    expect(codeOf(await spend(first))).toBe('bad-proof');
    expect((await spend(second)).statusCode).toBe(201);
    expect(codeOf(await claim(person, id))).toBe('code-expired');
  });

  it('proves nothing from another number, by another carrier, at another number, or of another kind', async () => {
    const { id, word } = await begin();
    expect(await tell(word, { number: '+14155550102' })).toBe('none');
    expect(await tell(word, { carrierId: 'other-us' })).toBe('none');
    expect(await tell(word, { to: '+14155559002' })).toBe('none');
    expect(await tell(word, { mechanism: 'missed-call' })).toBe('none');
    expect(await state(id)).toMatchObject({ state: 'pending', attemptsLeft: 5 });
    expect(await tell(word)).toBe('proved');
  });

  it('proves nothing a second time', async () => {
    const { word } = await begin();
    const at = house.now;
    expect(await tell(word, { eventId: 'the same' })).toBe('proved');
    const next = await begin();
    expect(await tell(word, { eventId: 'the same' })).toBe('none');
    expect(await tell(next.word, { eventId: 'the same' })).toBe('none');
    // Sent again by the SMS centre under another id: it is older than what it would prove.
    await person.call('DELETE', `/api/validations/${next.id}`);
    house.now += minute;
    const third = await begin();
    expect(await tell(third.word, { at })).toBe('none');
    expect(await state(third.id)).toMatchObject({ state: 'pending', attemptsLeft: 5 });
  });

  it('proves nothing when it is late, neither sent late nor told late; nor is it claimed late', async () => {
    const { id, word } = await begin();
    const sentAt = house.now + 9 * minute;
    house.now += 10 * minute;
    expect(await tell(word, { at: sentAt })).toBe('none');
    expect(await tell(word)).toBe('none');
    expect(await state(id)).toMatchObject({ state: 'expired' });
    const next = await begin();
    expect(await tell(next.word)).toBe('proved');
    house.now += 15 * minute;
    expect(codeOf(await claim(person, next.id))).toBe('code-expired');
  });

  it('proves nothing after five with the wrong text', async () => {
    const { id, word } = await begin();
    for (const left of [4, 3, 2, 1]) {
      expect(await tell('WRONGONE')).toBe('wrong');
      expect(await state(id)).toMatchObject({ state: 'pending', attemptsLeft: left });
    }
    expect(await tell('WRONGONE')).toBe('void');
    expect(await tell(word)).toBe('none');
    expect(codeOf(await claim(person, id))).toBe('too-many-attempts');
  });

  it('proves the validation whose text it has, and no other of the same number', async () => {
    const mallory = new Person(house);
    const [theirs, mine] = [await begin(mallory), await begin()];
    expect(await tell(mine.word)).toBe('proved');
    expect(codeOf(await claim(mallory, theirs.id))).toBe('not-proved-yet');
    expect((await claim(person, mine.id)).statusCode).toBe(200);
  });

  it('proves nothing once the person has given up', async () => {
    const { id, word } = await begin();
    expect((await person.call('DELETE', `/api/validations/${id}`)).statusCode).toBe(204);
    expect(await tell(word)).toBe('none');
    expect(await state(id)).toMatchObject({ state: 'failed' });
    expect(codeOf(await claim(person, id))).toBe('code-expired');
  });
});

describe('a proof that one account started', () => {
  beforeEach(() => open());

  it.each(['link', 'close'] as const)(
    'to %s is nobody else’s to see, answer, claim, give up or spend',
    async (purpose) => {
      await person.signUp(anna);
      const mallory = new Person(house);
      await mallory.signUp('+14155550102');
      const visitor = new Person(house);
      const number = purpose === 'link' ? '+14155550103' : anna;
      const { id, code } = await person.code(number, purpose);
      for (const stranger of [mallory, visitor]) {
        expect(codeOf(await check(stranger, id, code))).toBe('no-such-validation');
        expect(codeOf(await claim(stranger, id))).toBe('no-such-validation');
        expect(codeOf(await stranger.call('GET', `/api/validations/${id}`))).toBe('no-such-validation');
        expect(codeOf(await stranger.call('DELETE', `/api/validations/${id}`))).toBe('no-such-validation');
      }
      const answer = await check(person, id, code);
      const { proof } = answer.json<{ proof: string }>();
      const row = house.services.validations;
      const { accountId } = {
        accountId: (await mallory.call('GET', '/api/account')).json<{ id: string }>().id,
      };
      const spend = (account: string | undefined) =>
        house.store.transaction().execute((trx) => row.spend(trx, { proof, purpose, accountId: account }));
      await expect(spend(accountId)).rejects.toMatchObject({ code: 'bad-proof' });
      await expect(spend(undefined)).rejects.toMatchObject({ code: 'bad-proof' });
      const mine = (await person.call('GET', '/api/account')).json<{ id: string }>().id;
      expect(await spend(mine)).toEqual({ number, carrierId: 'us' });
      await expect(spend(mine)).rejects.toMatchObject({ code: 'bad-proof' });
    },
  );

  it('is not begun by an account that has been closed meanwhile', async () => {
    const request = { number: '+14155550103', purpose: 'link', address: '127.0.0.1' } as const;
    const begun = house.services.validations.start({ ...request, accountId: 'closed' });
    await expect(begun).rejects.toMatchObject({ code: 'not-logged-in' });
  });

  it('to link cannot be begun by a visitor, in the API or in the database', async () => {
    for (const purpose of ['link', 'close']) {
      expect(codeOf(await start(person, { number: anna, purpose }))).toBe('not-logged-in');
    }
    await person.code(anna, 'login');
    const write = house.store.updateTable('validations').set({ purpose: 'link' }).execute();
    await expect(write).rejects.toThrow(/constraint/i);
  });

  it.each(['sign-up', 'login', 'reset'] as const)('for %s is good for that alone', async (purpose) => {
    const proof = await person.prove(anna, purpose);
    const { validations } = house.services;
    for (const wrong of (['sign-up', 'login', 'reset', 'link', 'close'] as const).filter(
      (one) => one !== purpose,
    )) {
      const spent = validations.spend(house.store, { proof, purpose: wrong, accountId: 'somebody' });
      await expect(spent).rejects.toMatchObject({ code: 'bad-proof' });
    }
    expect(await validations.spend(house.store, { proof, purpose, accountId: undefined })).toMatchObject({
      number: anna,
    });
  });

  it('is found by its id alone: ids are random, and nobody can list them', async () => {
    const ids = new Set<string>();
    for (const number of ['+14155550101', '+14155550102', '+14155550103']) {
      ids.add((await person.code(number, 'sign-up')).id);
    }
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9]{22}$/);
    expect(ids.size).toBe(3);
    for (const guess of ['x', 'A'.repeat(22)]) {
      expect((await person.call('GET', `/api/validations/${guess}`)).statusCode).toBe(404);
    }
  });
});

describe('waiting for a proof', () => {
  beforeEach(() => open());

  const begin = async () =>
    (await start(person, { number: anna, purpose: 'login', mechanism: 'sms-from-client' })).json<{
      id: string;
      challenge: { text: string };
    }>();
  const wait = (id: string, query = 'waitSeconds=25') =>
    person.call('GET', `/api/validations/${id}?${query}`);
  const soon = <T>(answer: Promise<T>) =>
    Promise.race([answer, new Promise((resolve) => setImmediate(resolve, 'waits'))]);

  it('ends with the proof', async () => {
    const { id, challenge } = await begin();
    const waiting = wait(id);
    const event = {
      mechanism: 'sms-from-client',
      eventId: 'e',
      number: anna,
      carrierId: 'us',
      to: ours,
    } as const;
    const answers = [challenge.text.split(' ').at(-1) ?? ''];
    await house.services.validations.desk.proveBySource({ ...event, at: house.now, answers });
    expect((await waiting).json()).toEqual({ state: 'proved', detail: null, attemptsLeft: 5 });
    expect((await wait(id)).json()).toMatchObject({ state: 'proved' });
  });

  it('ends with news, and begins with news that the asker has not seen', async () => {
    const { id } = await begin();
    const { desk } = house.services.validations;
    const waiting = wait(id);
    await desk.report(id, 'ringing');
    expect((await waiting).json()).toMatchObject({ state: 'pending', detail: 'ringing' });
    expect((await wait(id, 'waitSeconds=25&seen=calling')).json()).toMatchObject({ detail: 'ringing' });
    const next = wait(id, 'waitSeconds=25&seen=ringing');
    await soon(next);
    await desk.fail(id, 'no-answer');
    expect((await next).json()).toMatchObject({ state: 'failed', detail: 'no-answer' });
    await desk.report(id, 'answered');
    expect((await wait(id)).json()).toMatchObject({ state: 'failed', detail: 'no-answer' });
  });

  it('ends after the time that was asked for', async () => {
    const { id } = await begin();
    expect((await wait(id, 'waitSeconds=0.05')).json()).toMatchObject({ state: 'pending' });
    expect((await wait(id, 'waitSeconds=26')).statusCode).toBe(400);
  });

  it('ends when it expires', async () => {
    const { id } = await begin();
    house.now += 10 * minute - 50;
    const waiting = wait(id);
    await soon(waiting);
    house.now += 50;
    expect((await waiting).json()).toMatchObject({ state: 'expired' });
  });

  it('ends when the server does', async () => {
    const { id } = await begin();
    const waiting = wait(id);
    await soon(waiting);
    await house.app.close();
    expect((await waiting).json()).toMatchObject({ state: 'pending' });
    await house.rebuild();
  });
});
