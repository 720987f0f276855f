import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { device, goodPassword, Person, TestHouse } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';
const minuteMs = 60_000;

let house: TestHouse;
let person: Person;
let open: ClientRequest[];
beforeEach(async () => {
  house = await TestHouse.open();
  person = new Person(house);
  open = [];
  await person.signUp(anna);
});
afterEach(async () => {
  for (const one of open) one.destroy();
  await house.close();
});

const code = (answer: { json: () => { code: string } }) => answer.json().code;

async function another(): Promise<Person> {
  const other = new Person(house);
  const login = { number: anna, password: goodPassword, device: { name: 'Phone', system: 'iOS' } };
  expect((await other.call('POST', '/api/sessions', login)).statusCode).toBe(201);
  return other;
}

async function idOf(one: Person): Promise<string> {
  const devices = (await one.call('GET', '/api/devices')).json<Array<{ id: string; current: boolean }>>();
  return devices.find(({ current }) => current)!.id;
}

describe('a browser', () => {
  it('hears that its access token has expired, and exchanges the other cookie for the next', async () => {
    const before = [person.cookie, person.refreshCookie];
    house.now += 15 * minuteMs;
    expect(code(await person.once('GET', '/api/account'))).toBe('not-logged-in');
    const refreshed = await person.refresh();
    expect([refreshed.statusCode, refreshed.json()]).toEqual([200, { expiresAt: house.now + 15 * minuteMs }]);
    expect(before).not.toContain(person.cookie);
    expect(before).not.toContain(person.refreshCookie);
    expect((await person.once('GET', '/api/account')).statusCode).toBe(200);
  });

  it('keeps its session when the answer was lost, and when two tabs ask at once', async () => {
    const { cookie, refreshCookie } = person;
    const lost = await person.refresh();
    Object.assign(person, { cookie, refreshCookie });
    const [one, two] = await Promise.all([person.refresh(), person.refresh()]);
    const set = ({ cookies }: typeof lost) => cookies.map(({ name, value }) => `${name}=${value}`);
    expect([set(one), set(two)]).toEqual([set(lost), set(lost)]);
    expect((await person.once('GET', '/api/account')).statusCode).toBe(200);
  });

  it('loses the session when an old refresh token comes again, and the person is told on the others', async () => {
    const other = await another();
    const id = await idOf(person);
    const stolen = person.refreshCookie;
    for (let count = 0; count < 2; count += 1) {
      await person.refresh();
      expect((await person.once('GET', '/api/account')).statusCode).toBe(200);
    }
    const thief = new Person(house);
    thief.refreshCookie = stolen;
    const refused = await thief.refresh();
    expect([refused.statusCode, code(refused)]).toEqual([401, 'not-logged-in']);
    expect(refused.cookies.map(({ value }) => value)).toEqual(['', '']);
    expect(code(await person.once('GET', '/api/account'))).toBe('not-logged-in');
    expect((await person.refresh()).statusCode).toBe(401);
    const devices = (await other.call('GET', '/api/devices')).json<Array<{ id: string }>>();
    expect(devices.map((one) => one.id)).not.toContain(id);
    const [notice] = (await other.call('GET', '/api/notices')).json();
    expect(notice).toMatchObject({ code: 'session-revoked', data: { device: device.name } });
  });

  it('sends no other site on its way: refreshing takes the header', async () => {
    const answer = await house.app.inject({
      method: 'POST',
      url: '/api/sessions/refresh',
      headers: { cookie: `ringthrough_refresh=${person.refreshCookie}` },
    });
    expect([answer.statusCode, code(answer)]).toEqual([403, 'csrf-header-missing']);
    expect((await person.refresh()).statusCode).toBe(200);
  });

  it('is not taken for a stranger when its token expires while it proves a number', async () => {
    const { id, code: right } = await person.code('+447700900123', 'link');
    const stale = new Person(house);
    Object.assign(stale, { cookie: person.cookie });
    await house.store.updateTable('sessions').set({ access_expires_at: house.now }).execute();
    expect(code(await stale.once('GET', `/api/validations/${id}`))).toBe('not-logged-in');
    expect(code(await stale.once('POST', `/api/validations/${id}/check`, { code: right }))).toBe(
      'not-logged-in',
    );
    expect((await person.call('POST', `/api/validations/${id}/check`, { code: right })).statusCode).toBe(200);
  });

  it('that has an old access token alone is rid of it, and proves a number as anybody does', async () => {
    const stranger = Object.assign(new Person(house), { cookie: person.cookie });
    await person.call('DELETE', '/api/sessions/current');
    const { id, code: sent } = await stranger.code(anna, 'login');
    const check = () => stranger.once('POST', `/api/validations/${id}/check`, { code: sent });
    expect(code(await check())).toBe('not-logged-in');
    expect((await stranger.refresh()).statusCode).toBe(401);
    expect((await check()).statusCode).toBe(200);
  });

  it('that lost its session can still log in, though it sends what it had', async () => {
    const id = await idOf(person);
    const other = await another();
    await other.call('DELETE', `/api/devices/${id}`);
    const answer = await person.once('POST', '/api/sessions', {
      number: anna,
      password: goodPassword,
      device,
    });
    expect(answer.statusCode).toBe(201);
    expect((await person.once('GET', '/api/account')).statusCode).toBe(200);
  });
});

