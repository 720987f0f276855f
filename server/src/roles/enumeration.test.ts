import { answerChallenge, computeHa1, type Flow, SipHeaders, SipRequest } from '@ringthrough/sip';
import { VirtualClock } from '@ringthrough/sip/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { Registrar } from '../registration/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { device, Person, TestHouse } from './testing.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const closers: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Before anything else takes its hashes from there. */
const sink = await vi.hoisted(async () => {
  const { default: crypto } = await import('node:crypto');
  const { syncBuiltinESMExports } = await import('node:module');
  const sink: { seen: string[] | undefined } = { seen: undefined };
  const functions = crypto as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ['hash', 'createHash', 'createHmac', 'timingSafeEqual', 'argon2', 'randomBytes']) {
    const original = functions[name];
    functions[name] = (...args) => {
      const { memory, passes } = (args[1] ?? {}) as { memory?: number; passes?: number };
      sink.seen?.push(name === 'argon2' ? `argon2 ${memory} KiB ${passes}` : name);
      return original?.apply(crypto, args);
    };
  }
  syncBuiltinESMExports();
  return sink;
});

/**
 * What takes time in finding out who somebody is: hashes with their cost, and statements of the store. Two answers that
 * cost the same work take the same time, on any machine and under any load; a stopwatch would tell less.
 */
async function workOf(store: Store, run: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  sink.seen = seen;
  const executor = store.getExecutor();
  const { executeQuery } = executor;
  executor.executeQuery = function (this: typeof executor, query, ...rest) {
    // The outbox runs beside it, the same for every SMS.
    if (!query.sql.includes('"sms_')) seen.push(query.sql);
    return executeQuery.call(this, query, ...rest) as never;
  };
  try {
    await run();
  } finally {
    executor.executeQuery = executeQuery;
    sink.seen = undefined;
  }
  return seen;
}

describe('an unknown user costs exactly the work of a wrong password (no enumeration by time)', () => {
  it('in a login over HTTP', async () => {
    const house = await TestHouse.open();
    closers.push(() => house.close());
    const anna = '+14155550101';
    await new Person(house).signUp(anna);
    const logIn = (number: string) =>
      workOf(house.store, async () => {
        const body = { number, password: 'a wrong password', device };
        const answer = await new Person(house).call('POST', '/api/sessions', body);
        expect(answer.statusCode).toBe(401);
      });
    const known = await logIn(anna);
    expect(known.filter((one) => one.startsWith('argon2'))).toHaveLength(1);
    expect(await logIn('+14155550199')).toEqual(known);
  });

  it.each([
    ['whose secret is in memory', 100],
    ['whose secret is in the store', 0],
  ])('in SIP, beside a device %s', async (_where, maxCachedDevices) => {
    const store = await openStore({ path: ':memory:' });
    await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
    const ha1 = {
      ha1_md5: computeHa1('MD5', 'done', 'ringthrough', 'secret'),
      ha1_sha256: computeHa1('SHA-256', 'done', 'ringthrough', 'secret'),
    };
    const row = { id: 'one', account_id: 'ann', name: 'One', system: 'test', sip_user: 'done' };
    await store
      .insertInto('devices')
      .values({ ...row, ...ha1, kind: 'softphone', created_at: 1 })
      .execute();
    const registrar = new Registrar({
      store,
      fabric: new LocalFabric(() => undefined),
      log: createLogger({ level: 'silent', destination: 'stderr' }),
      clock: new VirtualClock(),
      now: Date.now,
      realm: 'ringthrough',
      secret: 'nonce key',
      nonceLifetimeMs: 300_000,
      limits: {
        minExpiresSeconds: 30,
        maxExpiresSeconds: 3600,
        defaultExpiresSeconds: 300,
        maxBindingsPerDevice: 5,
      },
      pingIntervalMs: 10_000,
      maxCachedDevices,
    });
    closers.push(
      () => registrar.close(),
      () => store.destroy(),
    );
    const flow: Flow = {
      id: 'tcp:1',
      protocol: 'tcp',
      local: { host: '192.0.2.1', port: 5060 },
      remote: { host: '192.0.2.2', port: 5060 },
      closed: false,
      onClose: () => () => {},
      close() {},
    };
    const ask = (headers?: [string, string][]) => {
      const request = new SipRequest('REGISTER', 'sip:x', headers ? { headers } : {});
      return registrar.authenticate({ request, flow }, 401);
    };
    /** With the answer to a challenge of ours. */
    const guess = async (username: string, password: string) => {
      const challenged = await ask();
      const headers = new SipHeaders(challenged.ok ? [] : challenged.headers);
      const question = { headers, method: 'REGISTER', uri: 'sip:x', username, password };
      const answer = answerChallenge(question);
      const seen: boolean[] = [];
      const work = await workOf(store, async () => {
        seen.push((await ask([[answer?.name ?? '', answer?.value ?? '']])).ok);
      });
      return { ok: seen[0], work };
    };
    expect((await guess('done', 'secret')).ok).toBe(true);
    const selects = (work: string[]) => work.filter((one) => one.startsWith('select'));
    expect(selects((await guess('done', 'secret')).work)).toHaveLength(maxCachedDevices === 0 ? 1 : 0);
    const wrong = await guess('done', 'wrong');
    expect(wrong.ok).toBe(false);
    expect(selects(wrong.work)).toHaveLength(1);
    expect(wrong.work.filter((one) => /^(hash|createHash)$/.test(one)).length).toBeGreaterThanOrEqual(2);
    const order = (work: string[]) => [...work].sort();
    expect(order((await guess('dnobody', 'wrong')).work)).toEqual(order(wrong.work));
  });
});

