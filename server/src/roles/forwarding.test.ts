import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Forwarding } from '../forwarding/index.ts';
import { CarrierServer, phoneDocument, StoredDocument } from '../forwarding/testing/index.ts';
import { createLogger } from '../log.ts';
import { goodPassword, Person, TestHouse } from './testing.ts';

vi.setConfig({ testTimeout: 60_000 });

const us = '+14155550101';
const us2 = '+14155550102';
const uk = '+447700900123';
const ie = '+353851234567';
const reportToken = 'a-token-of-the-irish-carrier';

let house: TestHouse;
let person: Person;
/** The platform of the American carrier. */
let platform: CarrierServer;
let documents: Map<string, StoredDocument>;
/** That of the Irish one. */
let webhook: CarrierServer;
let stopped: Array<() => Promise<void>>;

beforeEach(async () => {
  platform = new CarrierServer();
  webhook = new CarrierServer();
  await platform.listen();
  await webhook.listen();
  documents = new Map();
  servePlatform();
  house = await TestHouse.open((sms) => {
    const trunks = [{ host: '127.0.0.1', port: 5070 }];
    const base = { family: 'gsm', trunks, sms };
    const xcap = { adapter: 'xcap', url: platform.url, timeoutSeconds: 2 };
    const http = { adapter: 'http', url: `${webhook.url}/forwarding`, token: 'ours', pollSeconds: 0.05 };
    return {
      forwarding: { firstRetrySeconds: 0.05, giveUpAfterSeconds: 30 },
      carriers: [
        {
          ...base,
          id: 'us',
          name: 'US',
          country: 'US',
          prefixes: ['+1'],
          cNumber: '+14155559000',
          provisioning: xcap,
        },
        { ...base, id: 'us-two', name: 'US two', country: 'US', cNumber: '+14155559001' },
        { ...base, id: 'uk', name: 'UK', country: 'GB', prefixes: ['+44'], cNumber: '+447700900999' },
        {
          ...base,
          id: 'ie',
          name: 'IE',
          country: 'IE',
          prefixes: ['+353'],
          cNumber: '+353851234000',
          provisioning: { ...http, callbackToken: reportToken },
        },
      ],
    };
  });
  // Commands are tried again after a time that passes.
  Object.defineProperty(house, 'now', { get: () => Date.now() });
  house.services.forwarding.start();
  stopped = [() => house.services.forwarding.close()];
  person = new Person(house);
});

afterEach(async () => {
  for (const stop of stopped) await stop();
  await house.close();
  await platform.close();
  await webhook.close();
});

function servePlatform(): void {
  platform.answer = (request) => {
    const number = decodeURIComponent(/users\/tel:([^/]+)/.exec(request.url)?.[1] ?? '');
    const document = documents.get(number) ?? new StoredDocument(phoneDocument);
    documents.set(number, document);
    return document.answer(request);
  };
}

interface View {
  number: string;
  carrier: { id: string } | null;
  forwarding: Record<string, unknown> | null;
}

async function numbers(who = person): Promise<View[]> {
  return (await who.call('GET', '/api/account')).json().numbers;
}

async function forwardingOf(number: string, who = person): Promise<Record<string, unknown>> {
  return (await numbers(who)).find((one) => one.number === number)?.forwarding ?? {};
}

async function becomes(number: string, wanted: Record<string, unknown>, who = person): Promise<void> {
  await vi.waitFor(async () => expect(await forwardingOf(number, who)).toMatchObject(wanted), {
    timeout: 20_000,
  });
}

const ask = (number: string, body: object, who = person) =>
  who.call('POST', `/api/account/numbers/${number}/forwarding`, body);

const forwards = (number: string): boolean =>
  documents.get(number)?.text?.includes('<target>tel:+14155559000</target>') === true &&
  !documents.get(number)?.text?.includes('<rule-deactivated/><busy/>');

async function notices(who = person): Promise<string[]> {
  const all = (await who.call('GET', '/api/notices')).json() as Array<{ code: string }>;
  return all.map(({ code }) => code);
}

