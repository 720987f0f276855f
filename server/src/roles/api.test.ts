import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { device, goodPassword, Person, TestHouse } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';
const annaUk = '+447700900123';

let house: TestHouse;
let person: Person;
beforeEach(async () => {
  house = await TestHouse.open();
  person = new Person(house);
});
afterEach(() => house.close());

function problem(answer: { statusCode: number; headers: object; json: () => unknown }) {
  expect((answer.headers as Record<string, string>)['content-type']).toMatch(/^application\/problem\+json/);
  const body = answer.json() as { status: number; code: string; detail: string; title: string; type: string };
  expect(body.status).toBe(answer.statusCode);
  expect(body.type).toBe(`urn:ringthrough:problem:${body.code}`);
  expect(body.title && body.detail).toBeTruthy();
  return body;
}

describe('sign-up (R-SIGNUP)', () => {
  it('makes an account with the proved number as primary and logs the browser in', async () => {
    const answer = await person.signUp('+1 (415) 555-0101');
    expect(answer.statusCode).toBe(201);
    const body = answer.json();
    expect(body.account.numbers).toEqual([
      {
        number: anna,
        primary: true,
        carrier: { id: 'us', name: 'Test US', country: 'US', family: 'gsm', integrated: false },
        answerMode: 'both',
        forwarding: {
          cNumber: '+14155559000',
          mode: 'manual',
          state: 'unknown',
          source: null,
          error: null,
          changedAt: null,
          noReplySeconds: null,
          noReplyChoices: [5, 10, 15, 20, 25, 30],
          commands: {
            activate: '**004*+14155559000#',
            deactivate: '##004#',
            status: '*#004#',
            noReply: '**61*+14155559000**{seconds}#',
            deactivateNoReply: '##61#',
          },
          check: null,
        },
        validatedAt: house.now,
      },
    ]);
    expect(body.device).toMatchObject({ ...device, kind: 'web', current: true, registered: false });
    expect(body.sip).toMatchObject({ domain: 'localhost', realm: 'ringthrough', server: '127.0.0.1:5060' });
    expect(body.sip.user).toMatch(/^d[a-z0-9]{15}$/);
    const cookies = [answer.headers['set-cookie']].flat();
    expect(cookies).toHaveLength(2);
    for (const cookie of cookies) expect(cookie).toMatch(/; HttpOnly; SameSite=Strict/i);
    expect(cookies[1]).toMatch(/^ringthrough_refresh=[\w-]{64};.* Path=\/api\/sessions\/refresh;/);
    expect((await person.call('GET', '/api/account')).json()).toEqual(body.account);
  });

  it('sends a code that browsers read by themselves (WebOTP)', async () => {
    const { code } = await person.code(anna, 'sign-up');
    expect(house.smsCentre.received[0]).toMatchObject({ to: anna, from: '+14155559000' });
    expect(house.smsCentre.received[0]?.text.split('\n').at(-1)).toBe(`@localhost #${code}`);
    expect(house.smsCentre.authorisations).toEqual(['Bearer sms-centre-token']);
  });

  it('keeps neither code nor password nor SIP password in clear', async () => {
    const answer = await person.signUp(anna);
    const rows = JSON.stringify([
      await house.store.selectFrom('accounts').selectAll().execute(),
      await house.store.selectFrom('devices').selectAll().execute(),
      await house.store.selectFrom('sessions').selectAll().execute(),
      await house.store.selectFrom('validations').selectAll().execute(),
    ]);
    const code = /code is (\d+)/.exec(house.smsCentre.received[0]!.text)![1]!;
    for (const secret of [
      goodPassword,
      answer.json().sip.password,
      person.cookie!,
      person.refreshCookie!,
      `"${code}"`,
    ]) {
      expect(rows).not.toContain(secret);
    }
  });

  it('says what is wrong with a number that is none', async () => {
    for (const number of ['hello', '123', '4155550101', '+1415555010', '+14155550101 ext 5']) {
      const answer = await person.call('POST', '/api/validations', { number, purpose: 'sign-up' });
      expect(problem(answer)).toMatchObject({ status: 422, code: 'not-a-number' });
    }
    expect(house.smsCentre.received).toEqual([]);
  });

  it('takes a national number with its region', async () => {
    const body = { number: '07700 900123', region: 'gb', purpose: 'sign-up' };
    expect((await person.call('POST', '/api/validations', body)).json()).toMatchObject({ number: annaUk });
  });

  it('refuses a number that no carrier serves', async () => {
    const answer = await person.call('POST', '/api/validations', {
      number: '+4930123456',
      purpose: 'sign-up',
    });
    expect(problem(answer).code).toBe('no-carrier');
  });

  it('leaves the proof unspent when the password is weak', async () => {
    const proof = await person.prove(anna, 'sign-up');
    for (const password of ['short', 'password123', 'aaaaaaaaaa', '4155550101']) {
      const answer = await person.call('POST', '/api/accounts', { proof, password, device });
      expect(problem(answer).code).toBe('weak-password');
    }
    const answer = await person.call('POST', '/api/accounts', { proof, password: goodPassword, device });
    expect(answer.statusCode).toBe(201);
  });

  it('takes a proof once', async () => {
    const proof = await person.prove(anna, 'sign-up');
    const body = { proof, password: goodPassword, device };
    const both = await Promise.all([
      person.call('POST', '/api/accounts', body),
      person.call('POST', '/api/accounts', body),
    ]);
    expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([201, 422]);
    expect(await house.store.selectFrom('accounts').select('id').execute()).toHaveLength(1);
  });

  it('takes a proof for its purpose only', async () => {
    const proof = await person.prove(anna, 'login');
    const answer = await person.call('POST', '/api/accounts', { proof, password: goodPassword, device });
    expect(problem(answer).code).toBe('bad-proof');
  });

  it('gives a recycled number to its new owner and tells the old one (R-RECYCLED)', async () => {
    await person.signUp(anna);
    await person.link(annaUk);
    const next = new Person(house);
    expect((await next.signUp(anna)).statusCode).toBe(201);
    const numbers = (await person.call('GET', '/api/account')).json().numbers;
    expect(numbers).toMatchObject([{ number: annaUk, primary: true }]);
    const [notice] = (await person.call('GET', '/api/notices')).json();
    expect(notice).toMatchObject({ code: 'number-lost', data: { number: anna }, seenAt: null });
    expect((await person.call('POST', `/api/notices/${notice.id}/seen`)).statusCode).toBe(204);
    expect((await person.call('GET', '/api/notices')).json()[0].seenAt).toBe(house.now);
    expect(problem(await next.call('POST', `/api/notices/${notice.id}/seen`)).code).toBe('not-found');
  });
});

