import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import type { DatagramSocket } from '../transport/network.ts';
import { register } from '../ua/registration.ts';
import { SipStack } from '../ua/sip-stack.ts';
import type { IncomingRequest, UacSession, UasSession } from '../ua/types.ts';
import { ExecutionCount, fuzzBudget, fuzzTimeoutMs } from './budget.ts';
import { MemoryNetwork } from './memory-network.ts';
import { type Mutation, mutate, mutation } from './mutate.ts';
import { VirtualClock } from './virtual-clock.ts';

const attack = fc.record({
  /** Which datagram of the course. */
  packet: fc.nat(40),
  /** Whether the true one arrives, too. */
  instead: fc.boolean(),
  /** To whom: whom it was for, or back to its sender. */
  back: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  /** How often, as floods go. */
  times: fc.constantFrom(1, 1, 1, 2, 12),
  mutations: fc.array(mutation, { maxLength: 4 }),
});

const plan = fc.record({
  attacks: fc.array(attack, { minLength: 1, maxLength: 8 }),
  reliable: fc.constantFrom(undefined, 'supported' as const, 'required' as const),
  sessionTimer: fc.boolean(),
  offer: fc.boolean(),
  outcome: fc.constantFrom('answer', 'answer', 'answer', 'busy', 'cancel'),
  inDialog: fc.array(fc.constantFrom('reinvite of a', 'reinvite of b', 'update', 'info'), { maxLength: 4 }),
  hangUp: fc.constantFrom('caller', 'callee', 'both'),
});
type Plan = typeof plan extends fc.Arbitrary<infer S> ? S : never;

const [a, b, attacker] = ['10.0.0.1', '10.0.0.2', '10.0.0.9'];

/** A call and a registration, with an attacker on the path who sees every datagram and sends changed copies. */
class AttackedCall {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork({ clock: this.clock });
  readonly stacks: SipStack[] = [];
  readonly sessions: Array<UacSession | UasSession> = [];
  readonly events = new Map<UacSession | UasSession, string[]>();
  readonly errors: unknown[] = [];
  readonly subscriptionEnds: string[] = [];
  readonly #plan: Plan;
  #socket: DatagramSocket | undefined;
  #packets = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  async start(): Promise<void> {
    for (const ip of [a, b]) {
      const { reliable, sessionTimer } = this.#plan;
      const stack = new SipStack({
        userAgent: 'x',
        events: ['lines'],
        clock: this.clock,
        network: this.network.host(ip),
        listeners: [
          { protocol: 'udp', host: ip, port: 5060 },
          { protocol: 'tcp', host: ip, port: 5060 },
        ],
        log: { debug() {}, warn() {}, error: (details) => void this.errors.push(details.error) },
        ...(reliable ? { reliableProvisional: reliable } : {}),
        ...(sessionTimer ? { sessionTimer: { expiresSeconds: 90, minSeconds: 90 } } : {}),
      });
      await stack.start();
      stack.on('invite', (session) => this.#arrives(session));
      stack.on('request', (incoming: IncomingRequest) => {
        if (incoming.request.method === 'SUBSCRIBE') {
          const subscription = stack.acceptSubscription(incoming, {
            limits: {
              minExpiresSeconds: 1,
              maxExpiresSeconds: 120,
              defaultExpiresSeconds: 60,
              minIntervalMs: 100,
            },
            state: () => ({ contentType: 'text/lines', body: 'free' }),
            ended: () => void this.subscriptionEnds.push('ended'),
          });
          if (subscription) this.clock.setTimeout(() => subscription.changed(), 1_000);
          return true;
        }
        if (incoming.request.method !== 'REGISTER') return false;
        const contact = incoming.request.headers.get('Contact') ?? '';
        incoming.respond(200, { headers: contact === '' ? [] : [['Contact', `${contact};expires=60`]] });
        return true;
      });
      this.stacks.push(stack);
    }
    this.#socket = await this.network
      .host(attacker)
      .bindUdp({ host: attacker, port: 5060 }, { message() {}, error() {} });
    this.network.filter = ({ from, to, bytes }) => {
      if (from.host === attacker || to.host === attacker) return true;
      const index = this.#packets++;
      let passes = true;
      for (const { packet, instead, back, times, mutations } of this.#plan.attacks) {
        if (packet !== index) continue;
        if (instead) passes = false;
        const changed = mutate(bytes, mutations as Mutation[]);
        for (let n = 0; n < times; n++) this.#socket?.send(changed, back ? from : to, () => {});
      }
      return passes;
    };
  }