describe('a carrier that is integrated (R-FWD-AUTO)', () => {
  it('is told to forward as soon as a number is linked, and the client hears of the end', async () => {
    const heard: string[] = [];
    house.fabric.subscribe('account.changed', ({ accountId }) => void heard.push(accountId));
    await person.signUp(us);
    await becomes(us, { mode: 'auto', state: 'active', source: 'carrier', error: null, noReplySeconds: 20 });
    expect(forwards(us)).toBe(true);
    expect(documents.get(us)?.text).toContain('op:caller-tune');
    expect((await forwardingOf(us)).changedAt).toBeTypeOf('number');
    expect(heard.length).toBeGreaterThan(0);
  });

  it('is asked by the person: off, on with a time, how it is', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    const off = await ask(us, { action: 'deactivate' });
    expect([off.statusCode, off.json().numbers[0].forwarding.state]).toEqual([202, 'pending']);
    await becomes(us, { state: 'inactive', source: 'carrier' });
    expect(forwards(us)).toBe(false);
    await ask(us, { action: 'activate', noReplySeconds: 15 });
    await becomes(us, { state: 'active', noReplySeconds: 15 });
    const document = documents.get(us);
    if (document?.text) document.text = phoneDocument;
    expect((await ask(us, { action: 'refresh' })).statusCode).toBe(202);
    await becomes(us, { state: 'inactive', noReplySeconds: 20 });
  });

  it('tries again while the platform is out of order', async () => {
    let faults = 3;
    const { answer } = platform;
    platform.answer = (request) => (faults-- > 0 ? { status: 503 } : answer(request));
    await person.signUp(us);
    expect(await forwardingOf(us)).toMatchObject({ state: 'pending' });
    await becomes(us, { state: 'active' });
  });

  it('tells the person when the platform refuses; asking again helps when it does no more', async () => {
    platform.answer = () => ({ status: 403 });
    await person.signUp(us);
    await becomes(us, { state: 'failed', error: 'not-authorised' });
    await vi.waitFor(async () => expect(await notices()).toEqual(['forwarding-failed']));
    servePlatform();
    await ask(us, { action: 'activate' });
    await becomes(us, { state: 'active', error: null });
  });

  it('keeps what is known when it cannot be looked up', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    platform.answer = () => ({ status: 403 });
    await ask(us, { action: 'refresh' });
    await becomes(us, { state: 'active', error: 'not-authorised' });
    expect(await notices()).toEqual([]);
  });

  it('stops forwarding a number that is delinked, and those of an account that is closed', async () => {
    await person.signUp(us);
    await person.link(us2);
    await becomes(us, { state: 'active' });
    await becomes(us2, { state: 'active' });
    await person.call('DELETE', `/api/account/numbers/${us2}`);
    await vi.waitFor(() => expect(forwards(us2)).toBe(false), { timeout: 20_000 });
    expect(forwards(us)).toBe(true);
    expect((await person.call('DELETE', '/api/account', { password: goodPassword })).statusCode).toBe(200);
    await vi.waitFor(() => expect(forwards(us)).toBe(false), { timeout: 20_000 });
    await vi.waitFor(async () => {
      expect(await house.store.selectFrom('forwarding_jobs').selectAll().execute()).toEqual([]);
    });
    expect(await house.store.selectFrom('forwarding_records').selectAll().execute()).toEqual([]);
  });

  it('does not hand the record on with a number that goes to another account (R-RECYCLED)', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    await ask(us, { action: 'activate', noReplySeconds: 30 });
    await becomes(us, { state: 'active', noReplySeconds: 30 });
    await house.services.forwarding.recordCheck(us, { state: 'verified', seen: 'came-back', at: Date.now() });
    await becomes(us, { check: { state: 'verified' } });
    const hold = Promise.withResolvers<void>();
    const { answer } = platform;
    platform.answer = async (request) => {
      await hold.promise;
      return answer(request);
    };
    const other = new Person(house);
    await other.signUp(us);
    expect(await forwardingOf(us, other)).toMatchObject({
      state: 'pending',
      check: null,
      noReplySeconds: null,
    });
    hold.resolve();
    await becomes(us, { state: 'active', check: null }, other);
    expect(forwards(us)).toBe(true);
  });

  it('does what is wished last', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    const hold = Promise.withResolvers<void>();
    const { answer } = platform;
    platform.answer = async (request) => {
      await hold.promise;
      return answer(request);
    };
    for (const action of ['deactivate', 'activate', 'deactivate', 'activate', 'deactivate'])
      await ask(us, { action });
    hold.resolve();
    await becomes(us, { state: 'inactive' });
    expect(forwards(us)).toBe(false);
    expect(await house.store.selectFrom('forwarding_jobs').selectAll().execute()).toEqual([]);
  });

  it('takes a command up again that the end of the process cut off', async () => {
    const never = Promise.withResolvers<{ status: number }>();
    platform.answer = () => never.promise;
    await person.signUp(us);
    await vi.waitFor(() => expect(platform.seen.length).toBeGreaterThan(0));
    await house.services.forwarding.close();
    never.resolve({ status: 500 });
    expect(await forwardingOf(us)).toMatchObject({ state: 'pending' });
    const [cut] = await house.store.selectFrom('forwarding_jobs').select(['id', 'attempts']).execute();
    expect(cut).toMatchObject({ attempts: 0 });
    servePlatform();
    const forwarding = new Forwarding({
      store: house.store,
      fabric: house.fabric,
      catalogue: house.services.catalogue,
      log: createLogger({ level: 'silent', destination: 'none' }, { write: () => {} }),
      tell: async () => {},
      firstRetryMs: 50,
      maxRetryMs: 50,
      giveUpAfterMs: 30_000,
      parallel: 1,
    });
    forwarding.start();
    stopped.push(() => forwarding.close());
    await becomes(us, { state: 'active' });
  });
});

