import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CarrierCatalogue } from '../carrier/index.ts';
import { mutedCarrier, VoiceWorld, voiceCarrier } from '../carrier/testing/index.ts';
import { LocalFabric } from '../fabric/index.ts';
import { fakeSdp } from '../media/testing/index.ts';
import { openStore, type Store } from '../store/index.ts';
import {
  CheckSchedule,
  Forwarding,
  type ForwardingCheck,
  ForwardingChecks,
  type ReturningCall,
} from './index.ts';

const number = '+14155550101';
const other = '+14155550102';
const muted = '+14155550103';
const cNumber = voiceCarrier.cNumber;
const person = '+12125550199';

let world: VoiceWorld;
let store: Store;
let forwarding: Forwarding;
let checks: ForwardingChecks;
let notices: string[];
const now = () => 1_700_000_000_000 + world.clock.now();

async function link(e164: string, carrierId = voiceCarrier.id): Promise<void> {
  await store
    .insertInto('numbers')
    .values({
      e164,
      account_id: 'ann',
      is_primary: e164 === number ? 1 : 0,
      carrier_id: carrierId,
      answer_mode: 'both',
      validated_at: 1,
    })
    .execute();
}

beforeEach(async () => {
  world = await VoiceWorld.create({ maxConcurrent: 3 });
  store = await openStore({ path: ':memory:' });
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  for (const e164 of [number, other]) await link(e164);
  await link(muted, mutedCarrier.id);
  notices = [];
  const catalogue = new CarrierCatalogue([voiceCarrier, mutedCarrier]);
  const fabric = new LocalFabric((error) => {
    throw error;
  });
  const { log, clock, calls } = world;
  forwarding = new Forwarding({
    store,
    fabric,
    catalogue,
    log,
    tell: async (_, { code, data }) => void notices.push(`${code} ${data.number}`),
    firstRetryMs: 1_000,
    maxRetryMs: 1_000,
    giveUpAfterMs: 1_000,
    parallel: 1,
    now,
  });
  const limits = { timeoutMs: 30_000, ringMs: 8_000, perNumberPerHour: 3 };
  checks = new ForwardingChecks({
    store,
    calls,
    forwarding,
    carriers: catalogue,
    log,
    clock,
    now,
    ...limits,
  });
});

afterEach(async () => {
  await checks.close();
  await forwarding.close();
  await world.close();
  await store.destroy();
});

/** Begins a check and brings its INVITE to the switch. @returns its token */
async function begin(e164 = number, options?: { ringMs: number }): Promise<string> {
  await checks.begin('ann', e164, options);
  await world.settle();
  return world.invite.request.headers.get('User-to-User') ?? '';
}

async function checkOf(e164 = number): Promise<ForwardingCheck | null> {
  const numbers = [{ number: e164, carrierId: voiceCarrier.id }];
  return (await forwarding.views('ann', numbers)).get(e164)?.check ?? null;
}

/** The result of the check, once it is stored. */
async function result(e164 = number): Promise<ForwardingCheck | null> {
  await world.settle();
  await vi.waitFor(async () => expect((await checkOf(e164))?.state).not.toBe('running'), { timeout: 10_000 });
  await world.settle();
  return checkOf(e164);
}

/** A call as the carrier brings it to the C number; without token, as most networks do. */
function returning(more: Partial<ReturningCall> = {}): ReturningCall & { takeBack(): void } {
  const gone = new AbortController();
  return {
    carrierId: voiceCarrier.id,
    dialled: [cNumber],
    calling: cNumber,
    called: [number],
    userToUser: undefined,
    gone: gone.signal,
    ...more,
    takeBack: () => gone.abort(),
  };
}

