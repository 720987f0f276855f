import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type HouseCarrier, LabHouse } from './support/lab-house.ts';
import { ApiError, Person } from './support/person.ts';
import { PhoneSwitch } from './support/phone-switch.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { DigitEar } from './support/spoken-digits.ts';

/** A carrier in a country of each language that we speak; the last one is spoken to in English. */
const spoken = [
  ['en', 'US', '+1415', '+14155550101'],
  ['es', 'ES', '+346', '+34611222333'],
  ['fr', 'FR', '+3363998', '+33639980101'],
  ['de', 'DE', '+49171392', '+491713920011'],
  ['hi', 'IN', '+9198', '+919876543210'],
  ['en', 'JP', '+8190', '+819012345678'],
] as const;

const us = '+14155550101';
const second = '+14155550102';
const caller = '+12125550199';
const cNumber = '+14155559000';
const missedCall = '+14155559002';
const german = '+491713920011';

const carriers: HouseCarrier[] = spoken.map(([, country, prefix, number]) => ({
  id: `c-${country.toLowerCase()}`,
  country,
  prefix,
  cNumber: country === 'US' ? cNumber : number.replace(/...$/, '999'),
  missedCall: country === 'US' ? missedCall : number.replace(/...$/, '998'),
  handsets: country === 'US' ? [us, second, caller] : [number],
  more:
    country === 'US'
      ? { voicemailNumber: '+14155559010' }
      : // A switch that forgets user-to-user information, and one that tells nothing of a forwarding.
        country === 'DE'
        ? { keepsUserToUser: false, redirection: 'history-info' }
        : country === 'FR'
          ? { keepsUserToUser: false, redirection: 'none' }
          : {},
}));

interface Validation {
  id: string;
  mechanism: string;
  challenge: { kind: string; digits?: number; keys?: string; to?: string };
}
interface Standing {
  state: string;
  detail: string | null;
  attemptsLeft: number;
}
interface Check {
  state: string;
  seen: string | null;
  cause?: string;
}
interface AccountView {
  numbers: Array<{ number: string; forwarding: { state: string; check: Check | null } | null }>;
}

let house: LabHouse;

beforeAll(async () => {
  house = await LabHouse.open(carriers, {
    validation: { sendsPerNumberPerHour: 100, sendsPerAddressPerHour: 1000, sendsPerAccountPerHour: 100 },
    forwarding: { check: { ringSeconds: 3, timeoutSeconds: 20, perNumberPerHour: 100 } },
    alerting: {},
  });
});

afterEach(async () => {
  for (const name of ['ringthrough_media_legs', 'ringthrough_calls_active']) {
    await until(async () => (await house.gauge(name)) === 0, { describe: () => `${name} stays above 0` });
  }
});

afterAll(async () => {
  await house?.close();
});

const start = (person: Person, mechanism: string, number: string, purpose = 'sign-up') =>
  person.call<Validation>('POST', '/api/validations', { number, purpose, mechanism });

const standing = (person: Person, { id }: Validation, waitSeconds = 0) =>
  person.call<Standing>('GET', `/api/validations/${id}?waitSeconds=${waitSeconds}`);

/** Waits until it is decided. */
async function decided(person: Person, validation: Validation): Promise<Standing> {
  let last: Standing | undefined;
  return until(
    async () => {
      last = await standing(person, validation, 5);
      return last.state === 'pending' ? undefined : last;
    },
    { timeoutMs: 40_000, describe: () => `still ${JSON.stringify(last)}` },
  );
}

/** Has `heard` get what a handset hears in the call that it is in, from now on, in frames of 20 ms. */
function listen(number: string, heard: (frame: Int16Array) => void): void {
  const { call } = house.lab.handset(number);
  house.lab.audio(call?.id ?? '', number).onHeard(heard);
}

/** A code that is read out, so often. */
function codesIn(frames: readonly Int16Array[], language: string): string[] {
  const ear = new DigitEar(language);
  for (const frame of frames) ear.hear(frame);
  // What follows the last word says where it ends.
  for (let rest = 0; rest < 50; rest += 1) ear.hear(new Int16Array(160));
  return [...ear.said.matchAll(/-(\d{6})(?=-|$)/g)].map(([, code]) => code ?? '');
}