describe('a carrier with the webhook', () => {
  beforeEach(() => {
    webhook.answer = () => ({ status: 202 });
  });

  it('is asked with one key until it says how it is', async () => {
    const answers = [{ status: 500 }, { status: 202 }, { status: 200, body: '{"state":"pending"}' }];
    webhook.answer = () => answers.shift() ?? { status: 200, body: '{"state":"active","noReplySeconds":25}' };
    await person.signUp(ie);
    await becomes(ie, { mode: 'auto', state: 'active', source: 'carrier', noReplySeconds: 25 });
    const [first, again, ...polls] = webhook.seen;
    expect(JSON.parse(first?.body ?? '')).toEqual({
      id: first?.headers['idempotency-key'],
      action: 'activate',
      number: ie,
      cNumber: '+353851234000',
      noReplySeconds: null,
    });
    expect(first?.headers.authorization).toBe('Bearer ours');
    expect(again).toMatchObject({ method: 'POST', body: first?.body });
    expect(again?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
    const url = `/forwarding/${first?.headers['idempotency-key']}`;
    expect(polls.map(({ method, url: asked }) => [method, asked])).toEqual([
      ['GET', url],
      ['GET', url],
    ]);
  });

  it('reports by itself, with its token', async () => {
    await person.signUp(ie);
    await vi.waitFor(() => expect(webhook.seen.length).toBeGreaterThan(0));
    const id = String(webhook.seen[0]?.headers['idempotency-key']);
    const report = (token: string, body: object, carrier = 'ie') =>
      new Person(house).call('POST', `/api/carriers/${carrier}/forwarding/${id}`, body, {
        authorization: `Bearer ${token}`,
      });
    expect((await report('a-token-of-somebody-else', { state: 'active' })).statusCode).toBe(401);
    expect((await report(reportToken, { state: 'active' }, 'us')).statusCode).toBe(401);
    expect((await report('', { state: 'active' }, 'uk')).statusCode).toBe(401);
    expect((await report(reportToken, { state: 'maybe' })).statusCode).toBe(400);
    expect((await report(reportToken, { state: 'pending' })).statusCode).toBe(204);
    expect(await forwardingOf(ie)).toMatchObject({ state: 'pending' });
    expect((await report(reportToken, { state: 'active', noReplySeconds: 10 })).statusCode).toBe(204);
    await becomes(ie, { state: 'active', noReplySeconds: 10 });
    expect((await report(reportToken, { state: 'failed' })).statusCode).toBe(204);
    expect(await forwardingOf(ie)).toMatchObject({ state: 'active' });
  });

  it.each([
    [{ status: 200, body: '{"state":"failed"}' }, 'refused'],
    [{ status: 200, body: '{"state":"failed","error":"unknown-subscriber"}' }, 'unknown-subscriber'],
    [{ status: 404 }, 'unknown-subscriber'],
    [{ status: 422 }, 'refused'],
  ])('%j is a failure: %s', async (answer, error) => {
    webhook.answer = () => answer;
    await person.signUp(ie);
    await becomes(ie, { state: 'failed', error });
  });
});

describe('a carrier that is not integrated (R-FWD-MANUAL)', () => {
  it('believes the person, and a call that came forwarded', async () => {
    await person.signUp(uk);
    expect(await forwardingOf(uk)).toMatchObject({ mode: 'manual', state: 'unknown', source: null });
    const on = await ask(uk, { action: 'activate', noReplySeconds: 10 });
    expect(on.statusCode).toBe(200);
    expect(on.json().numbers[0].forwarding).toMatchObject({
      state: 'active',
      source: 'person',
      noReplySeconds: 10,
    });
    await ask(uk, { action: 'deactivate' });
    expect(await forwardingOf(uk)).toMatchObject({ state: 'inactive', source: 'person' });
    const refresh = await ask(uk, { action: 'refresh' });
    expect([refresh.statusCode, refresh.json().code]).toEqual([409, 'forwarding-is-manual']);
    const { account_id: accountId } = await house.store
      .selectFrom('numbers')
      .select('account_id')
      .executeTakeFirstOrThrow();
    const call = { id: 'c1', account_id: accountId, called: uk, carrier_id: 'uk', reason: 'unreachable' };
    const arrive = (id: string, arrived_at: number) =>
      house.store
        .insertInto('calls')
        .values({ ...call, id, trunk_call_id: id, arrived_at } as never)
        .execute();
    // It came before the forwarding was switched off, and is over now.
    const before = Number((await forwardingOf(uk)).changedAt) - 1;
    await arrive('c0', before);
    house.fabric.publish('call.changed', { accountId, callId: 'c0' });
    for (let look = 0; look < 10; look += 1) {
      expect(await forwardingOf(uk)).toMatchObject({ state: 'inactive' });
      // What was to be written meanwhile is written then.
      await arrive(`other-${look}`, before);
    }
    await arrive('c1', Date.now());
    house.fabric.publish('call.changed', { accountId, callId: 'c1' });
    await becomes(uk, { state: 'active', source: 'call' });
  });

  it('a forwarded call to each of two numbers at once shows it of both', async () => {
    const uk2 = '+447700900124';
    await person.signUp(uk);
    await person.link(uk2);
    const { account_id: accountId } = await house.store
      .selectFrom('numbers')
      .select('account_id')
      .executeTakeFirstOrThrow();
    for (const number of [uk, uk2]) await becomes(number, { state: 'unknown' });
    for (const called of [uk, uk2]) {
      const call = { id: called, account_id: accountId, called, carrier_id: 'uk', reason: 'unreachable' };
      await house.store
        .insertInto('calls')
        .values({ ...call, trunk_call_id: called, arrived_at: Date.now() } as never)
        .execute();
    }
    for (const callId of [uk, uk2]) house.fabric.publish('call.changed', { accountId, callId });
    for (const number of [uk, uk2]) await becomes(number, { state: 'active', source: 'call' });
  });

  it.each([
    [{ action: 'activate', noReplySeconds: 7 }],
    [{ action: 'activate', noReplySeconds: 35 }],
    [{ action: 'explode' }],
    [{}],
  ])('refuses %j', async (body) => {
    await person.signUp(uk);
    expect((await ask(uk, body)).statusCode).toBe(400);
  });

  it('is about the numbers of the account only', async () => {
    await person.signUp(uk);
    const other = new Person(house);
    await other.signUp(us);
    expect((await ask(uk, { action: 'activate' }, other)).json().code).toBe('no-such-number');
    expect((await ask('+442071838750', { action: 'activate' })).json().code).toBe('no-such-number');
    expect((await ask(uk, { action: 'activate' }, new Person(house))).statusCode).toBe(401);
  });
});

describe('the carrier of a number, as the person knows it', () => {
  const set = (number: string, carrierId: string) =>
    person.call('PUT', `/api/account/numbers/${number}/carrier`, { carrierId });

  it('moves the number: off at the old one, by hand at the new one, and back', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    const moved = (await set(us, 'us-two')).json().numbers[0];
    expect(moved).toMatchObject({
      carrier: { id: 'us-two' },
      forwarding: { mode: 'manual', state: 'unknown' },
    });
    await vi.waitFor(() => expect(forwards(us)).toBe(false), { timeout: 20_000 });
    await set(us, 'us');
    await becomes(us, { mode: 'auto', state: 'active' });
    expect(forwards(us)).toBe(true);
  });

  it('is one that may be: of the country', async () => {
    await person.signUp(us);
    expect((await set(us, 'uk')).json().code).toBe('wrong-carrier');
    expect((await set(us, 'nobody')).json().code).toBe('no-such-carrier');
    expect((await set(uk, 'uk')).json().code).toBe('no-such-number');
  });
});

