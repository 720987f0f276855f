import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ProofWorld, type Reply, Visitor } from './support/proof-world.ts';
import { DigitEar } from './support/spoken-digits.ts';

/**
 * Every way to prove a number × every carrier of the lab × what can come of it. The service and the lab are real: SIP trunks
 * with media, SMS over SMPP and HTTP. Moved is the time of day only, for what comes too late.
 */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const tenMinutes = 600_000;
const device = { name: 'Table', system: 'test' };
const password = 'correct horse battery';

/** `own` is proved; `other` is another SIM of the same carrier. */
const carriers = [
  { id: 'lab-gsm', own: '+14155550101', other: '+12125550199', language: 'en' },
  { id: 'lab-mobile-uk', own: '+447700900123', other: '+447700900456', language: 'en' },
  { id: 'lab-cdma', own: '+13125550142', other: '+13125550177', language: 'en' },
  { id: 'lab-mobil-de', own: '+491713920011', other: '+491713920042', language: 'de' },
] as const;
type Carrier = (typeof carriers)[number];

interface Started extends Record<string, unknown> {
  id: string;
  challenge: { kind: string; keys?: string; to?: string; text?: string; digits?: number };
}

/** A person with a handset of a carrier, and a browser. */
interface Cell {
  carrier: Carrier;
  person: Visitor;
}

/** What a person does in one of the six ways. */
interface Way {
  mechanism: string;
  /** What is cut when the link is down. */
  link: 'sms' | 'trunk';
  /** Of what the client sends: finds it out, from the SMS or by ear. */
  look?(cell: Cell, started: Started): Promise<string>;
  /** Of what the network brings: does it. */
  act?(cell: Cell, started: Started): Promise<void>;
  /** Does it wrongly; done when that has been seen. Absent: a wrong code. */
  err?(cell: Cell, started: Started): Promise<void>;
  /** Whether somebody else's proof of the same number can be under way beside it. */
  rival: 'is not proved' | 'makes both void' | 'would call twice';
}

let world: ProofWorld;
let alice: Visitor;
let mallory: Visitor;

beforeAll(async () => {
  world = await ProofWorld.open();
  world.lab.setCoverage('+13125550177', 'covered');
  [alice, mallory] = [new Visitor(world), new Visitor(world)];
  const [gsm, uk] = carriers;
  for (const [person, number] of [[alice, gsm.other] as const, [mallory, uk.other] as const]) {
    const cell = { carrier: { ...gsm, own: number } as unknown as Carrier, person };
    const { body } = await prove(smsCode, cell, await start(smsCode, cell, 'sign-up'));
    const signedUp = await person.call('POST', '/api/accounts', { proof: body.proof, password, device });
    expect(signedUp.status, JSON.stringify(signedUp.body)).toBe(201);
  }
});
afterAll(() => world?.close());

/** The newest SMS that came to a handset after `before` of them, as far as it is one. */
async function smsFor({ carrier }: Cell, pattern: RegExp): Promise<string> {
  return world.until(`an SMS like ${pattern}`, () => {
    for (const { text } of world.handset(carrier.own).inbox) {
      const [, found] = pattern.exec(text) ?? [];
      if (found !== undefined) return found;
    }
    return undefined;
  });
}

/** Answers what rings, unless it is in the call already. */
async function pickUp({ carrier: { own } }: Cell): Promise<string> {
  await world.until('a call to answer', () => /ringing|in-call/.test(world.handset(own).state) || undefined);
  if (world.handset(own).state === 'ringing') world.lab.answer(own);
  return world.until('a call', () => {
    const { state, call } = world.handset(own);
    return state === 'in-call' ? call?.id : undefined;
  });
}

const idle = ({ carrier: { own } }: Cell) =>
  world.until('the end of the call', () => world.handset(own).state === 'idle' || undefined);

