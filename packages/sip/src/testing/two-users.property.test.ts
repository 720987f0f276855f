import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import type { Flow } from '../transport/types.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { ReinviteRequest, SipStackOptions, UacSession, UasSession } from '../ua/types.ts';
import { ExecutionCount, fuzzBudget, fuzzTimeoutMs } from './budget.ts';
import { type Conditions, MemoryNetwork } from './memory-network.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What either user may do at any moment, as far as the state of the call has it. */
const actions = [
  'ring',
  'early media',
  'answer',
  'answer',
  'answer',
  'busy',
  'declined',
  'cancel',
  'bye',
  'reinvite',
  'reinvite',
  'hold',
  'update',
  'offer in update',
  'info',
  'flow lost',
  'network cut',
  'network mended',
] as const;

const step = fc.record({
  waitMs: fc.constantFrom(0, 0, 5, 60, 400, 2_000, 7_000, 40_000, 100_000),
  side: fc.constantFrom('caller' as const, 'callee' as const),
  call: fc.nat(1),
  what: fc.constantFrom(...actions),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const user = fc.record({
  reliableProvisional: fc.constantFrom(undefined, 'required' as const, 'supported' as const),
  sessionTimer: fc.constantFrom(
    undefined,
    { expiresSeconds: 90, minSeconds: 90 },
    { expiresSeconds: 1_800, minSeconds: 120 },
  ),
  /** How a re-INVITE of the other is answered. */
  answersOffers: fc.constantFrom('at once', 'at once', 'later', 'no'),
});
type User = typeof user extends fc.Arbitrary<infer S> ? S : never;

const plan = fc.record({
  transport: fc.constantFrom('udp' as const, 'udp' as const, 'udp' as const, 'tcp' as const, 'ws' as const),
  conditions: fc.record({
    delayMs: fc.constantFrom<[number, number]>([1, 1], [5, 40], [1, 700], [200, 1_500]),
    loss: fc.constantFrom(0, 0, 0.1, 0.35),
    duplicate: fc.constantFrom(0, 0.2, 0.5),
  }),
  networkSeed: fc.nat(),
  calls: fc.array(
    fc.record({
      from: fc.nat(1),
      offer: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
      /** The callee rings at once and answers so much later, unless the script says otherwise before. */
      answersAfterMs: fc.constantFrom(undefined, undefined, 0, 100, 3_000),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  users: fc.tuple(user, user),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
});
type Plan = typeof plan extends fc.Arbitrary<infer S> ? S : never;

const ips = ['10.0.0.1', '10.0.0.2'] as const;

/** One call, as both users saw it. */
interface Course {
  uac: UacSession;
  uas: UasSession | undefined;
  caller: string[];
  callee: string[];
  /** The caller's final response was made by its own stack: 408, 487 or 503. */
  madeLocally: boolean;
  /** What the callee's user did last with the INVITE. */
  verdict: number | undefined;
}

class World {
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly stacks: SipStack[] = [];
  readonly courses: Course[] = [];
  readonly errors: unknown[] = [];
  readonly #plan: Plan;
  readonly #flows: Array<Flow | undefined> = [];
  /** Answers to requests in dialogs that have not come yet. */
  waiting = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    const conditions = plan.conditions as Conditions;
    this.network = new MemoryNetwork({ clock: this.clock, seed: plan.networkSeed, conditions });
  }

  async start(): Promise<void> {
    for (const [index, ip] of ips.entries()) {
      const { reliableProvisional, sessionTimer } = this.#plan.users[index] as User;
      const options: SipStackOptions = {
        userAgent: `user ${index}`,
        clock: this.clock,
        network: this.network.host(ip),
        listeners: [
          { protocol: 'udp', host: ip, port: 5060 },
          { protocol: 'tcp', host: ip, port: 5060 },
        ],
        log: { debug() {}, warn() {}, error: (details) => void this.errors.push(details.error) },
      };
      if (reliableProvisional) options.reliableProvisional = reliableProvisional;
      if (sessionTimer) options.sessionTimer = sessionTimer;
      const stack = new SipStack(options);
      await stack.start();
      stack.on('invite', (session) => this.#arrives(session, index));
      this.stacks.push(stack);
    }
    if (this.#plan.transport === 'ws') {
      const { client, server } = this.network.webSocket(...ips);
      this.#flows[0] = this.stacks[0]?.attachWebSocket(client, { host: ips[1], port: 80 });
      this.#flows[1] = this.stacks[1]?.attachWebSocket(server, { host: ips[0], port: 4_000 });
    }
  }

  call({ from, offer }: Plan['calls'][number]): void {
    const stack = this.stacks[from] as SipStack;
    const flow = this.#flows[from];
    const [host, { transport }] = [ips[1 - from] as string, this.#plan];
    const target = flow ? { flow } : { protocol: transport as 'udp' | 'tcp', host, port: 5060 };
    const request = new SipRequest('INVITE', `sip:user@${host}`, {
      headers: [['Call-ID', `call-${this.courses.length}`]],
      ...(offer ? { body: 'v=0 offer' } : {}),
    });
    const uac = stack.invite({ request, target });
    const course: Course = {
      uac,
      uas: undefined,
      caller: [],
      callee: [],
      madeLocally: false,
      verdict: undefined,
    };
    this.courses.push(course);
    this.#watch(uac, course.caller, from);
    uac.on('provisional', () => course.caller.push('provisional'));
    uac.on('accepted', () => {
      course.caller.push('accepted');
      if (!offer) uac.ack('v=0 answer in ACK');
    });
    uac.on('rejected', ({ status, headers }) => {
      course.madeLocally = headers.get('Warning')?.includes('made locally') === true;
      course.caller.push(`rejected ${status}`);
    });
  }

  #arrives(session: UasSession, index: number): void {
    const course = this.courses.find(({ uac }) => uac.callId === session.callId);
    if (!course || course.uas) {
      // A copy that came after the first one's transaction was over is a call of nobody.
      session.reject(482);
      return;
    }
    course.uas = session;
    this.#watch(session, course.callee, index);
    const after = this.#plan.calls[this.courses.indexOf(course)]?.answersAfterMs;
    if (after !== undefined) {
      session.progress(180);
      this.clock.setTimeout(() => this.#calleeDoes('answer', session, course), after);
    }
    session.on('cancelled', () => course.callee.push('cancelled'));
  }

  #watch(session: UacSession | UasSession, events: string[], index: number): void {
    const { answersOffers } = this.#plan.users[index] as User;
    session.on('confirmed', () => events.push('confirmed'));
    session.on('ended', ({ by }) => events.push(`ended ${by}`));
    session.on('request', (incoming) => {
      events.push('request');
      // The owner takes INFO and what PRACK carries; the rest is the stack's.
      if (incoming.request.method !== 'PRACK') return false;
      incoming.respond(200);
      return true;
    });
    session.on('reinvite', (reinvite: ReinviteRequest) => {
      events.push('reinvite');
      if (answersOffers === 'no') reinvite.reject(488);
      else if (answersOffers === 'at once') reinvite.accept('v=0 answer');
      else this.clock.setTimeout(() => reinvite.accept('v=0 answer'), 1_700);
    });
  }

  take({ what, side, call }: Step): void {
    const course = this.courses[call % this.courses.length] as Course;
    if (what === 'network cut' || what === 'network mended') {
      if (what === 'network cut') this.network.cut(ips[0]);
      else this.network.mend(ips[0]);
      return;
    }
    const { uac, uas } = course;
    if (what === 'flow lost') {
      (side === 'caller' ? uac : uas)?.flow?.close();
      return;
    }
    if (side === 'caller') this.#callerDoes(what, uac);
    else if (uas) this.#calleeDoes(what, uas, course);
  }

  #callerDoes(what: Step['what'], uac: UacSession): void {
    if (what === 'cancel') uac.cancel();
    else if (uac.state === 'accepted') this.#inDialog(what, uac);
  }

  #calleeDoes(what: Step['what'], uas: UasSession, course: Course): void {
    if (uas.state === 'early') {
      if (what === 'ring') uas.progress(180);
      else if (what === 'early media') uas.progress(183, { body: 'v=0 early' });
      else if (what === 'answer') {
        course.verdict = 200;
        uas.accept({ sdp: 'v=0 answer' });
      } else if (what === 'busy' || what === 'declined') {
        course.verdict = what === 'busy' ? 486 : 603;
        uas.reject(course.verdict);
      }
    } else if (what === 'bye') uas.bye();
    else if (uas.state === 'confirmed') this.#inDialog(what, uas);
  }

  #inDialog(what: Step['what'], session: UacSession | UasSession): void {
    if (what === 'bye') session.bye();
    else if (what === 'reinvite') this.#await(session.reinvite('v=0 other'));
    else if (what === 'hold') this.#await(session.reinvite('v=0 a=sendonly'));
    else if (what === 'update') this.#await(session.sendRequest('UPDATE'));
    else if (what === 'offer in update') this.#await(session.sendRequest('UPDATE', { body: 'v=0 update' }));
    else if (what === 'info') this.#await(session.sendRequest('INFO'));
  }

  #await(answer: Promise<unknown>): void {
    this.waiting++;
    void answer.then(() => this.waiting--);
  }

  /** Everybody hangs up; what crosses that is hung up, too. */
  async hangUp(): Promise<void> {
    for (const course of this.courses) {
      const { uac, uas } = course;
      if (uac.state === 'accepted') uac.bye();
      else uac.cancel();
      uac.on('accepted', () => uac.bye());
      if (uas?.state === 'early') {
        // An answer that still waits for a PRACK is taken back by this.
        course.verdict = 480;
        uas.reject(480);
      } else uas?.bye();
    }
    // INVITE and its 2xx take 64*T1 each, and then the BYE; the timer of a WebSocket or TCP flow that is lost 30 s.
    await this.clock.advance(200_000);
    for (const { uas } of this.courses) if (uas?.state === 'early') uas.reject(480);
    await this.clock.advance(100_000);
  }
}

const legalCaller =
  /^(provisional |request )*(rejected \d{3}|accepted (request |reinvite |confirmed )*ended (us|peer|timeout|transport))$/;
const legalCallee =
  /^(request |reinvite )*(|cancelled|(confirmed )?(request |reinvite |confirmed )*ended (us|peer|timeout|transport))$/;

function checkCourse(course: Course): void {
  const caller = course.caller.join(' ');
  const callee = course.callee.join(' ');
  expect(caller).toMatch(legalCaller);
  expect(`${callee}`.replace(/ $/, '')).toMatch(legalCallee);
  expect(course.uac.state).toBe('terminated');
  if (course.uas) expect(course.uas.state).toBe('terminated');
  const callerBy = /ended (\w+)$/.exec(caller)?.[1];
  const calleeBy = /ended (\w+)$/.exec(callee)?.[1];
  const status = /rejected (\d+)$/.exec(caller)?.[1];
  if (status !== undefined) {
    // Never connected for the caller: then the callee has no confirmed call, and hears no peer hang up.
    expect(callee).not.toMatch(/confirmed/);
    if (calleeBy !== undefined) expect(calleeBy).toMatch(/^(us|timeout|transport)$/);
    // A refusal that came from the callee is what the callee said, or what its CANCEL made of it.
    if (!course.madeLocally && course.uas) {
      expect(calleeBy).toBeUndefined();
      if (callee.endsWith('cancelled')) expect(status).toMatch(/^(487|504)$/);
      else expect(Number(status)).toBe(course.verdict);
    }
    return;
  }
  // Connected for the caller: the callee has accepted, and one of them hung up or gave up.
  expect(calleeBy).toBeDefined();
  if (callerBy === 'peer') expect(calleeBy).not.toBe('peer');
  if (calleeBy === 'peer') expect(callerBy).not.toBe('peer');
}

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, timers: 0 };
const seen = new Map<string, number>();
const count = new ExecutionCount('two users over a bad network');