describe('results of checks', () => {
  it('do not switch on what the person has switched off, or is switching off', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    const { forwarding } = house.services;
    await forwarding.recordCheck(us, { state: 'verified', seen: 'came-back', at: 2 });
    const hold = Promise.withResolvers<void>();
    const { answer } = platform;
    platform.answer = async (request) => {
      await hold.promise;
      return answer(request);
    };
    await ask(us, { action: 'deactivate' });
    await forwarding.recordCheck(us, { state: 'failed', seen: 'carrier-voicemail', at: 3 });
    hold.resolve();
    await becomes(us, { state: 'inactive' });
    await forwarding.recordCheck(us, { state: 'failed', seen: 'rejected', at: 4 });
    expect(await house.store.selectFrom('forwarding_jobs').select('action').execute()).toEqual([]);
    expect(await forwardingOf(us)).toMatchObject({ state: 'inactive', check: { state: 'failed', at: 4 } });
    expect(forwards(us)).toBe(false);
    expect(await notices()).toEqual([]);
  });

  it('are shown, and a forwarding that was lost is told once and switched on again', async () => {
    await person.signUp(us);
    await becomes(us, { state: 'active' });
    const { forwarding } = house.services;
    expect(await forwarding.recordCheck(us, { state: 'running', seen: null, at: 1 })).toBe(true);
    expect((await forwardingOf(us)).check).toEqual({ state: 'running', seen: null, at: 1 });
    await forwarding.recordCheck(us, { state: 'verified', seen: 'came-back', at: 2 });
    expect(await forwardingOf(us)).toMatchObject({ source: 'check', check: { state: 'verified', at: 2 } });
    await forwarding.recordCheck(us, { state: 'failed', seen: null, at: 3, cause: 'no-trunk' });
    expect(await notices()).toEqual([]);
    const document = documents.get(us);
    if (document) document.text = phoneDocument;
    await forwarding.recordCheck(us, { state: 'failed', seen: 'carrier-voicemail', at: 4 });
    expect(await notices()).toEqual(['forwarding-lost']);
    await becomes(us, {
      state: 'active',
      source: 'carrier',
      check: { state: 'failed', seen: 'carrier-voicemail' },
    });
    expect(forwards(us)).toBe(true);
    expect(await forwarding.recordCheck('+442071838750', { state: 'verified', seen: null, at: 5 })).toBe(
      false,
    );
  });
});