describe('a code that is read out (R-VAL-OBD)', () => {
  /** More than one round takes, in any language. */
  const roundSeconds = 26;
  let phones: PhoneSwitch;
  let quiet: LabHouse;

  beforeAll(async () => {
    phones = await PhoneSwitch.open(await freePort());
    quiet = await LabHouse.open(carriers, {}, phones.port);
  });
  afterAll(async () => {
    await quiet?.close();
    await phones?.close();
  });

  it('twice, in the language of the country where we have it; the right one proves the number', async () => {
    await Promise.all(spoken.map(([language, , , number]) => isReadOut(number, language)));
  }, 120_000);

  async function isReadOut(number: string, language: string): Promise<void> {
    const person = new Person(quiet);
    const validation = await start(person, 'spoken-code', number);
    expect(validation).toMatchObject({ challenge: { kind: 'enter-code', digits: 6, by: 'call' } });
    const call = await phones.call(number);
    await until(() => call.seconds > roundSeconds, {
      timeoutMs: 60_000,
      everyMs: 200,
      describe: () => `${number} has heard ${call.seconds} s`,
    });
    expect(await standing(person, validation)).toMatchObject({ state: 'pending', detail: 'answered' });
    const frames = call.frames();
    const [code = '', again] = codesIn(frames, language);
    expect(code, language).toMatch(/^\d{6}$/);
    expect(again, language).toBe(code);
    // A machine that begins to record in the middle of the first reading has all of it, too.
    expect(codesIn(frames.slice(7 * 50), language).at(-1), language).toBe(code);
    const { proof } = await person.call<{ proof: string }>(
      'POST',
      `/api/validations/${validation.id}/check`,
      { code },
    );
    expect(proof).toBeTruthy();
    // Nobody has to listen any longer.
    await until(() => call.session.state === 'terminated', { describe: () => `${number} still hears us` });
    const log = quiet.logLines.join('');
    expect([log.includes(code), log.includes(number.slice(1))]).toEqual([false, false]);
  }

  it('on a handset that rings and is answered; nothing comes of it when the person declines', async () => {
    const person = new Person(house);
    const first = await start(person, 'spoken-code', us);
    await house.rings(us);
    expect(await standing(person, first, 5)).toMatchObject({ state: 'pending', detail: 'ringing' });
    house.lab.answer(us);
    await until(async () => (await standing(person, first)).detail === 'answered');
    await person.call('DELETE', `/api/validations/${first.id}`);
    await house.becomesIdle(us);
    const second = await start(person, 'spoken-code', us);
    await house.rings(us);
    house.lab.hangUp(us);
    expect(await decided(person, second)).toMatchObject({ state: 'failed', detail: 'rejected' });
  });
});

describe('keys that are pressed in a call (R-VAL-IVR)', () => {
  it('prove the number when they are those that the client shows; wrong ones count', async () => {
    const person = new Person(house);
    const validation = await start(person, 'keys', us);
    const keys = validation.challenge.keys ?? '';
    expect(keys).toMatch(/^\d{6}$/);
    await house.rings(us);
    house.lab.answer(us);
    let loudest = 0;
    listen(us, (frame) => {
      for (const sample of frame) loudest = Math.max(loudest, Math.abs(sample));
    });
    await until(() => loudest > 2000, { timeoutMs: 20_000, describe: () => 'nobody speaks' });
    house.lab.pressKeys(us, keys === '000000' ? '111111' : '000000');
    await until(async () => (await standing(person, validation)).attemptsLeft === 4, { timeoutMs: 20_000 });
    await expect(person.call('POST', `/api/validations/${validation.id}/claim`)).rejects.toMatchObject({
      problem: { code: 'not-proved-yet' },
    });
    house.lab.pressKeys(us, keys);
    expect(await decided(person, validation)).toMatchObject({ state: 'proved' });
    const { proof } = await person.call<{ proof: string }>('POST', `/api/validations/${validation.id}/claim`);
    expect(proof).toBeTruthy();
    await house.becomesIdle(us);
  });
});

