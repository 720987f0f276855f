import { afterEach, describe, expect, test } from 'vitest';
import { closeWorld, onlyRow, ringing, world } from './testing/scenes.ts';

afterEach(closeWorld);

/** What a device's refusal does, on the wire and in the record. */
describe('R-REJECT: one device refuses', () => {
  test.each([302, 480, 486, 488, 500, 606])(
    'with %i: the others ring on, and one answers',
    async (status) => {
      const { caller, devices } = await ringing(2);
      devices[0].call.reject(status, { headers: [['Contact', '<sip:thief@10.9.9.9>']] });
      await world.pass(1000);
      expect(world.calls.active()[0]?.state).toBe('ringing');
      devices[1]?.answer();
      await world.until('the caller is answered', () => caller.final?.status === 200);
      caller.session.bye();
      await world.settled();
      expect(await onlyRow()).toMatchObject({ outcome: 'answered', answered_device_id: 'device2' });
    },
  );

  test.each([
    [600, 'busy'],
    [603, 'declined'],
    [607, 'declined'],
    [608, 'declined'],
  ])('with %i, for the person: the others stop and are told so, voicemail answers', async (status, cause) => {
    const { caller, devices } = await ringing(2);
    devices[0].call.reject(status);
    await world.until('voicemail answers', () => caller.final?.status === 200);
    expect(devices[1]?.reasons).toEqual(['SIP;cause=603;text="Declined"']);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ cause, outcome: cause === 'declined' ? 'declined' : 'missed' });
  });
});

describe('R-REJECT: every device refuses', () => {
  test.each([
    [302, 'busy', 'missed'],
    [486, 'busy', 'missed'],
    [600, 'busy', 'missed'],
    [603, 'declined', 'declined'],
    [606, 'failed', 'missed'],
  ])('with %i at once: voicemail, recorded as %s', async (status, cause, outcome) => {
    const { caller, devices } = await ringing(2);
    for (const device of devices) device.call.reject(status);
    await world.until('voicemail answers', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ cause, outcome });
  });
});

test('a redirection by a device is not followed: nothing is sent where it points', async () => {
  const { caller, devices } = await ringing(1);
  world.network.tracing = true;
  devices[0].call.reject(302, { headers: [['Contact', '<sip:+19005550100@10.9.9.9>']] });
  await world.until('voicemail answers', () => caller.final?.status === 200);
  caller.session.bye();
  await world.settled();
  expect(world.network.trace.filter(({ to }) => to.host === '10.9.9.9')).toEqual([]);
  expect(devices[0].calls).toHaveLength(1);
});

test('R-BUSY: a device that is busy with one call is rung by the next', async () => {
  const { caller, devices } = await ringing(1);
  devices[0].answer();
  await world.until('the first caller is answered', () => caller.final?.status === 200);
  const second = world.dial();
  await world.until('it rings as call waiting', () => devices[0].calls.length === 2);
  devices[0].call.reject(486);
  await world.until('voicemail answers the second', () => second.final?.status === 200);
  expect(caller.endedBy).toBeUndefined();
  second.session.bye();
  caller.session.bye();
  await world.settled();
});