describe('a check that comes home', () => {
  it('calls the number over its carrier’s trunk, with a token, and runs until something is seen', async () => {
    const token = await begin();
    expect(token).toMatch(/^00[0-9a-f]{32};encoding=hex$/);
    expect(world.invite.request.uri).toContain(number);
    expect(await checkOf()).toMatchObject({ state: 'running', seen: null });
    expect(checks.arrived(returning())).toBe(true);
    expect(await result()).toMatchObject({ state: 'verified', seen: 'came-back', at: expect.any(Number) });
    // Given up at once, and as if answered elsewhere: no telephone lists it as missed.
    expect(world.goodbyes).toEqual(['CANCEL SIP;cause=200;text="Call completed elsewhere"']);
    const [view] = [...(await forwarding.views('ann', [{ number, carrierId: 'c' }])).values()];
    expect(view).toMatchObject({ state: 'active', source: 'check' });
  });

  it('is known by its token, whatever the carrier has made of the caller', async () => {
    const userToUser = await begin();
    expect(checks.arrived(returning({ calling: undefined, userToUser }))).toBe(true);
    expect(await result()).toMatchObject({ state: 'verified', seen: 'came-back' });
  });

  it('is known at the C number on the trunk of another carrier', async () => {
    await begin();
    expect(checks.arrived(returning({ carrierId: 'another' }))).toBe(true);
    expect(await result()).toMatchObject({ seen: 'came-back' });
  });

  it('has come back for the wrong number, or for none', async () => {
    const userToUser = await begin();
    expect(checks.arrived(returning({ called: [other], userToUser }))).toBe(true);
    expect(await result()).toMatchObject({ state: 'failed', seen: 'wrong-number' });
    await begin();
    expect(checks.arrived(returning({ called: [] }))).toBe(true);
    expect(await result()).toMatchObject({ seen: 'wrong-number', cause: 'no-redirecting-number' });
  });

  it('rings nobody when the switch is late, and changes nothing any more', async () => {
    const userToUser = await begin();
    world.invite.reject(486);
    expect(await result()).toMatchObject({ seen: 'busy' });
    expect(checks.arrived(returning())).toBe(true);
    expect(checks.arrived(returning({ calling: undefined, userToUser }))).toBe(true);
    expect(checks.arrived(returning({ calling: person }))).toBe(false);
    expect(await checkOf()).toMatchObject({ seen: 'busy' });
    await world.settle(121_000);
    expect(checks.arrived(returning({ userToUser }))).toBe(false);
  });
});

