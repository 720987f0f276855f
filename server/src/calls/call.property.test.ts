import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Call } from './call.ts';
import type { CallInput, CallLimits, CallOutput, CallTimer } from './call-types.ts';

const limits: CallLimits = {
  ringTimeoutMs: 30_000,
  noRingMs: 10_000,
  maxDurationMs: 600_000,
  graceMs: 8_000,
  connectTimeoutMs: 5_000,
  deviceLostMs: 10_000,
  maxLegs: 12,
};

/** How far the outside (SIP stack, device) has come with a leg; a stack never answers a leg it has not started. */
type Outside = 'inviting' | 'cancelling' | 'answered' | 'over';

/** The world around the core: carries out outputs and checks, at every step, what must never happen. */
class World {
  readonly call = new Call(limits, 0);
  readonly legs = new Map<string, Outside>();
  readonly timers = new Map<CallTimer, number>();
  now = 0;
  callerAnswers = 0;
  answeredLeg: string | undefined;
  ringbacks = 0;
  records = 0;
  handOvers = 0;
  callerEnds = 0;
  finished = 0;
  someLegAnswered = false;
  elsewhere = 0;
  connects: string[] = [];

  input(input: CallInput): void {
    for (const output of this.call.input(input, this.now)) this.#carryOut(output);
    const up = [...this.legs.entries()].filter(([, state]) => state === 'answered');
    assert.ok(up.length <= 1);
    if (this.call.state === 'connected') {
      assert.deepEqual(
        up.map(([id]) => id),
        [this.call.connectedLegId],
      );
      assert.equal(this.answeredLeg, this.call.connectedLegId);
    }
    if (this.call.state === 'ended' || this.call.state === 'alerting') assert.deepEqual(up, []);
  }

  #carryOut(output: CallOutput): void {
    assert.equal(this.finished, 0);
    switch (output.type) {
      case 'start-leg':
        assert.equal(this.legs.has(output.legId), false);
        this.legs.set(output.legId, 'inviting');
        return;
      case 'cancel-leg':
        assert.equal(this.legs.get(output.legId), 'inviting');
        this.legs.set(output.legId, 'cancelling');
        if (output.reason === 'answered-elsewhere') this.#answeredElsewhere();
        return;
      case 'bye-leg':
        assert.ok(['answered', 'crossing'].includes(this.#answeredOrCrossing(output.legId) ?? ''));
        if (output.reason === 'answered-elsewhere') this.#answeredElsewhere();
        this.legs.set(output.legId, 'over');
        return;
      case 'leg-over':
        this.legs.set(output.legId, 'over');
        return;
      case 'ring-caller':
        this.ringbacks += 1;
        return;
      case 'connect':
        this.connects.push(output.legId);
        return;
      case 'answer-caller':
        this.callerAnswers += 1;
        this.answeredLeg = output.legId;
        return;
      case 'hand-over':
        assert.equal(this.callerAnswers, 0);
        this.handOvers += 1;
        return;
      case 'end-caller':
        this.callerEnds += 1;
        return;
      case 'arm-timer':
        assert.equal(this.timers.has(output.timer), false);
        assert.ok(output.dueAt > this.now);
        this.timers.set(output.timer, output.dueAt);
        return;
      case 'cancel-timer':
        assert.equal(this.timers.delete(output.timer), true);
        return;
      case 'record':
        this.records += 1;
        return;
      case 'finished':
        this.finished += 1;
        return;
    }
  }

  /** Set by `answer`, just before the core hears of it. */
  crossing: string | undefined;
  #answeredOrCrossing(legId: string): string | undefined {
    return this.crossing === legId ? 'crossing' : this.legs.get(legId);
  }

  #answeredElsewhere(): void {
    assert.equal(this.someLegAnswered, true);
    this.elsewhere += 1;
  }

  /** A 2xx from a leg that is still inviting, or whose CANCEL it crosses. */
  answer(legId: string): void {
    const state = this.legs.get(legId);
    if (state !== 'inviting' && state !== 'cancelling') {
      this.input({ type: 'leg-answered', legId });
      return;
    }
    if (state === 'inviting') this.someLegAnswered = true;
    this.crossing = legId;
    if (state === 'inviting') this.legs.set(legId, 'answered');
    this.input({ type: 'leg-answered', legId });
    this.crossing = undefined;
  }

  fire(timer: CallTimer): void {
    const dueAt = this.timers.get(timer);
    this.now = Math.max(this.now, dueAt ?? 0);
    this.timers.delete(timer);
    this.input({ type: 'timer', timer });
  }

  /** Lets everything come to its end: the trunk dies, every device finally answers its CANCEL. */
  drain(): void {
    this.input({ type: 'carrier-lost' });
    this.input({ type: 'alerting-ended', outcome: 'missed', answeredAt: undefined });
    for (const [legId, state] of this.legs) {
      if (state === 'cancelling') this.input({ type: 'leg-rejected', legId, status: 487 });
    }
  }
}

const legId = fc.integer({ min: 1, max: 6 }).map(String);
const deviceId = fc.constantFrom('a', 'b', 'c');
const device = fc.record({ deviceId, contactUri: fc.constantFrom('sip:1@h', 'sip:2@h') });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), legId }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('input' as const), input: legInput() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('input' as const), input: worldInput() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fire' as const), timer: anyTimer() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('media' as const), ok: fc.boolean() }) },
);

function legInput(): fc.Arbitrary<CallInput> {
  return fc.oneof(
    fc.record({ type: fc.constant('leg-ringing' as const), legId }),
    fc.record({
      type: fc.constant('leg-rejected' as const),
      legId,
      status: fc.constantFrom(302, 408, 480, 486, 487, 500, 600, 603, 606),
    }),
    fc.record({ type: fc.constant('leg-failed' as const), legId, lost: fc.boolean() }),
    fc.record({ type: fc.constant('leg-ended' as const), legId, lost: fc.boolean() }),
  );
}