/** Proves a number by a missed call. */
async function proveByMissedCall(person: Person, number: string, purpose: string): Promise<string> {
  const validation = await start(person, 'missed-call', number, purpose);
  const to = validation.challenge.to ?? '';
  house.lab.dial(number, to);
  expect(await decided(person, validation)).toMatchObject({ state: 'proved' });
  await house.becomesIdle(number);
  const { proof } = await person.call<{ proof: string }>('POST', `/api/validations/${validation.id}/claim`);
  return proof;
}

describe('a missed call (R-VAL-MISSED)', () => {
  it('proves the number that it comes from; it is refused, and recorded nowhere', async () => {
    const person = new Person(house);
    const validation = await start(person, 'missed-call', us);
    expect(validation.challenge).toEqual({ kind: 'place-call', to: missedCall });
    house.lab.dial(us, missedCall);
    expect(await decided(person, validation)).toMatchObject({ state: 'proved' });
    const [call] = house.lab.calls();
    await house.becomesIdle(us);
    expect(house.lab.call(call?.id ?? '')).toMatchObject({
      answeredAt: null,
      release: { by: 'ringthrough', q850: 21 },
    });
  });

  it.each([
    ['from another number', () => void house.lab.dial(second, missedCall)],
    ['from a withheld number', () => void house.lab.dial(us, `#31#${missedCall}`)],
    [
      'that somebody else’s forwarding brings',
      () => {
        // The attacker’s telephone forwards to us; the victim calls it.
        house.lab.dial(second, `**21*${missedCall}#`);
        house.lab.dial(us, second);
      },
    ],
  ])('%s proves nothing', async (_, act) => {
    const person = new Person(house);
    const validation = await start(person, 'missed-call', us);
    const before = house.lab.calls().length;
    act();
    await until(() => house.lab.calls().length > before && house.lab.calls()[0]?.state === 'ended', {
      timeoutMs: 20_000,
      describe: () => JSON.stringify(house.lab.calls()[0]),
    });
    expect(house.lab.calls()[0]).toMatchObject({
      answeredAt: null,
      release: { by: 'ringthrough', q850: 21 },
    });
    expect(await standing(person, validation)).toMatchObject({ state: 'pending' });
    house.lab.dial(second, '##21#');
    await person.call('DELETE', `/api/validations/${validation.id}`);
  });
});