describe('two checks at once', () => {
  it('are told apart by the number, and by the token', async () => {
    await begin(number);
    const second = await begin(other);
    expect(checks.arrived(returning({ called: [number] }))).toBe(true);
    expect(await result(number)).toMatchObject({ state: 'verified' });
    expect(await checkOf(other)).toMatchObject({ state: 'running' });
    expect(checks.arrived(returning({ called: [number], userToUser: second }))).toBe(true);
    expect(await result(other)).toMatchObject({ seen: 'wrong-number' });
  });

  it('leave a call that could be either to the guard against loops', async () => {
    await begin(number);
    await begin(other);
    expect(checks.arrived(returning({ called: [] }))).toBe(false);
    expect((await checkOf(number))?.state).toBe('running');
    expect((await checkOf(other))?.state).toBe('running');
  });

  it('of one number are one', async () => {
    const both = await Promise.allSettled([checks.begin('ann', number), checks.begin('ann', number)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(checks.begin('ann', number)).rejects.toMatchObject({ code: 'check-running' });
    await world.settle();
    expect(world.invites).toHaveLength(1);
  });
});

describe('a call for the number from somebody else, in the middle of a check', () => {
  it('is ours when it goes as soon as we hang up: the carrier has changed the caller', async () => {
    await begin();
    const call = returning({ calling: person });
    const verdict = checks.arrived(call);
    expect(verdict).toBeInstanceOf(Promise);
    await world.settle(100);
    expect(world.goodbyes).toHaveLength(1);
    call.takeBack();
    expect(await verdict).toBe(true);
    expect(await result()).toMatchObject({ state: 'verified', cause: 'other-caller' });
  });

  it('rings as it should when it stays: a person', async () => {
    await begin();
    const verdict = checks.arrived(returning({ calling: undefined }));
    await world.settle(3_100);
    expect(await verdict).toBe(false);
    // It has been forwarded, too.
    expect(await result()).toMatchObject({ state: 'verified' });
  });

  it.each([
    ['for another number', { called: [other], calling: person }],
    ['for the number, at another carrier’s', { carrierId: 'another', dialled: [number], calling: person }],
    [
      'with a made-up token',
      { called: [other], calling: person, userToUser: `00${'a'.repeat(32)};encoding=hex` },
    ],
    ['with a broken token', { called: [other], calling: person, userToUser: '00zz' }],
  ])('%s is nothing to us', async (_, more) => {
    await begin();
    expect(checks.arrived(returning(more))).toBe(false);
    expect((await checkOf())?.state).toBe('running');
  });
});

it('takes no call for a check while there is none', () => {
  expect(checks.arrived(returning())).toBe(false);
});

describe('what else is seen', () => {
  it.each([
    [486, undefined, 'busy', '486'],
    [600, undefined, 'busy', '600'],
    [480, 'Q.850;cause=17', 'busy', '480 Q.850 17'],
    [486, 'Q.850;cause=21', 'rejected', '486 Q.850 21'],
    [480, 'Q.850;cause=20', 'rejected', '480 Q.850 20'],
    [603, undefined, 'rejected', '603'],
    [404, undefined, 'rejected', '404'],
  ])('refused with %s %s: %s', async (status, reason, seen, cause) => {
    await begin();
    world.invite.reject(status, reason === undefined ? {} : { headers: [['Reason', reason]] });
    expect(await result()).toMatchObject({ state: 'failed', seen, cause });
  });

  it('the phone rings: hung up after a while, and nothing is said of the forwarding', async () => {
    await begin();
    world.invite.progress(180);
    await world.settle(7_900);
    expect((await checkOf())?.state).toBe('running');
    await world.settle(200);
    expect(await result()).toMatchObject({ state: 'failed', seen: 'rang' });
    expect(world.goodbyes).toEqual(['CANCEL SIP;cause=200;text="Call completed elsewhere"']);
  });

  it('it rings and then is forwarded: it was verified', async () => {
    await begin();
    world.invite.progress(180);
    await world.settle(5_000);
    expect(checks.arrived(returning())).toBe(true);
    expect(await result()).toMatchObject({ state: 'verified' });
  });

  it('somebody picks up', async () => {
    await begin();
    world.invite.progress(180);
    await world.settle(4_000);
    await world.answer();
    expect(await result()).toMatchObject({ seen: 'rang', cause: 'answered' });
    expect(world.goodbyes).toHaveLength(1);
  });

  it.each([
    ['at once', async () => {}],
    [
      'after something was played',
      async () => {
        world.invite.progress(183, { body: fakeSdp('mailbox') });
        await world.settle(3_000);
      },
    ],
    [
      'after a moment of ringing',
      async () => {
        world.invite.progress(180);
        await world.settle(1_000);
      },
    ],
  ])('the mailbox of the carrier answers %s', async (_, before) => {
    await begin();
    await before();
    await world.answer();
    expect(await result()).toMatchObject({ seen: 'carrier-voicemail' });
  });

  it('ringback of the network alone, or nothing at all, until the time is over', async () => {
    await begin();
    world.invite.progress(183, { body: fakeSdp('ringback') });
    await world.settle(30_100);
    expect(await result()).toMatchObject({ seen: 'rang', cause: 'no-answer' });
    await begin();
    world.invite.progress(183);
    await world.settle(30_100);
    expect(await result()).toMatchObject({ seen: 'nothing', cause: 'no-answer' });
  });

  it('the call could not be placed', async () => {
    await begin();
    world.invite.reject(503);
    expect(await result()).toMatchObject({ state: 'failed', seen: 'nothing', cause: 'not-placed' });
  });
});

describe('who may have what checked', () => {
  it('numbers of the account, of carriers that we can call over, not too often', async () => {
    await expect(checks.begin('bob', number)).rejects.toMatchObject({ code: 'no-such-number' });
    await expect(checks.begin('ann', person)).rejects.toMatchObject({ code: 'no-such-number' });
    await expect(checks.begin('ann', muted)).rejects.toMatchObject({ code: 'check-not-possible' });
    for (let time = 0; time < 3; time += 1) {
      await begin();
      world.invite.reject(486);
      await result();
      await world.settle(60_000);
    }
    await expect(checks.begin('ann', number)).rejects.toMatchObject({
      code: 'too-many-checks',
      extra: { retryAfter: 3_420 },
    });
    await begin(other);
    await world.settle(3_600_000);
    await begin();
  });

  it('no more calls than there may be', async () => {
    for (let n = 0; n < 3; n += 1) world.calls.call({ carrierId: 'c', to: person }, { ended: () => {} });
    await expect(checks.begin('ann', number)).rejects.toMatchObject({ code: 'overloaded' });
    expect(await checkOf()).toBeNull();
  });
});

it('a check that the end of the process cuts off has seen nothing, whether it ends in order or not', async () => {
  await begin();
  await checks.close();
  expect(await checkOf()).toMatchObject({ state: 'failed', seen: 'nothing', cause: 'interrupted' });
  expect(world.goodbyes).toHaveLength(0);
  await world.settle();
  expect(world.goodbyes).toHaveLength(1);
  await forwarding.recordCheck(number, { state: 'running', seen: null, at: now() });
  await checks.start();
  expect(await checkOf()).toMatchObject({ state: 'failed', seen: 'nothing', cause: 'interrupted' });
});

describe('the schedule', () => {
  const dayMs = 24 * 3_600_000;
  let schedule: CheckSchedule;
  const start = (hours = { from: 0, to: 24 }) => {
    const { log, clock } = world;
    schedule = new CheckSchedule({
      store,
      checks,
      log,
      clock,
      now,
      everyMs: 7 * dayMs,
      perDay: 24,
      hours,
      ringMs: 0,
    });
    schedule.start();
  };
  afterEach(() => schedule.close());

  /** Comes back, so that the number counts as verified. */
  async function verify(e164: string): Promise<void> {
    await begin(e164);
    checks.arrived(returning({ called: [e164] }));
    await result(e164);
  }

  /** Lets a turn of the schedule pass, with what it asks of the database. */
  async function turn(): Promise<number> {
    const before = world.invites.length;
    await world.settle(3_600_000);
    await schedule.close();
    await world.settle();
    return world.invites.length - before;
  }

  it('calls what was verified longest ago, one at a time, and what was never verified not at all', async () => {
    await verify(number);
    await world.settle(dayMs);
    await verify(other);
    await world.settle(7 * dayMs - 3_000_000);
    start();
    expect(await turn()).toBe(1);
    expect(world.invite.request.uri).toContain(number);
  });

  it('does nothing before its time, nor at night', async () => {
    await verify(number);
    start();
    expect(await turn()).toBe(0);
    await world.settle(8 * dayMs);
    const hour = new Date(now() + 3_600_000).getHours();
    start(hour === 0 ? { from: 1, to: 24 } : { from: 0, to: hour });
    const between = ((hour === 0 ? 23 : hour) * 3_600_000) / 24;
    await world.settle(between + 10);
    const before = world.invites.length;
    await schedule.close();
    await world.settle();
    expect(world.invites.length - before).toBe(0);
  });

  it('warns once of a forwarding that the carrier has dropped', async () => {
    await verify(number);
    await world.settle(8 * dayMs);
    start();
    expect(await turn()).toBe(1);
    await world.answer();
    expect(await result()).toMatchObject({ seen: 'carrier-voicemail' });
    expect(notices).toEqual([`forwarding-lost ${number}`]);
    await begin();
    world.invite.reject(486);
    await result();
    expect(notices).toHaveLength(1);
  });

  it.each([
    ['a phone that is on', () => world.invite.progress(180), 'rang'],
    ['a trunk that is down', () => world.invite.reject(503), 'nothing'],
  ])('warns of nothing because of %s', async (_, act, seen) => {
    await verify(number);
    await world.settle(8 * dayMs);
    start();
    expect(await turn()).toBe(1);
    act();
    await world.settle();
    expect(await result()).toMatchObject({ seen });
    expect(notices).toEqual([]);
  });
});