  #watch(session: UacSession | UasSession): void {
    const events: string[] = [];
    this.sessions.push(session);
    this.events.set(session, events);
    session.on('accepted', () => {
      events.push('accepted');
      if ('ack' in session && !this.#plan.offer) session.ack('v=0');
    });
    session.on('rejected', () => events.push('rejected'));
    session.on('cancelled', () => events.push('cancelled'));
    session.on('ended', () => events.push('ended'));
    session.on('reinvite', ({ accept }) => accept('v=0 again'));
  }

  #arrives(session: UasSession): void {
    this.#watch(session);
    session.progress(180);
    session.progress(183, { body: 'v=0 early' });
    this.clock.setTimeout(() => {
      if (this.#plan.outcome === 'answer') session.accept({ sdp: 'v=0 answer' });
      else if (this.#plan.outcome === 'busy') session.reject(486);
    }, 200);
  }

  async run(): Promise<void> {
    const [first] = this.stacks as [SipStack];
    const target = { protocol: 'udp', host: b, port: 5060 } as const;
    const registration = register({ stack: first, address: 'sip:a@b', target, clock: this.clock });
    const subscribe = new SipRequest('SUBSCRIBE', `sip:bob@${b}`, { headers: [['Event', 'lines']] });
    let ends = 0;
    const subscription = first.subscribe({
      request: subscribe,
      target,
      expiresSeconds: 90,
      ended: () => void ends++,
    });
    const request = new SipRequest('INVITE', `sip:bob@${b}`, this.#plan.offer ? { body: 'v=0 offer' } : {});
    const uac = first.invite({ request, target });
    this.#watch(uac);
    await this.clock.advance(100);
    if (this.#plan.outcome === 'cancel') uac.cancel();
    await this.clock.advance(3_000);
    const uas = this.sessions.find((session) => session !== uac) as UasSession | undefined;
    for (const what of this.#plan.inDialog) {
      this.#inDialog(what, uac, uas);
      await this.clock.advance(40_000);
    }
    if (this.#plan.hangUp !== 'callee') hangUp(uac);
    if (this.#plan.hangUp !== 'caller' && uas) hangUp(uas);
    await this.clock.advance(1_000);
    void registration.stop();
    subscription.unsubscribe();
    for (let round = 0; round < 3; round++) {
      for (const session of this.sessions) hangUp(session);
      // Transactions take 64*T1; a connection that somebody was lured into is closed for being idle.
      await this.clock.advance(round < 2 ? 150_000 : 800_000);
    }
    expect(ends).toBe(1);
  }

  #inDialog(what: Plan['inDialog'][number], uac: UacSession, uas: UasSession | undefined): void {
    if (what === 'reinvite of b') {
      if (uas?.state === 'confirmed') void uas.reinvite('v=0 b');
    } else if (uac.state === 'accepted') {
      if (what === 'reinvite of a') void uac.reinvite('v=0 a');
      else void uac.sendRequest(what === 'update' ? 'UPDATE' : 'INFO');
    }
  }
}

function hangUp(session: UacSession | UasSession): void {
  if ('cancel' in session) {
    if (session.state === 'accepted') session.bye();
    else session.cancel();
  } else if (session.state === 'early') session.reject(480);
  else session.bye();
}

const legal = /^(|cancelled|rejected|accepted,ended|ended)$/;
const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
const count = new ExecutionCount('live calls under attack');
const reached = { malformed: 0, garbage: 0, strayResponses: 0, strayAcks: 0, answeredCalls: 0 };

it('changed copies of every message of a live call: no exception, each call ends once, nothing is left', {
  timeout: fuzzTimeoutMs,
}, async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (one) => {
      const call = new AttackedCall(one);
      await call.start();
      await call.run();
      expect(call.errors).toEqual([]);
      for (const session of call.sessions) {
        if (call.events.get(session)?.includes('accepted')) reached.answeredCalls++;
        expect(session.state).toBe('terminated');
        expect(call.events.get(session)?.join()).toMatch(legal);
      }
      for (const stack of call.stacks) {
        expect(stack.counters.listenerErrors).toBe(0);
        expect(stack.stats()).toEqual(zero);
        for (const name of ['malformed', 'garbage', 'strayResponses', 'strayAcks'] as const)
          reached[name] += stack.counters[name];
        await stack.close();
      }
      await call.clock.advance(5_000);
      expect(call.clock.pending).toBe(0);
      count.one();
    }),
    fuzzBudget(600),
  );
  // The changes get as far as this, or the test says nothing.
  for (const times of Object.values(reached)) expect(times).toBeGreaterThan(0);
});

afterAll(() => count.report());