async function play(one: Plan): Promise<void> {
  const world = new World(one);
  await world.start();
  try {
    for (const call of one.calls) world.call(call);
    for (const next of one.steps) {
      await world.clock.advance(next.waitMs);
      world.take(next);
    }
    await world.clock.advance(500);
    await world.hangUp();
    for (const course of world.courses) {
      checkCourse(course);
      const key = `${course.caller.at(-1)} | ${course.callee.at(-1) ?? 'silent'}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(world.waiting).toBe(0);
    expect(world.errors).toEqual([]);
    for (const stack of world.stacks) {
      expect(stack.stats()).toMatchObject(zero);
      const { listenerErrors, malformed, garbage } = stack.counters;
      expect({ listenerErrors, malformed, garbage }).toEqual({ listenerErrors: 0, malformed: 0, garbage: 0 });
    }
  } finally {
    world.network.mend(ips[0]);
    await Promise.all(world.stacks.map((stack) => stack.close()));
  }
  await world.clock.advance(5_000);
  expect(world.clock.pending).toBe(0);
  count.one();
}

it('RFC 3261: whatever two users and the network do, every call ends in a legal state on both sides and leaves nothing', {
  timeout: fuzzTimeoutMs,
}, async () => {
  await fc.assert(fc.asyncProperty(plan, play), fuzzBudget(1_000));
  // The scripts reach what they are made for, or this says nothing.
  for (const pattern of [/^accepted|ended us \| ended peer/, /rejected 486/, /cancelled/, /ended timeout/])
    expect([...seen.keys()].some((key) => pattern.test(key))).toBe(true);
});

afterAll(() => count.report());
