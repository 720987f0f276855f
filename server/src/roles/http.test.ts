import { mkdirSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { device, goodPassword, Person, TestHouse } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';

let house: TestHouse;
let person: Person;
beforeEach(async () => {
  house = await TestHouse.open();
  person = new Person(house);
});
afterEach(() => house.close());

const inject = (
  method: 'GET' | 'POST',
  url: string,
  headers: Record<string, string> = {},
  payload?: string,
) => house.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
const json = { 'content-type': 'application/json' };

describe('errors', () => {
  it.each([
    ['unknown API', () => inject('GET', '/api/none'), 404, 'not-found'],
    ['unknown file', () => inject('GET', '/assets/none.js', { accept: 'text/html' }), 404, 'not-found'],
    ['wrong method', () => inject('POST', '/api/status'), 404, 'not-found'],
    ['broken JSON', () => inject('POST', '/api/validations', json, '{"number":'), 400, 'bad-json'],
    ['empty JSON', () => inject('POST', '/api/validations', json, ''), 400, 'bad-json'],
    [
      'a form',
      () => inject('POST', '/api/validations', { 'content-type': 'text/plain' }, 'a=b'),
      415,
      'unsupported-media-type',
    ],
    [
      'too much',
      () => inject('POST', '/api/validations', json, `"${'x'.repeat(70_000)}"`),
      413,
      'body-too-large',
    ],
    ['missing members', () => inject('POST', '/api/validations', json, '{}'), 400, 'bad-request'],
    ['an array', () => inject('POST', '/api/sessions', json, '[]'), 400, 'bad-request'],
    [
      'prototype pollution',
      () => inject('POST', '/api/validations', json, '{"__proto__":{"a":1}}'),
      400,
      'bad-json',
    ],
    ['no login', () => inject('GET', '/api/account'), 401, 'not-logged-in'],
    [
      'a made-up token',
      () => inject('GET', '/api/account', { authorization: 'Bearer abc' }),
      401,
      'not-logged-in',
    ],
    ['a broken URL', () => inject('GET', '/api/voicemails/%zz/audio'), 400, 'bad-request'],
  ])('answers %s with a problem', async (_name, ask, status, code) => {
    const answer = await ask();
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toMatchObject({ status, code });
  });

  it('names every wrong member and repeats no value', async () => {
    const body = { number: 4155550101, purpose: 'x', more: 'hunter2' };
    const answer = await person.call('POST', '/api/validations', body);
    const { faults } = answer.json<{ faults: string[] }>();
    expect(faults.join()).toMatch(/number.*purpose.*more/s);
    expect(answer.body).not.toMatch(/4155550101|hunter2/);
  });

  it('hides what broke inside', async () => {
    await person.signUp(anna);
    await house.store.schema.dropTable('notices').execute();
    const answer = await person.call('GET', '/api/notices');
    expect(answer.json()).toMatchObject({ status: 500, code: 'internal-error' });
    expect(answer.body).not.toContain('notices');
    expect(house.logLines.join('')).toMatch(/no such table: notices|relation .*notices.* does not exist/);
  });
});

describe('rate limits', () => {
  it('answer 429 with the time to wait', async () => {
    await house.close();
    house = await TestHouse.open({ http: { requestsPerAddressPerMinute: 3, loginsPerAddressPerMinute: 1 } });
    const log = () =>
      inject('POST', '/api/sessions', json, JSON.stringify({ number: anna, password: 'x', device }));
    expect((await log()).statusCode).toBe(401);
    const refused = await log();
    expect(refused.json()).toMatchObject({ status: 429, code: 'too-many-requests', retryAfter: 60 });
    expect(refused.headers['retry-after']).toBe('60');
    expect((await inject('GET', '/api/status')).statusCode).toBe(200);
    expect((await inject('GET', '/api/status')).statusCode).toBe(429);
  });

  it('believe X-Forwarded-For of a trusted proxy only', async () => {
    const ask = (address: string) => inject('GET', '/api/status', { 'x-forwarded-for': address });
    for (const [trustedProxies, second] of [
      [[], 429],
      [['127.0.0.1'], 200],
    ] as const) {
      await house.close();
      house = await TestHouse.open({ http: { requestsPerAddressPerMinute: 1, trustedProxies } });
      expect((await ask('192.0.2.1')).statusCode).toBe(200);
      expect((await ask('192.0.2.2')).statusCode).toBe(second);
    }
  });
});

describe('OpenAPI', () => {
  it('describes every route of the API, and every reference in it leads somewhere', async () => {
    const document = (await inject('GET', '/api/docs/json')).json();
    expect(document.openapi).toMatch(/^3\.1\./);
    const operations = Object.entries<Record<string, { responses: object; parameters?: object[] }>>(
      document.paths,
    );
    const listed = operations.flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`));
    expect(listed.sort()).toEqual(expectedOperations);
    for (const [path, methods] of operations) {
      for (const [method, operation] of Object.entries(methods)) {
        const placeholders = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        const parameters = (operation.parameters ?? []) as Array<{ name: string; in: string }>;
        const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect(inPath, `${method} ${path}`).toEqual(placeholders);
        expect(Object.keys(operation.responses).length, `${method} ${path}`).toBeGreaterThan(0);
      }
    }
    for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = reference!
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document);
      expect(target, reference).toBeDefined();
    }
  });

  it('is shown as a page that its own policy lets run', async () => {
    const page = await inject('GET', '/api/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
  });
});

const expectedOperations = [
  'delete /api/account',
  'delete /api/account/numbers/{number}',
  'delete /api/devices',
  'delete /api/devices/{id}',
  'delete /api/sessions/current',
  'delete /api/validations/{id}',
  'delete /api/voicemails/{id}',
  'get /api/account',
  'get /api/calls',
  'get /api/carriers',
  'get /api/devices',
  'get /api/devices/{id}/test-call',
  'get /api/events',
  'get /api/notices',
  'get /api/set-up/{token}',
  'get /api/status',
  'get /api/validations/{id}',
  'get /api/voicemails',
  'get /api/voicemails/{id}/audio',
  'patch /api/account/numbers/{number}',
  'patch /api/voicemails/{id}',
  'post /api/account/numbers',
  'post /api/account/numbers/{number}/forwarding',
  'post /api/account/numbers/{number}/forwarding/check',
  'post /api/accounts',
  'post /api/carriers/{id}/forwarding/{job}',
  'post /api/devices',
  'post /api/devices/{id}/set-up',
  'post /api/devices/{id}/test-call',
  'post /api/notices/{id}/seen',
  'post /api/password-resets',
  'post /api/sessions',
  'post /api/sessions/refresh',
  'post /api/sms/inbound/{carrierId}',
  'post /api/sms/receipts/{carrierId}',
  'post /api/validations',
  'post /api/validations/options',
  'post /api/validations/{id}/check',
  'post /api/validations/{id}/claim',
  'put /api/account/numbers/{number}/carrier',
  'put /api/account/password',
  'put /api/account/primary',
];

describe('calls and voice messages', () => {
  beforeEach(() => person.signUp(anna));

  it('shows the call log', async () => {
    const call = {
      id: 'c1',
      called: anna,
      calling: undefined,
      reason: 'no-answer',
      arrivedAt: 1000,
      answeredAt: 3000,
      endedAt: 10_000,
      outcome: 'answered',
      device: { id: 'd', name: 'Laptop' },
      trunkCodec: 'PCMA',
      clientCodec: 'opus',
      quality: { lost: 1 },
    };
    house.callLog.push(call, {
      ...call,
      id: 'c2',
      answeredAt: undefined,
      trunkCodec: undefined,
      clientCodec: undefined,
    });
    const [first, second] = (await person.call('GET', '/api/calls?limit=2&before=5')).json();
    expect(first).toMatchObject({ number: anna, caller: null, durationMs: 7000 });
    expect(first).toMatchObject({ codecs: { carrier: 'PCMA', client: 'opus' }, quality: { lost: 1 } });
    expect(second).toMatchObject({ durationMs: 0, codecs: null, answeredAt: null });
    expect((await person.call('GET', '/api/calls?limit=0')).statusCode).toBe(400);
  });

  it('plays a message, also in pieces', async () => {
    house.audioPath = join(house.folder, 'message.wav');
    writeFileSync(house.audioPath, '0123456789');
    const whole = await person.call('GET', '/api/voicemails/known/audio');
    expect(whole.headers).toMatchObject({
      'content-type': 'audio/wav',
      'accept-ranges': 'bytes',
      'cache-control': 'no-store',
    });
    expect(whole.body).toBe('0123456789');
    const part = await person.call('GET', '/api/voicemails/known/audio', undefined, { range: 'bytes=2-4' });
    expect(part.statusCode).toBe(206);
    expect([part.body, part.headers['content-range']]).toEqual(['234', 'bytes 2-4/10']);
    const beyond = await person.call('GET', '/api/voicemails/known/audio', undefined, { range: 'bytes=20-' });
    expect(beyond.json()).toMatchObject({ status: 416, code: 'range-not-satisfiable' });
    expect((await person.call('GET', '/api/voicemails/other/audio')).json().code).toBe('no-such-voicemail');
  });

  it('marks messages as heard and deletes them', async () => {
    expect((await person.call('PATCH', '/api/voicemails/known', { heard: true })).statusCode).toBe(204);
    expect((await person.call('PATCH', '/api/voicemails/known', { heard: false })).statusCode).toBe(400);
    expect((await person.call('PATCH', '/api/voicemails/x', { heard: true })).statusCode).toBe(404);
    expect((await person.call('DELETE', '/api/voicemails/known')).statusCode).toBe(204);
    expect((await person.call('DELETE', '/api/voicemails/x')).statusCode).toBe(404);
    house.voicemails.push({
      id: 'v',
      number: anna,
      calling: undefined,
      storedAt: 1,
      durationMs: 2,
      heardAt: undefined,
    });
    expect((await person.call('GET', '/api/voicemails')).json()).toEqual([
      { id: 'v', number: anna, caller: null, storedAt: 1, durationMs: 2, heardAt: null },
    ]);
  });
});

describe('pages', () => {
  it('says how to build the client when it is not there', async () => {
    const page = await inject('GET', '/', { accept: 'text/html' });
    expect([page.statusCode, page.body.includes('npm start')]).toEqual([503, true]);
  });

  it('serves the client on all of its paths, with a policy', async () => {
    await house.close();
    house = await TestHouse.open();
    await house.app.close();
    const client = join(house.folder, 'client');
    mkdirSync(join(client, 'assets'), { recursive: true });
    writeFileSync(join(client, 'index.html'), '<title>client</title>');
    writeFileSync(join(client, 'assets', 'index-1.js'), '1');
    await house.rebuild();
    for (const url of ['/', '/calls', '/numbers/%2B14155550101']) {
      const page = await inject('GET', url, { accept: 'text/html' });
      expect([page.statusCode, page.body], url).toEqual([200, '<title>client</title>']);
      expect(page.headers['cache-control']).toBe('no-cache');
      expect(page.headers['content-security-policy']).toContain("default-src 'self'");
      expect(page.headers['x-content-type-options']).toBe('nosniff');
    }
    const script = await inject('GET', '/assets/index-1.js');
    expect(script.headers['cache-control']).toContain('immutable');
    expect((await inject('GET', '/calls')).statusCode).toBe(404);
    expect((await inject('GET', '/../test.db')).statusCode).toBe(404);
    expect((await inject('GET', '/%2e%2e/test.db')).statusCode).not.toBe(200);
  });

  it('tells health and metrics', async () => {
    expect((await inject('GET', '/healthz')).json()).toEqual({ status: 'ok' });
    await inject('GET', `/api/account/numbers/${anna}`);
    const metrics = (await inject('GET', '/metrics')).body;
    expect(metrics).toContain('ringthrough_test 7');
    expect(metrics).toContain(
      'ringthrough_http_request_seconds_count{method="GET",route="/healthz",status="2xx"} 1',
    );
    expect(metrics).not.toContain('4155550101');
  });
});

it.each([
  { publicOrigin: 'https://ring.example' },
  { trustedProxies: ['127.0.0.1'] },
  { host: '0.0.0.0' },
  { metrics: { enabled: false } },
  { metrics: { port: 0 } },
])('/metrics is not on the port of the service with http: %j', async (http) => {
  await house.close();
  house = await TestHouse.open({ http });
  for (const url of ['/metrics', '/metrics?x', '/Metrics']) {
    expect((await inject('GET', url, { accept: 'text/html' })).statusCode, url).not.toBe(200);
  }
});

describe('events', () => {
  /** A real connection: the stream stays open. */
  async function open(
    cookie: string,
  ): Promise<{ text: () => string; has: (part: string) => Promise<void>; message: IncomingMessage }> {
    if (!house.app.server.listening) await house.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = house.app.server.address() as AddressInfo;
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { cookie: `ringthrough_session=${cookie}` };
      get({ port, host: '127.0.0.1', path: '/api/events', headers }, resolve).on('error', reject);
    });
    let text = '';
    message.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    message.on('error', () => {});
    const has = (part: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!text.includes(part)) return;
          message.off('data', look);
          resolve();
        };
        message.on('data', look);
        look();
      });
    return { text: () => text, has, message };
  }

  it('reach the devices of the account, and nobody else', async () => {
    const { account } = (await person.signUp(anna)).json();
    const other = new Person(house);
    const otherAccount = (await other.signUp('+14155550102')).json().account;
    const [mine, theirs] = [await open(person.cookie!), await open(other.cookie!)];
    expect(mine.message.headers['content-type']).toMatch(/^text\/event-stream/);
    house.fabric.publish('call.changed', { accountId: account.id, callId: 'c1' });
    house.fabric.publish('call.changed', { accountId: otherAccount.id, callId: 'c2' });
    await mine.has('event: call.changed\ndata: {"callId":"c1"}\n\n');
    await theirs.has('"c2"');
    expect(theirs.text()).not.toContain('c1');
  });

  it('beat when nothing happens', async () => {
    await house.close();
    house = await TestHouse.open({ http: { eventsHeartbeatSeconds: 0.02 } });
    person = new Person(house);
    await person.signUp(anna);
    await (await open(person.cookie!)).has(': still here');
  });

  it('end when the device is signed out', async () => {
    await person.signUp(anna);
    const { message } = await open(person.cookie!);
    const ended = new Promise((resolve) => message.on('end', resolve));
    await person.call('DELETE', '/api/sessions/current');
    await ended;
  });

  it('end, the oldest first, when one device has too many', async () => {
    await house.close();
    house = await TestHouse.open({ http: { eventStreamsPerDevice: 2 } });
    person = new Person(house);
    await person.signUp(anna);
    const first = await open(person.cookie!);
    const ended = new Promise((resolve) => first.message.on('end', resolve));
    const second = await open(person.cookie!);
    await open(person.cookie!);
    await ended;
    expect(second.message.complete).toBe(false);
  });

  it('end in good order for a reader that lags behind too far; it gets what was kept for it', async () => {
    const { account } = (await person.signUp(anna)).json();
    const { message, text } = await open(person.cookie!);
    message.pause();
    const ended = new Promise((resolve) => message.on('end', resolve));
    // More than the sockets of this machine hold, and then some.
    for (let nth = 0; nth < 3000; nth++) {
      const callId = `${nth} ${'x'.repeat(10_000)}`;
      house.fabric.publish('call.changed', { accountId: account.id, callId });
      if (nth % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    message.resume();
    await ended;
    expect(message.complete).toBe(true);
    expect(text()).toMatch(/\n\n$/);
    expect(text()).not.toContain('"2999 ');
  });

  it('end when the server stops', async () => {
    await person.signUp(anna);
    const { message } = await open(person.cookie!);
    const ended = new Promise((resolve) => message.on('close', resolve));
    await house.app.close();
    await ended;
  });

  it('need a login', async () => expect((await inject('GET', '/api/events')).statusCode).toBe(401));
});

describe('garbage', () => {
  it('on the port is answered or cut off, and the server lives', async () => {
    await house.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = house.app.server.address() as AddressInfo;
    for (const bytes of [
      '\u0000\u0001\u0002\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', () => {});
        socket.on('close', () => resolve());
        socket.resume();
      });
    }
    expect((await inject('GET', '/healthz')).statusCode).toBe(200);
  });
});

describe('the log', () => {
  it('holds no number, code, password or token of a sign-up and a login', async () => {
    const secrets: string[] = [
      goodPassword,
      'my wrong password',
      anna,
      anna.slice(1),
      '4155550101',
      '447700900123',
    ];
    const { id, code } = await person.code(anna, 'sign-up');
    const { proof } = (await person.call('POST', `/api/validations/${id}/check`, { code })).json();
    const signedUp = (
      await person.call('POST', '/api/accounts', { proof, password: goodPassword, device })
    ).json();
    secrets.push(code, proof, signedUp.sip.password, person.cookie!);
    await person.link('+447700900123');
    const logIn = (password: string) =>
      new Person(house).call('POST', '/api/sessions', { number: anna, password, device });
    await logIn('my wrong password');
    await logIn(goodPassword);
    await person.call('DELETE', `/api/account/numbers/${encodeURIComponent('+447700900123')}`);
    await inject('GET', `/${encodeURIComponent(anna)}`, { cookie: `ringthrough_session=${person.cookie}` });
    const log = house.logLines.join('');
    expect(house.logLines.length).toBeGreaterThan(8);
    for (const secret of secrets)
      expect(log.includes(secret), `a secret of ${secret.length} characters`).toBe(false);
  });
});
