import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Besieged, Line, NUMBER } from './support/besieged.ts';
import { ApiError, Person } from './support/person.ts';
import { until } from './support/process.ts';
import { SipDevice } from './support/sip-device.ts';

const codeLifetimeSeconds = 4;

/** Expects a problem document with this status and code. */
async function refused(work: Promise<unknown>, status: number, code: string): Promise<ApiError> {
  const error = await work.then(
    () => undefined,
    (problem: unknown) => problem,
  );
  if (!(error instanceof ApiError)) throw new Error(`${code} was to come, not ${String(error)}`);
  expect([error.status, error.problem.code]).toEqual([status, code]);
  expect(error.problem.detail).toBeTruthy();
  return error;
}

describe('bad input on the web', { timeout: 90_000 }, () => {
  let house: Besieged;
  beforeAll(async () => {
    house = await Besieged.open({
      validation: { codeLifetimeSeconds, sendsPerNumberPerHour: 20, sendsPerAddressPerHour: 100 },
      http: { loginsPerAddressPerMinute: 1000, loginsPerNumberPerHour: 1000 },
    });
  });
  afterAll(() => house?.close());

  it('HTTP: noise is 400, and every wrong request gets a problem document', async () => {
    for (const text of [
      'GARBAGE\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}`,
    ]) {
      const line = new Line(house.server.httpPort);
      line.socket.write(text);
      expect(await line.isClosed()).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = {
        'content-type': 'application/json',
        'x-requested-with': 'ringthrough',
        ...init.headers,
      };
      const answer = await fetch(house.server.url + path, { method: 'POST', ...init, headers });
      const text = await answer.text();
      const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
      return [answer.status, isProblem ? (JSON.parse(text) as { code: string }).code : text.slice(0, 80)];
    };
    expect(await ask('/api/validations', { body: '{' })).toEqual([400, 'bad-json']);
    expect(await ask('/api/validations', { body: '{}' })).toEqual([400, 'bad-request']);
    expect(await ask('/api/validations', { body: `"${'x'.repeat(100_000)}"` })).toEqual([
      413,
      'body-too-large',
    ]);
    const xml = { 'content-type': 'text/xml' };
    expect(await ask('/api/validations', { body: '<x/>', headers: xml })).toEqual([
      415,
      'unsupported-media-type',
    ]);
    expect(await ask('/api/nothing', { body: '{}' })).toEqual([404, 'not-found']);
    expect(await ask('/api/account', { method: 'GET' })).toEqual([401, 'not-logged-in']);
    expect(await ask('/api/calls', { method: 'GET', headers: { cookie: 'ringthrough_session=x' } })).toEqual([
      401,
      'not-logged-in',
    ]);
    const raw = new Line(house.server.httpPort);
    raw.socket.write('GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await raw.isClosed()).not.toContain('root:');
  });

  it('numbers that are none, codes that are wrong or too old', async () => {
    const visitor = new Person(house.server);
    for (const number of ['', '12', 'call me', '+999999999999', '+1415555010100000', '🙂']) {
      const status = number === '' ? [400, 'bad-request'] : [422, 'not-a-number'];
      await refused(
        visitor.call('POST', '/api/validations', { number, region: 'US', purpose: 'sign-up' }),
        status[0] as number,
        status[1] as string,
      );
    }
    const start = () =>
      visitor.call<{ id: string; expiresAt: number }>('POST', '/api/validations', {
        number: '+14155550102',
        purpose: 'sign-up',
      });
    const check = (id: string, code: string) =>
      visitor.call('POST', `/api/validations/${id}/check`, { code });
    const codeOf = async (nth: number) => {
      const { text } = await house.server.sms.next('+14155550102', nth);
      return /\b\d{6}\b/.exec(text)?.[0] ?? '';
    };

    const guessed = await start();
    const right = await codeOf(0);
    const wrong = right === '000000' ? '111111' : '000000';
    for (let left = 4; left > 0; left--) {
      const { problem } = await refused(check(guessed.id, wrong), 422, 'wrong-code');
      expect(problem).toMatchObject({ attemptsLeft: left });
    }
    await check(guessed.id, wrong).catch(() => undefined);
    await refused(check(guessed.id, right), 422, 'too-many-attempts');

    const old = await start();
    const oldCode = await codeOf(1);
    await until(() => Date.now() > old.expiresAt, { timeoutMs: codeLifetimeSeconds * 1000 + 1000 });
    await refused(check(old.id, oldCode), 422, 'code-expired');
    await refused(check('no-such-id', '123456'), 404, 'no-such-validation');
    const device = { name: 'x', system: 'x' };
    await refused(
      visitor.call('POST', '/api/accounts', { proof: 'forged', password: 'correct horse 7', device }),
      422,
      'bad-proof',
    );
  });

  it('wrong passwords: one answer for all, on the web and in SIP', async () => {
    const visitor = new Person(house.server);
    const wrong = await refused(visitor.logIn(NUMBER, 'wrong horse 7'), 401, 'wrong-credentials');
    const unknown = await refused(visitor.logIn('+14155550199', 'wrong horse 7'), 401, 'wrong-credentials');
    expect(unknown.problem).toEqual(wrong.problem);
    for (const attempt of [
      { ...house.sip, password: 'wrong' },
      { ...house.sip, user: 'dnobody' },
    ]) {
      await expect(SipDevice.register(house.server, attempt)).rejects.toThrow('failed');
    }
    const devices = await house.person.call<Array<{ kind: string; registered: boolean }>>(
      'GET',
      '/api/devices',
    );
    expect(devices.filter(({ registered }) => registered)).toHaveLength(1);
  });

  it('after all that the same process carries a call, and nothing has leaked', () => house.stands());
});