describe('a program', () => {
  const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, token: string, payload?: object) =>
    house.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${token}` },
      ...(payload ? { payload } : {}),
    });

  it('asks for tokens, gets no cookies, and exchanges them as it got them', async () => {
    const login = { number: anna, password: goodPassword, device, tokens: true };
    const answer = await house.app.inject({ method: 'POST', url: '/api/sessions', payload: login });
    expect(answer.headers['set-cookie']).toBeUndefined();
    const { accessToken, refreshToken, expiresAt } = answer.json();
    expect(expiresAt).toBe(house.now + 15 * minuteMs);
    expect((await ask('GET', '/api/account', accessToken)).statusCode).toBe(200);
    house.now += 15 * minuteMs;
    expect(code(await ask('GET', '/api/account', accessToken))).toBe('not-logged-in');
    const refresh = await house.app.inject({
      method: 'POST',
      url: '/api/sessions/refresh',
      payload: { refreshToken },
    });
    expect(refresh.headers['set-cookie']).toBeUndefined();
    const next = refresh.json();
    expect(Object.keys(next).sort()).toEqual(['accessToken', 'expiresAt', 'refreshToken']);
    expect((await ask('GET', '/api/account', next.accessToken)).statusCode).toBe(200);
    expect((await ask('DELETE', '/api/sessions/current', next.accessToken)).statusCode).toBe(204);
    expect(code(await ask('GET', '/api/account', next.accessToken))).toBe('not-logged-in');
  });

  it('never hears the tokens of a browser', async () => {
    const login = { number: anna, password: goodPassword, device };
    const answer = await person.call('POST', '/api/sessions', login);
    expect(Object.keys(answer.json()).sort()).toEqual(['account', 'device', 'expiresAt', 'sip']);
    expect(Object.keys((await person.refresh()).json())).toEqual(['expiresAt']);
  });
});

describe('remote sign-out (R-DEVICES)', () => {
  it('lists each device with its login', async () => {
    house.now += minuteMs;
    const other = await another();
    await other.call('POST', '/api/devices', { name: 'Desk phone' });
    house.now += 2 * minuteMs;
    const lifetimeMs = 180 * 24 * 60 * minuteMs;
    const listed = (await other.call('GET', '/api/devices')).json<Array<{ name: string; session: object }>>();
    const start = house.now - 3 * minuteMs;
    expect(Object.fromEntries(listed.map(({ name, session }) => [name, session]))).toEqual({
      Laptop: { createdAt: start, lastUsedAt: start, expiresAt: start + lifetimeMs },
      Phone: { createdAt: start + minuteMs, lastUsedAt: house.now, expiresAt: start + minuteMs + lifetimeMs },
      'Desk phone': null,
    });
  });

  it('refuses both tokens of the device at once', async () => {
    const other = await another();
    expect((await person.call('DELETE', `/api/devices/${await idOf(other)}`)).statusCode).toBe(204);
    expect(code(await other.once('GET', '/api/account'))).toBe('not-logged-in');
    const refused = await other.refresh();
    expect([refused.statusCode, code(refused)]).toEqual([401, 'not-logged-in']);
  });

  it('of all others leaves the one that asks', async () => {
    const others = [await another(), await another()];
    await person.call('POST', '/api/devices', { name: 'Desk phone' });
    expect((await person.call('DELETE', '/api/devices')).json()).toEqual({ signedOut: 3 });
    for (const other of others) expect((await other.refresh()).statusCode).toBe(401);
    expect((await person.once('GET', '/api/devices')).json()).toMatchObject([{ current: true }]);
  });

  it('ends event streams and whoever waits for a proof', async () => {
    await house.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = house.app.server.address() as AddressInfo;
    const other = await another();
    const { id } = await other.code('+447700900123', 'link');
    const standing = vi.spyOn(house.services.validations, 'standing');
    const ask = (path: string): ClientRequest => {
      const headers = { cookie: `ringthrough_session=${other.cookie}` };
      const asked = request({ port, host: '127.0.0.1', path, headers, agent: false }).end();
      open.push(asked);
      return asked;
    };
    const [stream] = (await once(ask('/api/events'), 'response')) as [IncomingMessage];
    expect(stream.statusCode).toBe(200);
    const ended = once(stream.resume(), 'end');
    const waiting = ask(`/api/validations/${id}?waitSeconds=25`);
    const answered = once(waiting, 'response') as Promise<[IncomingMessage]>;
    await vi.waitFor(() => expect(standing).toHaveBeenCalledOnce());
    await person.call('DELETE', `/api/devices/${await idOf(other)}`);
    await ended;
    const [answer] = await answered;
    answer.resume();
    expect(answer.statusCode).toBe(401);
  });
});
