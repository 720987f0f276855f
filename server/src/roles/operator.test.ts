import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person, TestHouse } from './testing.ts';

const token = 'an-operator-token-of-32-characters-or-more';
const authorization = `Bearer ${token}`;

let house: TestHouse;
let operator: Person;

beforeEach(async () => {
  house = await TestHouse.open({ operator: { token } });
  operator = new Person(house);
});

afterEach(() => house.close());

const ask = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, body?: object) =>
  operator.call(method, `/api/operator${url}`, body, { authorization });

const mexico = {
  id: 'mexico',
  name: 'Una Red',
  country: 'MX',
  family: 'gsm',
  mccMnc: ['334020'],
  prefixes: ['+52'],
  cNumber: '+525512345678',
  provisioning: {
    adapter: 'xcap',
    url: 'https://xcap.mexico.example/root',
    username: 'ringthrough',
    password: 'pass-for-xcap',
  },
  dataPolicy: { serversMayTalkToDevices: false },
};

describe('/api/operator (R-CARRIERS)', () => {
  it('adds, shows, changes and removes carriers, which count at once', async () => {
    const made = await ask('POST', '/carriers', mexico);
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({
      source: 'operator',
      restartNeeded: false,
      carrier: { id: 'mexico' },
    });
    expect(made.body).not.toContain('pass-for-xcap');
    expect((await ask('GET', '/carriers/mexico')).json().carrier.provisioning).toMatchObject({
      adapter: 'xcap',
      username: 'ringthrough',
    });
    expect((await operator.call('GET', '/api/carriers')).json().countries).toContainEqual({
      country: 'MX',
      carriers: [
        {
          id: 'mexico',
          name: 'Una Red',
          country: 'MX',
          family: 'gsm',
          integrated: true,
          cNumber: '+525512345678',
          networks: [{ mccMnc: '334020', name: 'Telcel' }],
        },
      ],
    });
    const { id, ...changed } = { ...mexico, name: 'Otra Red', provisioning: { adapter: 'manual' } };
    expect((await ask('PUT', `/carriers/${id}`, changed)).json().carrier).toMatchObject({ name: 'Otra Red' });
    const { carriers } = (await ask('GET', '/carriers')).json();
    expect(
      carriers.map((one: { carrier: { id: string }; source: string }) => [one.carrier.id, one.source]),
    ).toEqual([
      ['us', 'configuration'],
      ['uk', 'configuration'],
      ['mexico', 'operator'],
    ]);
    expect((await ask('DELETE', '/carriers/mexico')).statusCode).toBe(204);
    expect((await ask('GET', '/carriers/mexico')).statusCode).toBe(404);
    expect((await ask('DELETE', '/carriers/mexico')).json().code).toBe('no-such-carrier');
  });

  it('keeps them over a restart, and says when trunks are in use only then', async () => {
    const trunks = [{ host: '192.0.2.7' }];
    const made = await ask('POST', '/carriers', { ...mexico, trunks });
    expect(made.json().restartNeeded).toBe(true);
    const { catalogueEditor } = house.services;
    await catalogueEditor.open();
    expect(catalogueEditor.get('mexico')).toMatchObject({
      restartNeeded: false,
      carrier: { cNumber: '+525512345678', provisioning: { password: 'pass-for-xcap' } },
    });
    const { id, ...changed } = { ...mexico, name: 'Same trunk', trunks };
    expect((await ask('PUT', `/carriers/${id}`, changed)).json().restartNeeded).toBe(false);
    expect((await ask('PUT', `/carriers/${id}`, { ...changed, trunks: [] })).json().restartNeeded).toBe(true);
  });

  it('leaves what the configuration says alone, and writes nothing twice', async () => {
    expect((await ask('POST', '/carriers', { ...mexico, id: 'us' })).json().code).toBe('carrier-exists');
    const { id: _, ...rest } = mexico;
    expect((await ask('PUT', '/carriers/us', rest)).json().code).toBe('carrier-not-editable');
    expect((await ask('DELETE', '/carriers/us')).json().code).toBe('carrier-not-editable');
    await ask('POST', '/carriers', mexico);
    const answers = await Promise.all(
      [1, 2, 3].map(() => ask('POST', '/carriers', { ...mexico, id: 'twice' })),
    );
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, 409, 409]);
  });

  it('does not remove a carrier under the numbers of people', async () => {
    await ask('POST', '/carriers', {
      ...mexico,
      country: 'US',
      prefixes: [],
      provisioning: { adapter: 'manual' },
    });
    const person = new Person(house);
    await person.signUp('+14155550101');
    const { id } = mexico;
    await person.call('PUT', '/api/account/numbers/+14155550101/carrier', { carrierId: id });
    expect((await house.store.selectFrom('numbers').select('carrier_id').execute())[0]).toEqual({
      carrier_id: id,
    });
    expect((await ask('DELETE', `/carriers/${id}`)).json().code).toBe('carrier-in-use');
  });

  it.each([
    ['no token', undefined],
    ['a wrong one', 'Bearer an-operator-token-of-32-characters-or-less'],
    ['an empty one', 'Bearer '],
    ['another scheme', `Basic ${token}`],
  ])('is closed to %s', async (_, given) => {
    const headers: Record<string, string> = given === undefined ? {} : { authorization: given };
    for (const url of ['/carriers', '/carriers/us', '/networks?country=US']) {
      const answer = await operator.call('GET', `/api/operator${url}`, undefined, headers);
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'not-logged-in']);
    }
    expect((await operator.call('DELETE', '/api/operator/carriers/us', undefined, headers)).statusCode).toBe(
      401,
    );
  });

  it.each([
    ['an unknown key', { colour: 'red' }],
    ['a country that is none', { country: 'Mexico' }],
    ['a C number that is none', { cNumber: '555' }],
    ['a range that ends before it begins', { ranges: [{ from: '+5210', to: '+5201' }] }],
    ['an adapter that is none', { provisioning: { adapter: 'fax' } }],
    [
      'a user without a password',
      { provisioning: { adapter: 'xcap', url: 'https://x.example', username: 'u' } },
    ],
    ['a command that dials anything', { commands: { activate: 'tel:+1900' } }],
    ['MCC and MNC that are none', { mccMnc: ['33'] }],
    [
      'two trunks of one name',
      {
        trunks: [
          { id: 'a', host: '192.0.2.1' },
          { id: 'a', host: '192.0.2.2' },
        ],
      },
    ],
    ['a trunk by certificate, where no authority is known', { trunks: [{ tls: { name: 'x.example' } }] }],
  ])('refuses %s', async (_, fault) => {
    const answer = await ask('POST', '/carriers', { ...mexico, ...fault });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'bad-request']);
    expect((await ask('GET', '/carriers/mexico')).statusCode).toBe(404);
  });

  it('names the networks of a country', async () => {
    const { networks } = (await ask('GET', '/networks?country=US')).json();
    expect(networks).toContainEqual({
      mccMnc: '310260',
      name: 'T-Mobile',
      operator: 'T-Mobile US',
      operational: true,
    });
    expect((await ask('GET', '/networks?country=zz')).statusCode).toBe(400);
    expect((await ask('GET', '/networks?country=XX')).json()).toEqual({ networks: [] });
  });

  it('writes down who changed what, without secrets', async () => {
    await ask('POST', '/carriers', mexico);
    const audit = house.logLines.filter((line) => line.includes('"audit":true'));
    expect(audit).toHaveLength(1);
    expect(audit[0]).toContain('"carrier":"mexico"');
    expect(house.logLines.join('')).not.toContain('pass-for-xcap');
  });
});

it('does not exist without a token in the configuration', async () => {
  const closed = await TestHouse.open();
  const answer = await new Person(closed).call('GET', '/api/operator/carriers', undefined, { authorization });
  expect(answer.statusCode).toBe(404);
  await closed.close();
});