function worldInput(): fc.Arbitrary<CallInput> {
  const why = fc.constantFrom(
    'logout' as const,
    'removed' as const,
    'expired' as const,
    'connection-lost' as const,
  );
  return fc.oneof(
    fc.record({ type: fc.constant('device-registered' as const), device }),
    fc
      .record({ device, why })
      .map((it): CallInput => ({ type: 'device-unregistered', ...it.device, why: it.why })),
    fc.constantFrom<CallInput>(
      { type: 'caller-cancelled' },
      { type: 'caller-cancelled', byCarrier: true },
      { type: 'caller-media-failed' },
      { type: 'caller-hung-up' },
      { type: 'carrier-lost' },
      { type: 'media-silent' },
      { type: 'shutdown' },
      { type: 'alerting-ended', outcome: 'voicemail', answeredAt: 5 },
    ),
  );
}

function anyTimer(): fc.Arbitrary<CallTimer> {
  return fc.constantFrom('ring', 'no-ring', 'grace', 'connect', 'device-lost', 'duration');
}

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function run(world: World, steps: readonly Step[]): void {
  for (const it of steps) {
    world.now += 50;
    if (it.do === 'answer') world.answer(it.legId);
    else if (it.do === 'fire') world.fire(it.timer);
    else if (it.do === 'media') {
      const connecting = world.connects.at(-1) ?? 'none';
      world.input({ type: it.ok ? 'media-ready' : 'media-failed', legId: connecting });
    } else {
      // A BYE or a final response ends what the outside knows of the leg before the core hears of it.
      const input = it.input;
      if ('legId' in input && input.type !== 'leg-ringing') {
        const state = world.legs.get(input.legId);
        // No stack reports a refusal after an answer.
        if (input.type === 'leg-rejected' && state === 'answered') continue;
        if (state !== undefined) world.legs.set(input.legId, 'over');
      }
      world.input(input);
    }
  }
}

function checkEnd(world: World): void {
  expect(world.finished).toBe(1);
  expect(world.call.finished).toBe(true);
  expect(world.records).toBe(1);
  expect(world.callerAnswers).toBeLessThanOrEqual(1);
  expect(world.ringbacks).toBeLessThanOrEqual(1);
  expect(world.handOvers + world.callerAnswers).toBeLessThanOrEqual(1);
  expect(world.callerEnds).toBeLessThanOrEqual(1);
  expect([...world.timers.keys()]).toEqual([]);
  for (const state of world.legs.values()) expect(state).toBe('over');
  expect(world.legs.size).toBeLessThanOrEqual(limits.maxLegs);
}

describe('a call in every order of events', { timeout: 120_000 }, () => {
  test('one device or none is connected, every leg and timer ends, one record, one answer', () => {
    fc.assert(
      fc.property(fc.array(device, { maxLength: 3 }), fc.array(step, { maxLength: 25 }), (devices, steps) => {
        const world = new World();
        world.input({ type: 'arrived', devices });
        run(world, steps);
        world.drain();
        checkEnd(world);
      }),
      { numRuns: 5000 },
    );
  });

  test('every permutation of two answers, cancel, hang-up, timeout, device lost, late registration', () => {
    const events: Array<(world: World) => void> = [
      (world) => world.answer('1'),
      (world) => world.answer('2'),
      (world) => world.input({ type: 'caller-cancelled' }),
      (world) => world.input({ type: 'leg-ended', legId: world.call.connectedLegId ?? '0', lost: false }),
      (world) => world.fire('ring'),
      (world) => world.input({ type: 'device-unregistered', ...first, why: 'connection-lost' }),
      (world) => world.input({ type: 'device-registered', device: { deviceId: 'c', contactUri: 'sip:3@h' } }),
    ];
    const first = { deviceId: 'a', contactUri: 'sip:1@h' };
    let orders = 0;
    for (const order of permutations(events)) {
      for (const mediaAfter of [1, 3]) {
        const world = new World();
        world.input({ type: 'arrived', devices: [first, { deviceId: 'b', contactUri: 'sip:2@h' }] });
        order.forEach((event, index) => {
          event(world);
          const connecting = world.connects[0];
          if (index % mediaAfter === 0 && connecting) world.input({ type: 'media-ready', legId: connecting });
        });
        world.drain();
        checkEnd(world);
        orders += 1;
      }
    }
    expect(orders).toBe(5040 * 2);
  });

  test('whoever answers first in a plain race is connected, all others hear "answered elsewhere"', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(['1', '2', '3'], { minLength: 1 }), (order) => {
        const world = new World();
        const devices = ['a', 'b', 'c'].map((name) => ({ deviceId: name, contactUri: `sip:${name}@h` }));
        world.input({ type: 'arrived', devices });
        for (const leg of order) world.answer(leg);
        world.input({ type: 'media-ready', legId: order[0] as string });
        expect(world.call.connectedLegId).toBe(order[0]);
        expect(world.callerAnswers).toBe(1);
        // Two CANCELs, and a BYE for each whose 200 crossed it.
        expect(world.elsewhere).toBe(2 + order.length - 1);
        world.input({ type: 'caller-hung-up' });
        world.drain();
        checkEnd(world);
      }),
    );
  });
});

function* permutations<T>(items: readonly T[]): Generator<T[]> {
  if (items.length <= 1) return void (yield [...items]);
  for (const [index, item] of items.entries()) {
    const rest = [...items.slice(0, index), ...items.slice(index + 1)];
    for (const order of permutations(rest)) yield [item, ...order];
  }
}