describe('codes', () => {
  it('counts wrong codes and then takes none', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    const wrong = code === '000000' ? '000001' : '000000';
    const check = (attempt: string) => person.call('POST', `/api/validations/${id}/check`, { code: attempt });
    for (const attemptsLeft of [4, 3, 2, 1]) {
      expect(problem(await check(wrong))).toMatchObject({ status: 422, code: 'wrong-code', attemptsLeft });
    }
    expect(problem(await check(wrong)).code).toBe('too-many-attempts');
    expect(problem(await check(code)).code).toBe('too-many-attempts');
  });

  it('expire, and proofs too', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    house.now += 600_000;
    expect(problem(await person.call('POST', `/api/validations/${id}/check`, { code })).code).toBe(
      'code-expired',
    );
    const proof = await person.prove(anna, 'sign-up');
    house.now += 900_000;
    const answer = await person.call('POST', '/api/accounts', { proof, password: goodPassword, device });
    expect(problem(answer).code).toBe('bad-proof');
  });

  it('are good once', async () => {
    const { id, code } = await person.code(anna, 'sign-up');
    const check = () => person.call('POST', `/api/validations/${id}/check`, { code });
    expect((await check()).statusCode).toBe(200);
    expect(problem(await check()).code).toBe('code-expired');
  });

  it('are sent to one number a few times an hour', async () => {
    const send = () => person.call('POST', '/api/validations', { number: anna, purpose: 'sign-up' });
    for (let sent = 0; sent < 5; sent += 1) {
      expect((await send()).statusCode).toBe(201);
      house.now += 60_000;
    }
    const refused = await send();
    expect(problem(refused)).toMatchObject({ status: 429, code: 'too-many-sends', retryAfter: 3300 });
    expect(refused.headers['retry-after']).toBe('3300');
    house.now += 3_300_000;
    expect((await send()).statusCode).toBe(201);
    expect((await send()).statusCode).toBe(429);
  });

  it('are sent for one address a few times an hour', async () => {
    for (let sent = 0; sent < 20; sent += 1) {
      const number = `+1415555${String(1000 + sent)}`;
      expect((await person.call('POST', '/api/validations', { number, purpose: 'login' })).statusCode).toBe(
        201,
      );
    }
    const body = { number: anna, purpose: 'login' };
    expect(problem(await person.call('POST', '/api/validations', body)).code).toBe('too-many-sends');
  });

  it('are answered the same for known and unknown numbers', async () => {
    await person.signUp(anna);
    const ask = (number: string) =>
      new Person(house).call('POST', '/api/validations', { number, purpose: 'login' });
    const [known, unknown] = [await ask(anna), await ask('+14155550177')];
    const shape = ({ statusCode, json }: typeof known) => ({
      statusCode,
      ...json<object>(),
      id: '',
      number: '',
    });
    expect(shape(known)).toEqual(shape(unknown));
  });

  it('need a validation', async () => {
    const answer = await person.call('POST', '/api/validations/none/check', { code: '123456' });
    expect(problem(answer)).toMatchObject({ status: 404, code: 'no-such-validation' });
  });
});

