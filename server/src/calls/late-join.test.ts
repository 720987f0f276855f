import { afterEach, expect, test } from 'vitest';
import { closeWorld, createWorld, onlyRow, ringing, world } from './testing/scenes.ts';

afterEach(closeWorld);

test('R-RING-ALL: a device that registers while it rings joins; refreshes of any device ring nothing twice', async () => {
  const { caller, devices } = await ringing(1);
  const late = await world.device();
  await world.until('it rings, too', () => late.calls.length === 1);
  for (let n = 0; n < 3; n += 1) {
    await world.wait(late.register());
    await world.wait(devices[0].register());
  }
  expect([devices[0].calls.length, late.calls.length]).toEqual([1, 1]);
  late.answer();
  await world.until('the caller is answered', () => caller.final?.status === 200);
  caller.session.bye();
  await world.settled();
  expect(await onlyRow()).toMatchObject({ answered_device_id: 'device2' });
});

test('from zero devices on: the last one is lost while it rings, and another one registers in its place', async () => {
  await createWorld();
  const tab = await world.device({ webSocket: true });
  const caller = world.dial();
  await world.until('it rings', () => tab.calls.length === 1);
  tab.flow?.close();
  await world.pass(1000);
  expect(world.registrar.availableNow('ann')).toEqual([]);
  const other = await world.device();
  await world.until('the other one rings', () => other.calls.length === 1);
  other.answer();
  await world.until('the caller is answered', () => caller.final?.status === 200);
  caller.session.bye();
  await world.settled();
  expect(await onlyRow()).toMatchObject({ outcome: 'answered', answered_device_id: 'device2' });
});

test.each(['greeting', 'message'])(
  'R-NOBODY: a device that registers while the %s goes on does not ring, and the message stays whole',
  async (when) => {
    await createWorld();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(when === 'greeting' ? 1000 : world.media.greetingMs + 1000);
    const late = await world.device();
    await world.pass(world.media.greetingMs + 2000);
    expect(late.calls).toEqual([]);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'voicemail', cause: 'nobody' });
    expect(await world.alerting.voicemails('ann')).toHaveLength(1);
    // It is there by now: it sees the message itself, and nobody needs an SMS.
    expect(world.sms).toEqual([]);
  },
);