describe('is my forwarding on? (R-FWD-CHECK)', () => {
  let person: Person;

  beforeAll(async () => {
    person = new Person(house);
    const proof = await proveByMissedCall(person, us, 'sign-up');
    const device = { name: 'Test browser', system: 'test' };
    await person.call('POST', '/api/accounts', { proof, password: 'correct horse 7', device });
    for (const number of [second, german, '+33639980101']) {
      await person.call('POST', '/api/account/numbers', {
        proof: await proveByMissedCall(person, number, 'link'),
      });
    }
  });

  afterEach(async () => {
    for (const number of [us, second, german]) {
      house.lab.setCoverage(number, 'covered');
      house.lab.dial(number, '##002#');
    }
    // It rang no device, left no message, and nobody has missed anything.
    expect(await person.call('GET', '/api/calls')).toEqual([]);
    expect(await person.call('GET', '/api/voicemails')).toEqual([]);
  });

  const forwardingOf = async (number: string) => {
    const { numbers } = await person.call<AccountView>('GET', '/api/account');
    return numbers.find((one) => one.number === number)?.forwarding ?? undefined;
  };

  /** Has a number checked. @returns what was seen, and how long it took */
  async function check(number: string): Promise<{ check: Check; ms: number }> {
    const begun = performance.now();
    const { numbers } = await person.call<AccountView>(
      'POST',
      `/api/account/numbers/${number}/forwarding/check`,
    );
    const shown = numbers.find((one) => one.number === number)?.forwarding?.check;
    expect(['running', 'verified', 'failed']).toContain(shown?.state);
    let last: Check | null | undefined;
    return until(
      async () => {
        last = (await forwardingOf(number))?.check;
        const ms = performance.now() - begun;
        return last && last.state !== 'running' ? { check: last, ms } : undefined;
      },
      { timeoutMs: 40_000, everyMs: 100, describe: () => JSON.stringify(last) },
    );
  }

  it.each([
    ['by a token', us, cNumber],
    ['by who calls and whom', german, '+491713920999'],
  ])('it comes back, and is known %s', async (_, number, to) => {
    house.lab.dial(number, `**004*${to}#`);
    house.lab.setCoverage(number, 'off');
    expect((await check(number)).check).toMatchObject({ state: 'verified', seen: 'came-back' });
    expect(await forwardingOf(number)).toMatchObject({ state: 'active', source: 'check' });
    const [call] = house.lab.calls();
    await until(() => house.lab.call(call?.id ?? '').state === 'ended');
    expect(house.lab.call(call?.id ?? '')).toMatchObject({ answeredAt: null });
  });

  it('it comes back from a phone that declines, where busy is forwarded', async () => {
    house.lab.dial(us, `**67*${cNumber}#`);
    const checking = check(us);
    await house.rings(us);
    house.lab.hangUp(us);
    expect((await checking).check).toMatchObject({ state: 'verified' });
  });

  it('two at once', async () => {
    for (const number of [us, second]) house.lab.dial(number, `**21*${cNumber}#`);
    const both = await Promise.all([check(us), check(second)]);
    expect(both.map(({ check: { state } }) => state)).toEqual(['verified', 'verified']);
  });

  it('the phone rings, and not for long', async () => {
    house.lab.dial(us, `**62*${cNumber}#`);
    const checking = check(us);
    await house.rings(us);
    expect((await checking).check).toMatchObject({ state: 'failed', seen: 'rang' });
    await house.becomesIdle(us);
  });

  it('the mailbox of the carrier answers', async () => {
    house.lab.setCarrierVoicemail(us, true);
    house.lab.setCoverage(us, 'off');
    expect((await check(us)).check).toMatchObject({ state: 'failed', seen: 'carrier-voicemail' });
    house.lab.setCarrierVoicemail(us, false);
  });

  it('nobody forwards: not reachable, busy', async () => {
    house.lab.setCoverage(us, 'off');
    expect((await check(us)).check).toMatchObject({
      seen: 'rejected',
      cause: expect.stringContaining('Q.850 20'),
    });
    house.lab.setCoverage(us, 'covered');
    house.lab.dial(us, caller);
    expect((await check(us)).check).toMatchObject({ seen: 'busy' });
    house.lab.hangUp(us);
  });

  it('it comes back without the number: nobody could be rung', async () => {
    const french = '+33639980101';
    house.lab.dial(french, '**21*+33639980999#');
    expect((await check(french)).check).toMatchObject({
      seen: 'wrong-number',
      cause: 'no-redirecting-number',
    });
    house.lab.dial(french, '##21#');
  });

  it('a person who calls in the middle of it is let through', async () => {
    house.lab.dial(us, `**62*${cNumber}#`);
    const checking = check(us);
    await house.rings(us);
    // The phone dies, and both calls are forwarded: the check’s is recognised, the other one is for the devices.
    house.lab.setCoverage(us, 'off');
    expect((await checking).check).toMatchObject({ state: 'verified' });
  });

  it('a call that was to prove the number is nobody’s call when it comes home', async () => {
    house.lab.dial(us, `**21*${cNumber}#`);
    const visitor = new Person(house);
    const validation = await start(visitor, 'spoken-code', us, 'login');
    expect(await decided(visitor, validation)).toMatchObject({ state: 'failed', detail: 'rejected' });
  });

  it('is refused for numbers of others', async () => {
    const failed = person.call('POST', `/api/account/numbers/${caller}/forwarding/check`);
    await expect(failed).rejects.toSatisfy((error) => error instanceof ApiError && error.status === 404);
  });
});