describe('logging in (R-PASSWORD)', () => {
  beforeEach(async () => {
    await person.signUp(anna);
    await person.link(annaUk);
  });

  it('works with any linked number and the password, on any number of devices', async () => {
    for (const number of [anna, '+44 7700 900123']) {
      const answer = await new Person(house).call('POST', '/api/sessions', {
        number,
        password: goodPassword,
        device,
      });
      expect(answer.statusCode).toBe(201);
      expect(answer.json().account.numbers).toHaveLength(2);
    }
    expect((await person.call('GET', '/api/devices')).json()).toHaveLength(3);
  });

  it('refuses a wrong password and an unknown number alike', async () => {
    const log = (number: string, password: string) =>
      new Person(house).call('POST', '/api/sessions', { number, password, device });
    const wrong = problem(await log(anna, 'wrong password'));
    expect(wrong).toMatchObject({ status: 401, code: 'wrong-credentials' });
    expect(problem(await log('+14155550188', goodPassword))).toEqual(wrong);
  });

  it('works by proving the number again', async () => {
    const next = new Person(house);
    const proof = await next.prove(annaUk, 'login');
    expect((await next.call('POST', '/api/sessions', { proof, device })).statusCode).toBe(201);
    const stranger = new Person(house);
    const unknown = await stranger.prove('+14155550188', 'login');
    const refused = await stranger.call('POST', '/api/sessions', { proof: unknown, device });
    expect(problem(refused)).toMatchObject({ status: 404, code: 'no-account' });
  });

  it('slows down who guesses at one number, and still lets a code in', async () => {
    const log = (password: string) =>
      person.call('POST', '/api/sessions', { number: anna, password, device });
    for (let tries = 0; tries < 30; tries += 1) expect((await log('wrong one')).statusCode).toBe(401);
    expect(problem(await log(goodPassword)).code).toBe('too-many-requests');
    const proof = await person.prove(anna, 'login');
    expect((await person.call('POST', '/api/sessions', { proof, device })).statusCode).toBe(201);
  });

  it('ends with logging out, and the device goes', async () => {
    const other = new Person(house);
    await other.call('POST', '/api/sessions', { number: anna, password: goodPassword, device });
    const removed: string[] = [];
    house.fabric.subscribe('device.removed', ({ deviceId }) => removed.push(deviceId));
    const token = other.cookie!;
    expect((await other.call('DELETE', '/api/sessions/current')).statusCode).toBe(204);
    expect(other.cookie).toBeUndefined();
    expect(removed).toHaveLength(1);
    other.cookie = token;
    expect(problem(await other.call('GET', '/api/account')).code).toBe('not-logged-in');
    expect((await person.call('GET', '/api/devices')).json()).toHaveLength(1);
  });

  it('takes a bearer token, which needs no CSRF header', async () => {
    const headers = { authorization: `Bearer ${person.cookie}` };
    const bare = { method: 'PUT', url: '/api/account/primary', payload: { number: annaUk } } as const;
    const cookie = `ringthrough_session=${person.cookie}`;
    const refused = await house.app.inject({ ...bare, headers: { cookie } });
    expect(problem(refused)).toMatchObject({ status: 403, code: 'csrf-header-missing' });
    expect((await house.app.inject({ ...bare, headers })).statusCode).toBe(200);
  });

  it('forgets a session that was not used for long', async () => {
    house.now += 179 * 86_400_000;
    expect((await person.call('GET', '/api/account')).statusCode).toBe(200);
    house.now += 179 * 86_400_000;
    expect((await person.call('GET', '/api/account')).statusCode).toBe(200);
    house.now += 181 * 86_400_000;
    expect((await person.call('GET', '/api/account')).statusCode).toBe(401);
  });
});

