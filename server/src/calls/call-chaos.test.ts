import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { CallWorld, type TestCaller, type TestDevice } from './testing/world.ts';

/** What may happen at any moment, to any of the three devices or to the caller. */
const step = fc.record({
  waitMs: fc.constantFrom(0, 0, 20, 200, 1500, 9000),
  what: fc.constantFrom(
    ...(['ring', 'ring', 'answer', 'answer', 'busy', 'decline', 'hang-up'] as const),
    ...(['lose', 'come-back', 'log-out', 'caller-cancels', 'caller-hangs-up', 'signed-out'] as const),
    ...(['all-answer', 'redirect', 'early-media', 'hold', 'caller-holds', 'both-hold'] as const),
    ...(['carrier-answers', 'late-comer', 'silent'] as const),
  ),
  who: fc.integer({ min: 0, max: 2 }),
});
const hold = fakeSdp('hold', '0 8', 'sendonly');
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const network = fc.constantFrom(
  { delayMs: [1, 1], loss: 0, duplicate: 0 },
  { delayMs: [1, 200], loss: 0.1, duplicate: 0.1 },
);

test('whatever happens, in whatever order, every call ends clean', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), network, async (steps, conditions) => {
      const world = await CallWorld.create();
      try {
        const devices = [await world.device({ webSocket: true }), await world.device(), await world.device()];
        world.network.conditions = conditions as typeof world.network.conditions;
        const strayed: string[] = [];
        world.network.filter = ({ to }) => {
          if (to.host === '10.9.9.9') strayed.push(to.host);
          return true;
        };
        const caller = world.dial();
        await world.pass(50);
        for (const one of steps) await take(world, caller, devices, one);
        await end(world, caller);
        await check(world, caller, devices, strayed);
      } finally {
        await world.close();
      }
    }),
    { numRuns: 40 },
  );
});

async function take(
  world: CallWorld,
  caller: TestCaller,
  devices: TestDevice[],
  { what, waitMs, who }: Step,
): Promise<void> {
  const device = devices[who]!;
  const call = device.calls.at(-1);
  switch (what) {
    case 'ring':
      call?.progress(180);
      break;
    case 'answer':
      if (call?.state === 'early') device.answer();
      break;
    case 'busy':
      call?.reject(486);
      break;
    case 'decline':
      call?.reject(603);
      break;
    case 'all-answer':
      for (const one of devices) if (one.calls.at(-1)?.state === 'early') one.answer();
      break;
    case 'redirect':
      call?.reject(302, { headers: [['Contact', '<sip:thief@10.9.9.9>']] });
      break;
    case 'early-media':
      call?.progress(183, { body: fakeSdp(device.id) });
      break;
    case 'hold':
    case 'caller-holds':
    case 'both-hold':
      if (what !== 'caller-holds' && call?.state === 'confirmed') void call.reinvite(hold);
      if (what !== 'hold' && caller.session.state === 'accepted') void caller.session.reinvite(hold);
      break;
    case 'carrier-answers':
      caller.session.cancel({ headers: [['Reason', 'SIP;cause=200;text="Call completed elsewhere"']] });
      break;
    case 'late-comer':
      if (devices.length < 5) devices.push(await world.device());
      break;
    case 'silent':
      world.media.connections[0]?.[1].emit('silent');
      break;
    case 'hang-up':
      if (call?.state === 'confirmed') call.bye();
      break;
    case 'lose':
      device.flow?.close();
      break;
    case 'come-back':
      if (device.flow) world.connect(device);
      void device.register();
      break;
    case 'log-out':
      void device.register(0);
      break;
    case 'caller-cancels':
      caller.session.cancel();
      break;
    case 'caller-hangs-up':
      if (caller.session.state === 'accepted') caller.session.bye();
      break;
    case 'signed-out':
      world.fabric.publish('device.removed', { accountId: 'ann', deviceId: device.id });
      break;
  }
  await world.pass(waitMs);
}

/** The caller goes; then the network heals, so that what is under way comes to its end. */
async function end(world: CallWorld, caller: TestCaller): Promise<void> {
  if (caller.final === undefined) caller.session.cancel();
  else if (caller.session.state === 'accepted') caller.session.bye();
  world.network.conditions = { delayMs: [1, 1], loss: 0, duplicate: 0 };
  await world.until('the caller is rid of it', () => {
    if (caller.session.state === 'accepted') caller.session.bye();
    return caller.session.state === 'terminated';
  });
}

async function check(
  world: CallWorld,
  caller: TestCaller,
  devices: TestDevice[],
  strayed: string[],
): Promise<void> {
  await world.settled();
  await world.pass(100);
  const rows = await world.rows();
  expect(rows.length).toBeLessThanOrEqual(1);
  // Nothing goes where a device points.
  expect(strayed).toEqual([]);
  // A CANCEL that overtakes its INVITE leaves no call at all.
  if (caller.final !== undefined && caller.final.status !== 408) expect(rows).toHaveLength(1);
  for (const row of rows) {
    expect(row.ended_at).not.toBeNull();
    expect(row.answered_device_id !== null).toBe(row.outcome === 'answered');
  }
  expect(world.media.connections.length).toBeLessThanOrEqual(1);
  await world.until(
    'devices are rid of it',
    () => devices.every((device) => device.calls.every((call) => call.state === 'terminated')),
    120_000,
  );
}
