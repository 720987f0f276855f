import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { Devices } from './devices.ts';
import { Notices } from './notices.ts';
import { Sessions, type Tokens } from './sessions.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

let database: TestDatabase;
let store: Store;
let devices: Devices;
let sessions: Sessions;
let now: number;
let signedOut: string[];

beforeEach(async () => {
  database = await TestDatabase.create();
  store = await openStore(database.options);
  now = Date.parse('2026-11-22T12:00:00Z');
  signedOut = [];
  const fabric = new LocalFabric((error) => signedOut.push(String(error)));
  fabric.subscribe('device.removed', ({ deviceId }) => signedOut.push(deviceId));
  const parts = { store, fabric, now: () => now };
  devices = new Devices({ ...parts, maxPerAccount: 10 });
  sessions = new Sessions({
    ...parts,
    notices: new Notices(parts),
    key: randomBytes(32),
    accessLifetimeMs: 15 * minuteMs,
    lifetimeMs: 30 * dayMs,
    graceMs: minuteMs,
  });
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
});

afterEach(async () => {
  await store.destroy();
  database.remove();
});

async function logIn(name = 'Laptop'): Promise<Tokens & { deviceId: string }> {
  const created = await devices.add('ann', { name, system: '', kind: 'web' });
  const { tokens } = await sessions.create(created.device.id, store);
  return { ...tokens, deviceId: created.device.id };
}

async function refreshed(refreshToken: string): Promise<Tokens> {
  const result = await sessions.refresh(refreshToken);
  if (result.kind !== 'refreshed') throw new Error(`it is ${result.kind}`);
  return result.tokens;
}

const isGood = async ({ accessToken }: Tokens) => (await sessions.authenticate(accessToken)) !== undefined;

describe('an access token', () => {
  it('is good for its minutes, and for its account and device', async () => {
    const { accessToken, deviceId } = await logIn();
    expect(await sessions.authenticate(accessToken)).toEqual({ accountId: 'ann', deviceId });
    now += 15 * minuteMs - 1;
    expect(await sessions.authenticate(accessToken)).toEqual({ accountId: 'ann', deviceId });
    now += 1;
    expect(await sessions.authenticate(accessToken)).toBeUndefined();
  });

  it('goes on beside the next one until it expires: requests under way do not fail', async () => {
    const first = await logIn();
    now += 10 * minuteMs;
    const second = await refreshed(first.refreshToken);
    expect([await isGood(first), await isGood(second)]).toEqual([true, true]);
    now += 5 * minuteMs;
    expect([await isGood(first), await isGood(second)]).toEqual([false, true]);
  });

  it('is no refresh token, nor the other way round, nor anything that was made up', async () => {
    const { accessToken, refreshToken } = await logIn();
    expect(await sessions.authenticate(refreshToken)).toBeUndefined();
    for (const token of ['', 'x', accessToken.slice(1), `${accessToken}A`, 'A'.repeat(64)]) {
      expect(await sessions.authenticate(token)).toBeUndefined();
      expect(await sessions.refresh(token)).toEqual({ kind: 'unknown' });
    }
  });

  it('is kept as a hash only, and so is the refresh token', async () => {
    const tokens = await logIn();
    const next = await refreshed(tokens.refreshToken);
    const rows = JSON.stringify(await store.selectFrom('sessions').selectAll().execute());
    for (const text of [tokens.accessToken, tokens.refreshToken, next.accessToken, next.refreshToken]) {
      const bytes = Buffer.from(text, 'base64url');
      for (const secret of [text, bytes.subarray(16).toString('hex'), bytes.toString('base64')]) {
        expect(rows).not.toContain(secret);
      }
    }
  });

  it('marks session and device as seen, and no more than once a minute', async () => {
    const tokens = await logIn();
    expect(await isGood(tokens)).toBe(true);
    now += 30_000;
    expect(await isGood(tokens)).toBe(true);
    const list = async () =>
      (await devices.list('ann')).map(({ lastSeenAt, session }) => [lastSeenAt, session?.lastUsedAt]);
    expect(await list()).toEqual([[now - 30_000, now - 30_000]]);
    now += 30_000;
    expect(await isGood(tokens)).toBe(true);
    expect(await list()).toEqual([[now, now]]);
  });
});