describe('numbers (R-LINK, R-DELINK, R-PRIMARY)', () => {
  beforeEach(() => person.signUp(anna));

  it('link, become primary, and go', async () => {
    const changes: string[] = [];
    house.fabric.subscribe('account.changed', ({ accountId }) => changes.push(accountId));
    const linked = await person.link(annaUk);
    expect(linked.statusCode).toBe(201);
    expect(linked.json().numbers).toMatchObject([
      { number: anna, primary: true },
      { number: annaUk, primary: false, carrier: { id: 'uk' }, forwarding: { cNumber: '+447700900999' } },
    ]);
    const refused = await person.call('DELETE', `/api/account/numbers/${encodeURIComponent(anna)}`);
    expect(problem(refused)).toMatchObject({ status: 409, code: 'primary-number' });
    const primary = await person.call('PUT', '/api/account/primary', { number: annaUk });
    expect(primary.json().numbers[0]).toMatchObject({ number: annaUk, primary: true });
    expect((await person.call('DELETE', `/api/account/numbers/${anna}`)).statusCode).toBe(204);
    expect((await person.call('GET', '/api/account')).json().numbers).toHaveLength(1);
    expect(changes).toHaveLength(3);
  });

  it('are linked once', async () => {
    expect(problem(await person.link(anna))).toMatchObject({ status: 409, code: 'already-linked' });
  });

  it('are linked to the account that asked for the code', async () => {
    const proof = await person.prove(annaUk, 'link');
    const other = new Person(house);
    await other.signUp('+14155550102');
    const answer = await other.call('POST', '/api/account/numbers', { proof });
    expect(problem(answer).code).toBe('bad-proof');
    expect((await person.call('POST', '/api/account/numbers', { proof })).statusCode).toBe(201);
  });

  it('are nobody else’s to touch', async () => {
    const other = new Person(house);
    await other.signUp('+14155550102');
    for (const answer of [
      await other.call('DELETE', `/api/account/numbers/${anna}`),
      await other.call('PUT', '/api/account/primary', { number: anna }),
      await other.call('PATCH', `/api/account/numbers/${anna}`, { answerMode: 'mca' }),
    ]) {
      expect(problem(answer)).toMatchObject({ status: 404, code: 'no-such-number' });
    }
  });

  it('have an answer mode', async () => {
    const answer = await person.call('PATCH', `/api/account/numbers/${anna}`, { answerMode: 'mca' });
    expect(answer.json().numbers[0].answerMode).toBe('mca');
    const wrong = await person.call('PATCH', `/api/account/numbers/${anna}`, { answerMode: 'x' });
    expect(problem(wrong).code).toBe('bad-request');
  });

  it('need a login to be linked', async () => {
    const answer = await new Person(house).call('POST', '/api/validations', {
      number: annaUk,
      purpose: 'link',
    });
    expect(problem(answer)).toMatchObject({ status: 401, code: 'not-logged-in' });
  });
});

describe('devices (R-DEVICES)', () => {
  beforeEach(() => person.signUp(anna));

  it('are added, listed and signed out', async () => {
    house.now += 1;
    const added = await person.call('POST', '/api/devices', { name: 'Desk phone' });
    expect(added.statusCode).toBe(201);
    const { device: softphone, sip } = added.json();
    expect(softphone).toMatchObject({
      name: 'Desk phone',
      kind: 'softphone',
      current: false,
      lastSeenAt: null,
    });
    expect(sip.password.length).toBeGreaterThan(20);
    const listed = (await person.call('GET', '/api/devices')).json();
    expect(listed).toMatchObject([{ current: true }, { id: softphone.id }]);
    expect((await person.call('DELETE', `/api/devices/${softphone.id}`)).statusCode).toBe(204);
    expect(problem(await person.call('DELETE', `/api/devices/${softphone.id}`)).code).toBe('no-such-device');
  });

  it('are shown as registered while a binding lives', async () => {
    const [{ id }] = (await person.call('GET', '/api/devices')).json();
    await house.store
      .insertInto('bindings')
      .values({
        device_id: id,
        contact_uri: 'sip:x@y',
        call_id: 'c',
        cseq: 1,
        transport: 'ws',
        local: '',
        remote: '',
        user_agent: null,
        registered_at: house.now,
        expires_at: house.now + 1000,
      })
      .execute();
    expect((await person.call('GET', '/api/devices')).json()).toMatchObject([{ registered: true }]);
    house.now += 1000;
    expect((await person.call('GET', '/api/devices')).json()).toMatchObject([{ registered: false }]);
  });

  it('are nobody else’s to sign out', async () => {
    const [{ id }] = (await person.call('GET', '/api/devices')).json();
    const other = new Person(house);
    await other.signUp('+14155550102');
    expect(problem(await other.call('DELETE', `/api/devices/${id}`)).code).toBe('no-such-device');
  });

  it('make room for a new login when there are too many', async () => {
    const first = (await person.call('GET', '/api/devices')).json()[0].id;
    for (let devices = 1; devices < 20; devices += 1)
      await person.call('POST', '/api/devices', { name: 'S' });
    const login = { number: anna, password: goodPassword, device };
    expect((await new Person(house).call('POST', '/api/sessions', login)).statusCode).toBe(201);
    const listed = (await new Person(house).call('GET', '/api/devices')).statusCode;
    expect(listed).toBe(401);
    const rows = await house.store.selectFrom('devices').select('id').execute();
    expect(rows).toHaveLength(20);
    expect(rows.some(({ id }) => id === first)).toBe(false);
  });
});
