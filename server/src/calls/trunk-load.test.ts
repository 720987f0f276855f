import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CallWorld } from './testing/world.ts';
import { TrunkLoad } from './trunk-load.ts';

const session = () => ({ state: 'early' as 'early' | 'terminated' });

describe('TrunkLoad', () => {
  it('takes as many calls at once as the trunk may have, and more when some are over', () => {
    const load = new TrunkLoad(() => 0);
    const limits = { maxConcurrentCalls: 2 };
    const [first, second] = [session(), session()];
    expect([load.admits(limits, first), load.admits(limits, second)]).toEqual([true, true]);
    expect(load.admits(limits, session())).toBe(false);
    expect(load.admits({ maxConcurrentCalls: 2 }, session())).toBe(true);
    first.state = 'terminated';
    expect([load.admits(limits, session()), load.admits(limits, session())]).toEqual([true, false]);
  });

  it('tells what it has carried, both ways, and remembers nobody who is over', () => {
    const load = new TrunkLoad(() => 0);
    const limits = { maxConcurrentCalls: 2 };
    const calls = [session(), session(), session()];
    expect(load.admits(limits, calls[0] ?? session())).toBe(true);
    expect(load.admits(limits, calls[1] ?? session(), 'outbound')).toBe(true);
    expect(load.admits(limits, calls[2] ?? session(), 'outbound')).toBe(false);
    for (const call of calls) call.state = 'terminated';
    expect(load.stats(limits)).toEqual({
      active: 0,
      calls: { inbound: 1, outbound: 1 },
      refused: { inbound: 0, outbound: 1 },
    });
    const unlimited = {};
    for (let call = 0; call < 1_000; call++) load.admits(unlimited, { state: 'terminated' });
    expect(load.stats(unlimited)).toMatchObject({ active: 0, calls: { inbound: 1_000 } });
  });

  it('takes calls no faster than it may, whenever they come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 400 })),
        (rate, pauses) => {
          let now = 0;
          const load = new TrunkLoad(() => now);
          const limits = { maxCallsPerSecond: rate };
          let taken = 0;
          for (const pause of pauses) {
            now += pause;
            if (load.admits(limits, session())) taken += 1;
          }
          expect(taken).toBeLessThanOrEqual(rate + (now * rate) / 1000);
          expect(taken).toBeGreaterThanOrEqual(Math.min(rate, pauses.length));
        },
      ),
    );
  });
});

describe('a trunk with limits', () => {
  let world: CallWorld;
  afterEach(async () => world.close());

  it('is told 503 with Retry-After for a call too many, and taken again when one is over', async () => {
    world = await CallWorld.create({ trunkLimits: { maxConcurrentCalls: 1 } });
    const device = await world.device();
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    const refused = await world.dialAndFail();
    expect(refused.final?.status).toBe(503);
    expect(refused.final?.headers.get('Retry-After')).toBe('5');
    expect(device.calls).toHaveLength(1);
    caller.session.cancel();
    await world.settled();
    world.dial().session.on('provisional', () => undefined);
    await world.until('it rings again', () => device.calls.length === 2);
    device.call.reject(603);
    await world.until('voicemail', () => world.calls.active()[0]?.state === 'alerting');
  });
});