const smsCode: Way = {
  mechanism: 'sms-code',
  link: 'sms',
  look: (cell) => smsFor(cell, /\n@localhost #(\d{6})$/),
  rival: 'is not proved',
};

const ways: Way[] = [
  smsCode,
  {
    mechanism: 'sms-confirm',
    link: 'sms',
    look: (cell, { id }) => smsFor(cell, new RegExp(`/#/confirm/${id}/(\\w{22})\\s`)),
    rival: 'is not proved',
  },
  {
    mechanism: 'spoken-code',
    link: 'trunk',
    look: async (cell) => {
      const { own, language } = cell.carrier;
      const callId = await pickUp(cell);
      const ear = new DigitEar(language);
      const off = world.lab.audio(callId, own).onHeard((frame) => ear.hear(frame));
      const code = await world.until(
        () => `six digits; heard: ${ear.said}`,
        () => ear.digits(6),
      );
      off();
      return code;
    },
    rival: 'would call twice',
  },
  {
    mechanism: 'keys',
    link: 'trunk',
    act: async (cell, { challenge }) => {
      await pickUp(cell);
      world.lab.pressKeys(cell.carrier.own, challenge.keys ?? '');
    },
    err: async (cell, { id, challenge }) => {
      await pickUp(cell);
      world.lab.pressKeys(cell.carrier.own, otherThan(challenge.keys ?? ''));
      await standing(cell, id, ({ attemptsLeft }) => attemptsLeft === 4);
    },
    rival: 'would call twice',
  },
  {
    mechanism: 'missed-call',
    link: 'trunk',
    act: async ({ carrier }, { challenge }) => missedCall(carrier.own, challenge.to ?? ''),
    // From a number that is not the one to be proved.
    err: async ({ carrier }, { challenge }) => missedCall(carrier.other, challenge.to ?? ''),
    rival: 'makes both void',
  },
  {
    mechanism: 'sms-from-client',
    link: 'sms',
    act: async ({ carrier }, { challenge }) => {
      world.lab.sendSms(carrier.own, challenge.to ?? '', challenge.text ?? '');
    },
    err: async (cell, { id, challenge }) => {
      world.lab.sendSms(cell.carrier.other, challenge.to ?? '', challenge.text ?? '');
      world.lab.sendSms(cell.carrier.own, challenge.to ?? '', 'Ringthrough 22222222');
      await standing(cell, id, ({ attemptsLeft }) => attemptsLeft === 4);
    },
    rival: 'is not proved',
  },
];

/** Calls, and is refused. */
async function missedCall(from: string, to: string): Promise<void> {
  const dialled = world.lab.dial(from, to);
  if (dialled.kind !== 'call') throw new Error('that was no call');
  const ended = await world.until('the refusal', () => {
    const call = world.lab.call(dialled.call.id);
    return call.state === 'ended' ? call : undefined;
  });
  expect(ended).toMatchObject({ answeredAt: null, release: { q850: 21 } });
}

async function start({ mechanism }: Way, { carrier, person }: Cell, purpose: string): Promise<Started> {
  // What came before is not taken for what comes now.
  world.lab.clearInbox(carrier.own);
  const body = { number: carrier.own, purpose, mechanism, language: 'en' };
  const started = await person.call<Reply['body'] & Started>('POST', '/api/validations', body);
  expect(started.status, JSON.stringify(started.body)).toBe(201);
  expect(started.body).toMatchObject({ number: carrier.own, mechanism });
  return started.body;
}

const check = ({ person }: Cell, id: string, code: string) =>
  person.call('POST', `/api/validations/${id}/check`, { code });
const claim = ({ person }: Cell, id: string) => person.call('POST', `/api/validations/${id}/claim`);
const look = ({ person }: Cell, id: string, query = '') =>
  person.call('GET', `/api/validations/${id}${query}`);

/** Waits, as the client does, until it stands as wanted. */
async function standing(
  cell: Cell,
  id: string,
  wanted: (body: Reply['body']) => boolean,
): Promise<Reply['body']> {
  let body: Reply['body'] = {};
  for (let nth = 0; nth < 600; nth += 1) {
    const { detail } = body;
    const seen = detail ? `&seen=${detail}` : '';
    body = (await look(cell, id, `?waitSeconds=0.2${seen}`)).body;
    if (wanted(body)) return body;
  }
  throw new Error(`it never stood as wanted: ${JSON.stringify(body)}`);
}

const decided = (cell: Cell, id: string) => standing(cell, id, ({ state }) => state !== 'pending');

/** Does all of it, rightly. */
async function prove(way: Way, cell: Cell, started: Started): Promise<Reply> {
  if (way.look) return check(cell, started.id, await way.look(cell, started));
  await way.act?.(cell, started);
  await decided(cell, started.id);
  return claim(cell, started.id);
}

/** Signs up with what was proved. */
async function spend({ carrier, person }: Cell, proof: string | undefined): Promise<void> {
  const signedUp = await person.call('POST', '/api/accounts', { proof, password, device });
  expect(signedUp.status, JSON.stringify(signedUp.body)).toBe(201);
  expect(signedUp.body.account?.numbers).toMatchObject([{ number: carrier.own }]);
}

const otherThan = (code: string): string => code.replace(/^./, (digit) => String((Number(digit) + 1) % 10));

/** Leaves nothing under way that could disturb the next one. */
async function tidy(cell: Cell, ...ids: string[]): Promise<void> {
  for (const id of ids) await cell.person.call('DELETE', `/api/validations/${id}`);
  const { own } = cell.carrier;
  if (/ringing|in-call/.test(world.handset(own).state)) world.lab.hangUp(own);
  await idle(cell);
}

interface Outcome<State = unknown> {
  name: string;
  /** Of every carrier, side by side. */
  first(way: Way, cell: Cell): Promise<State>;
  /** Once for all. */
  between?(): void;
  second?(way: Way, cell: Cell, state: State): Promise<void>;
}

const outcome = <State>(given: Outcome<State>): Outcome => given as Outcome;

const outcomes: Outcome[] = [
  outcome({
    name: 'right: it is offered, it proves, and an account has the number',
    first: async (way, cell) => {
      const options = await cell.person.call('POST', '/api/validations/options', {
        number: cell.carrier.own,
      });
      expect(options.body.mechanisms?.map(({ name }) => name)).toContain(way.mechanism);
      const started = await start(way, cell, 'sign-up');
      const proved = await prove(way, cell, started);
      expect(proved).toMatchObject({ status: 200, body: { proof: expect.any(String) } });
      await spend(cell, proved.body.proof);
      await tidy(cell, started.id);
    },
  }),
  outcome({
    name: 'wrong: proves nothing, and the right one still does',
    first: async (way, cell) => {
      const started = await start(way, cell, 'sign-up');
      if (way.look) {
        const right = await way.look(cell, started);
        const wrong = await check(cell, started.id, otherThan(right));
        expect(wrong).toMatchObject({ status: 422, body: { code: 'wrong-code', attemptsLeft: 4 } });
        expect((await check(cell, started.id, right)).status).toBe(200);
      } else {
        await way.err?.(cell, started);
        expect((await look(cell, started.id)).body).toMatchObject({ state: 'pending' });
        expect((await claim(cell, started.id)).body).toMatchObject({ code: 'not-proved-yet' });
        expect((await prove(way, cell, started)).status).toBe(200);
      }
      await tidy(cell, started.id);
    },
  }),
  outcome<{ started: Started; answer: string | undefined }>({
    name: 'late: ten minutes after the start nothing proves it any more',
    first: async (way, cell) => {
      const started = await start(way, cell, 'sign-up');
      return { started, answer: await way.look?.(cell, started) };
    },
    between: () => world.pass(tenMinutes),
    second: async (way, cell, { started, answer }) => {
      expect((await look(cell, started.id)).body).toMatchObject({ state: 'expired' });
      if (answer !== undefined) {
        expect((await check(cell, started.id, answer)).body).toMatchObject({ code: 'code-expired' });
      } else {
        await way.act?.(cell, started);
        // A proof that begins now is not proved by what was meant for the one before.
        const next = await start(way, cell, 'sign-up');
        expect((await look(cell, next.id)).body).toMatchObject({ state: 'pending' });
        expect((await claim(cell, started.id)).body).toMatchObject({ code: 'code-expired' });
        await tidy(cell, next.id);
      }
      await tidy(cell, started.id);
    },
  }),
  outcome({
    name: 'replayed: neither the answer, nor the proof, nor the call or SMS is good for anything twice',
    first: async (way, cell) => {
      const started = await start(way, cell, 'sign-up');
      const answer = await way.look?.(cell, started);
      const proved =
        answer === undefined ? await prove(way, cell, started) : await check(cell, started.id, answer);
      await spend(cell, proved.body.proof);
      const again = answer === undefined ? claim(cell, started.id) : check(cell, started.id, answer);
      expect((await again).body).toMatchObject({ code: 'code-expired' });
      const twice = { proof: proved.body.proof, password, device };
      expect((await new Visitor(world).call('POST', '/api/accounts', twice)).body).toMatchObject({
        code: 'bad-proof',
      });
      await tidy(cell, started.id);
      const next = await start(way, cell, 'sign-up');
      if (answer !== undefined) {
        expect((await check(cell, next.id, answer)).body).toMatchObject({ code: 'wrong-code' });
      } else if (way.mechanism !== 'missed-call') {
        await way.act?.(cell, { ...next, challenge: started.challenge });
        await standing(cell, next.id, ({ attemptsLeft }) => attemptsLeft === 4);
      }
      expect((await look(cell, next.id)).body).toMatchObject({ state: 'pending' });
      await tidy(cell, next.id);
    },
  }),
  outcome({
    name: 'other account: what one account has started, nobody else completes',
    first: async (way, { carrier }) => {
      const mine: Cell = { carrier, person: alice };
      const started = await start(way, mine, 'link');
      const answer = await way.look?.(mine, started);
      for (const person of [mallory, new Visitor(world)]) {
        const theirs = { carrier, person };
        for (const reply of [
          await check(theirs, started.id, answer ?? '123456'),
          await claim(theirs, started.id),
          await look(theirs, started.id),
        ]) {
          expect(reply.body).toMatchObject({ code: 'no-such-validation' });
        }
      }
      if (way.rival === 'would call twice') {
        const proved =
          answer === undefined ? await prove(way, mine, started) : await check(mine, started.id, answer);
        expect(proved.status).toBe(200);
        await tidy(mine, started.id);
        return;
      }
      const theirs: Cell = { carrier, person: mallory };
      const rival = await start(way, theirs, 'link');
      if (answer !== undefined) {
        expect((await check(theirs, rival.id, answer)).body).toMatchObject({ code: 'wrong-code' });
        expect((await check(mine, started.id, answer)).status).toBe(200);
      } else {
        await way.act?.(mine, started);
        const { state } = await decided(mine, started.id);
        expect(state).toBe(way.rival === 'makes both void' ? 'failed' : 'proved');
        const [code, status] =
          way.rival === 'makes both void' ? ['code-expired', 422] : ['not-proved-yet', 200];
        expect((await claim(theirs, rival.id)).body).toMatchObject({ code });
        expect((await claim(mine, started.id)).status).toBe(status);
      }
      await tidy(theirs, rival.id);
      await tidy(mine, started.id);
    },
  }),
  outcome({
    name: 'link down: proves nothing; when it is up again, it does',
    first: async (way, cell) => {
      const { id } = cell.carrier;
      world.lab.setCondition(id, { [way.link]: 'down' });
      const started = await start(way, cell, 'sign-up');
      if (way.mechanism === 'sms-from-client') await way.act?.(cell, started);
      if (way.mechanism === 'missed-call') {
        world.lab.dial(cell.carrier.own, started.challenge.to ?? '');
        world.lab.hangUp(cell.carrier.own);
      }
      if (way.link === 'trunk' && way.mechanism !== 'missed-call') {
        expect(await decided(cell, started.id)).toMatchObject({ state: 'failed', detail: 'no-answer' });
        world.lab.setCondition(id, { [way.link]: 'up' });
        await world.trunkUp(id);
        const next = await start(way, cell, 'sign-up');
        expect((await prove(way, cell, next)).status).toBe(200);
        await tidy(cell, next.id);
        return;
      }
      const { body } = await look(cell, started.id, '?waitSeconds=1');
      expect(body).toMatchObject({ state: 'pending', attemptsLeft: 5 });
      expect(world.handset(cell.carrier.own).inbox).toEqual([]);
      world.lab.setCondition(id, { [way.link]: 'up' });
      if (way.mechanism === 'sms-from-client') {
        await decided(cell, started.id);
        expect((await claim(cell, started.id)).status).toBe(200);
      } else expect((await prove(way, cell, started)).status).toBe(200);
      await tidy(cell, started.id);
    },
  }),
];

describe.each(ways)('$mechanism', (way) => {
  describe.each(outcomes)('$name', ({ first, between, second }) => {
    let results: Array<{ error: unknown } | undefined> = [];
    beforeAll(async () => {
      const cells = carriers.map((carrier): Cell => ({ carrier, person: new Visitor(world) }));
      const states = await Promise.allSettled(cells.map((cell) => first(way, cell)));
      between?.();
      const ends = await Promise.allSettled(
        states.map(async (state, index) => {
          if (state.status === 'rejected') throw state.reason;
          await second?.(way, cells[index] as Cell, state.value);
        }),
      );
      results = ends.map((end) => (end.status === 'rejected' ? { error: end.reason } : undefined));
    });

    it.each(carriers.map(({ id }, index) => [id, index] as const))('on %s', (_id, index) => {
      expect(results).toHaveLength(carriers.length);
      const failed = results[index];
      if (failed) throw failed.error;
    });
  });
});