describe('a number that somebody has is proved with the work of one that nobody has', () => {
  it.each(['login', 'reset', 'sign-up', 'link'])(
    'for %s: options, start, and wrong codes',
    async (purpose) => {
      const house = await TestHouse.open();
      closers.push(() => house.close());
      const [owned, nobodys] = ['+14155550101', '+14155550199'];
      await new Person(house).signUp(owned);
      const asker = new Person(house);
      if (purpose === 'link') await asker.signUp('+14155550102');
      const ask = async (number: string) => {
        const bodies: unknown[] = [];
        const work = await workOf(house.store, async () => {
          const options = await asker.call('POST', '/api/validations/options', { number });
          const started = await asker.call('POST', '/api/validations', { number, purpose });
          const { id } = started.json<{ id: string }>();
          const path = `/api/validations/${id}`;
          // Not what comes by chance: with a million codes, no guess is right in a lifetime of runs.
          const checked = await asker.call('POST', `${path}/check`, { code: 'no code' });
          const standing = await asker.call('GET', path);
          const claimed = await asker.call('POST', `${path}/claim`);
          for (const answer of [options, started, checked, standing, claimed]) {
            bodies.push([answer.statusCode, answer.body.replaceAll(number, 'N').replaceAll(id, 'I')]);
          }
        });
        return { bodies, work };
      };
      const [known, unknown] = [await ask(owned), await ask(nobodys)];
      expect(unknown.bodies).toEqual(known.bodies);
      expect(unknown.work).toEqual(known.work);
      expect(known.work.filter((one) => one === 'timingSafeEqual').length).toBeGreaterThanOrEqual(1);
      expect(known.work.join()).not.toMatch(/"numbers"|"password_hash"/);
    },
  );

  it('and a wrong code takes the work of a right one, in constant time, up to the verdict', async () => {
    const house = await TestHouse.open();
    closers.push(() => house.close());
    const person = new Person(house);
    const compare = async (right: boolean) => {
      const { id, code } = await person.code('+14155550101', 'login');
      const last = (Number(code.at(-1)) + 1) % 10;
      const given = right ? code : `${code.slice(0, -1)}${last}`;
      const work = await workOf(house.store, async () => {
        const checked = await person.call('POST', `/api/validations/${id}/check`, { code: given });
        expect(checked.statusCode).toBe(right ? 200 : 422);
      });
      return work.slice(0, work.indexOf('timingSafeEqual') + 1);
    };
    const wrong = await compare(false);
    expect(wrong.at(-1)).toBe('timingSafeEqual');
    expect(await compare(true)).toEqual(wrong);
  });
});