describe('a refresh token', () => {
  it('is exchanged for the next pair, and keeps the session alive', async () => {
    let tokens: Tokens = await logIn();
    for (let day = 0; day < 100; day += 10) {
      now += 10 * dayMs;
      tokens = await refreshed(tokens.refreshToken);
      expect(await isGood(tokens)).toBe(true);
    }
    now += 30 * dayMs;
    expect(await sessions.refresh(tokens.refreshToken)).toEqual({ kind: 'unknown' });
    await devices.sweep();
    expect(await devices.list('ann')).toEqual([]);
    expect(signedOut).toHaveLength(1);
  });

  it('is answered with the same again when the answer was lost, however late', async () => {
    const tokens = await logIn();
    const lost = await refreshed(tokens.refreshToken);
    now += 5 * dayMs;
    const again = await refreshed(tokens.refreshToken);
    expect(again).toEqual({ ...lost, expiresAt: now + 15 * minuteMs });
    expect(await isGood(again)).toBe(true);
    expect(await isGood(await refreshed(again.refreshToken))).toBe(true);
  });

  it('is good again for a grace: another tab had it, too', async () => {
    const tokens = await logIn();
    const one = await refreshed(tokens.refreshToken);
    expect(await isGood(one)).toBe(true);
    now += minuteMs;
    expect(await refreshed(tokens.refreshToken)).toEqual(one);
    expect(signedOut).toEqual([]);
  });

  it('exchanged by many tabs at once is one exchange', async () => {
    const tokens = await logIn();
    const answers = await Promise.all(Array.from({ length: 8 }, () => refreshed(tokens.refreshToken)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it.each([
    ['the one before, after the grace', 1],
    ['an older one', 2],
    ['a very old one', 40],
  ])('that was exchanged ends the session for everybody: %s', async (_which, exchanges) => {
    const stolen = await logIn();
    const other = await logIn('Phone');
    let tokens: Tokens = stolen;
    for (let count = 0; count < exchanges; count += 1) {
      tokens = await refreshed(tokens.refreshToken);
      expect(await isGood(tokens)).toBe(true);
    }
    now += exchanges === 1 ? minuteMs + 1 : 0;
    expect(await sessions.refresh(stolen.refreshToken)).toEqual({
      kind: 'reused',
      session: { accountId: 'ann', deviceId: stolen.deviceId },
    });
    expect(await isGood(tokens)).toBe(false);
    expect(await sessions.refresh(tokens.refreshToken)).toEqual({ kind: 'unknown' });
    expect((await devices.list('ann')).map(({ id }) => id)).toEqual([other.deviceId]);
    const notices = await store.selectFrom('notices').select(['account_id', 'code', 'data']).execute();
    expect(notices).toEqual([{ account_id: 'ann', code: 'session-revoked', data: '{"device":"Laptop"}' }]);
  });
});

describe('the database', () => {
  it('has one session for a device, and none without one', async () => {
    const { deviceId } = await logIn();
    await expect(sessions.create(deviceId, store)).rejects.toThrow();
    await expect(sessions.create('nobody', store)).rejects.toThrow();
    await store.deleteFrom('devices').where('id', '=', deviceId).execute();
    expect(await store.selectFrom('sessions').selectAll().execute()).toEqual([]);
  });

  it('says with a device when it logged in, and when it was last there', async () => {
    await logIn();
    await devices.add('ann', { name: 'Desk phone', system: '', kind: 'softphone' });
    const lists = (await devices.list('ann')).map(({ kind, session }) => [kind, session]);
    expect(Object.fromEntries(lists)).toEqual({
      softphone: undefined,
      web: { createdAt: now, lastUsedAt: now, expiresAt: now + 30 * dayMs },
    });
    await devices.sweep();
    expect(await devices.list('ann')).toHaveLength(2);
  });
});
