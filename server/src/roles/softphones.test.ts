import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Person, TestHouse } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let house: TestHouse;
let person: Person;
let softphone: { id: string; user: string; password: string };

beforeEach(async () => {
  house = await TestHouse.open();
  person = new Person(house);
  await person.signUp('+14155550101');
  const { device, sip } = (await person.call('POST', '/api/devices', { name: 'Desk & <phone>' })).json();
  softphone = { id: device.id, user: sip.user, password: sip.password };
});
afterEach(() => house.close());

const fetched = (url: string) => house.app.inject({ method: 'GET', url });
const browserOf = async (somebody: Person): Promise<{ id: string }> => {
  const devices: Array<{ id: string; kind: string }> = (await somebody.call('GET', '/api/devices')).json();
  return devices.find(({ kind }) => kind === 'web') ?? { id: 'none' };
};
const link = async () => (await person.call('POST', `/api/devices/${softphone.id}/set-up`)).json();

describe('the address from which a softphone fetches its configuration', () => {
  it('gives liblinphone its account, without login and without the password', async () => {
    const { path, expiresAt } = await link();
    expect(expiresAt).toBe(house.now + 600_000);
    const answer = await fetched(path);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/xml; charset=utf-8',
      'cache-control': 'no-store',
    });
    const entry = (name: string) =>
      new RegExp(`<entry name="${name}" overwrite="true">(.*)</entry>`).exec(answer.body)?.[1];
    expect(answer.body).toContain('<config xmlns="http://www.linphone.org/xsds/lpconfig.xsd">');
    expect(entry('reg_proxy')).toBe('&#60;sip:127.0.0.1:5060;transport=tcp&#62;');
    expect(entry('reg_identity')).toBe(`&#60;sip:${softphone.user}@localhost&#62;`);
    expect(entry('username')).toBe(softphone.user);
    expect(entry('ha1')).toMatch(/^[0-9a-f]{32}$/);
    expect(entry('transient_provisioning')).toBe('1');
    expect(answer.body).not.toContain(softphone.password);
  });

  it('is good once', async () => {
    const { path } = await link();
    const answers = await Promise.all([fetched(path), fetched(path), fetched(path)]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 404, 404]);
    expect((await fetched(path)).json()).toMatchObject({ code: 'not-found' });
  });

  it('is good for ten minutes', async () => {
    const { path } = await link();
    house.now += 600_000;
    expect((await fetched(path)).statusCode).toBe(404);
  });

  it('is void when another is asked for, and when the softphone is signed out', async () => {
    const first = await link();
    const second = await link();
    expect((await fetched(first.path)).statusCode).toBe(404);
    await person.call('DELETE', `/api/devices/${softphone.id}`);
    expect((await fetched(second.path)).statusCode).toBe(404);
  });

  it('is made for no softphone that is signed out in the same moment', async () => {
    const ask = () => person.call('POST', `/api/devices/${softphone.id}/set-up`);
    const signOut = person.call('DELETE', `/api/devices/${softphone.id}`);
    const answers = await Promise.all([signOut, ...Array.from({ length: 20 }, ask)]);
    for (const { statusCode } of answers) expect([201, 204, 404]).toContain(statusCode);
  });

  it('is kept as hash only, and its token is in no log', async () => {
    const { path } = await link();
    const token = path.split('/').at(-1);
    const rows = await house.store.selectFrom('set_up_links').selectAll().execute();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(token);
    await fetched(path);
    expect(house.logLines.join('')).not.toContain(token);
  });

  it('is for one’s own softphones only', async () => {
    const other = new Person(house);
    await other.signUp('+447700900123');
    const foreign = await other.call('POST', `/api/devices/${softphone.id}/set-up`);
    expect(foreign.json()).toMatchObject({ status: 404, code: 'no-such-device' });
    const browser = await browserOf(person);
    const own = await person.call('POST', `/api/devices/${browser.id}/set-up`);
    expect(own.json()).toMatchObject({ status: 404, code: 'no-such-device' });
    const nobody = await new Person(house).call('POST', `/api/devices/${softphone.id}/set-up`);
    expect(nobody.statusCode).toBe(401);
  });
});

it('rings nobody else’s softphone, and no browser', async () => {
  const other = new Person(house);
  await other.signUp('+447700900123');
  const test = (who: Person, id: string) => who.call('POST', `/api/devices/${id}/test-call`, {});
  expect((await test(other, softphone.id)).json()).toMatchObject({ code: 'no-such-device' });
  const browser = await browserOf(person);
  expect((await test(person, browser.id)).json()).toMatchObject({ code: 'no-such-device' });
  const own = await test(person, softphone.id);
  expect([own.statusCode, own.json()]).toEqual([202, { state: 'calling' }]);
  const asked = await other.call('GET', `/api/devices/${softphone.id}/test-call`);
  expect(asked.json()).toMatchObject({ code: 'no-such-device' });
});

it('says so where softphones cannot be set up: without MD5 there is no HA1 that Linphone takes', async () => {
  await house.close();
  house = await TestHouse.open({ sip: { digestAlgorithms: ['SHA-256'] } });
  person = new Person(house);
  await person.signUp('+14155550101');
  const { device } = (await person.call('POST', '/api/devices', { name: 'Desk phone' })).json();
  const answer = await person.call('POST', `/api/devices/${device.id}/set-up`);
  expect(answer.json()).toMatchObject({ status: 409, code: 'set-up-by-hand' });
});
