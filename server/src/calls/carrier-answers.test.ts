import { afterEach, describe, expect, test } from 'vitest';
import { closeWorld, createWorld, onlyRow, ringing, world } from './testing/scenes.ts';
import { numbers, type TestDevice } from './testing/world.ts';

afterEach(closeWorld);

const told = `ann ${numbers.person}`;

/** A call that rings so long and is then cancelled. */
async function cancelledAfter(ms: number, headers: Array<[string, string]> = []): Promise<void> {
  const rung = device.calls.length;
  const caller = world.dial();
  await world.until('it rings', () => device.calls.length > rung);
  device.call.progress(180);
  await world.pass(ms);
  caller.session.cancel({ headers });
  await world.settled();
  await world.pass(60);
}

let device: TestDevice;
async function registered(): Promise<void> {
  await createWorld();
  device = await world.device();
}

describe('a carrier whose own voicemail takes the call', () => {
  test('its CANCEL says "answered elsewhere": recorded as answered by the carrier, the person is told', async () => {
    const { caller, devices } = await ringing(1);
    caller.session.cancel({ headers: [['Reason', 'SIP;cause=200;text="Call completed elsewhere"']] });
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'answered-by-carrier' });
    expect(world.carrierAnswered).toEqual([told]);
    // None of the person's devices has it, so none of them is told so.
    expect(devices[0].reasons).toEqual(['SIP;cause=487;text="Originator cancelled"']);
  });

  test('its CANCEL says nothing, but comes after the same time, call for call', async () => {
    await registered();
    for (const ms of [20_000, 20_200, 19_900]) await cancelledAfter(ms);
    expect((await world.rows()).map((row) => row.cause)).toEqual([
      'caller-cancelled',
      'caller-cancelled',
      'answered-by-carrier',
    ]);
    expect(world.carrierAnswered).toEqual([told]);
  });

  test('callers who give up each at their own time are callers', async () => {
    await registered();
    for (const ms of [20_000, 9_000, 20_200, 14_000]) await cancelledAfter(ms);
    expect(world.carrierAnswered).toEqual([]);
  });

  test('a call in between that went to voicemail here shows that nothing takes them away', async () => {
    await registered();
    await cancelledAfter(20_000);
    await cancelledAfter(20_000);
    const caller = world.dial();
    await world.until('our voicemail answers', () => caller.final?.status === 200, 31_000);
    caller.session.bye();
    await world.settled();
    await world.pass(60);
    await cancelledAfter(20_000);
    expect(world.carrierAnswered).toEqual([]);
  });

  test('another reason in the CANCEL is the caller: busy with something else, gone', async () => {
    await registered();
    await cancelledAfter(1000, [['Reason', 'Q.850;cause=16;text="Normal call clearing"']]);
    await cancelledAfter(1000, [['Reason', 'SIP;cause=487']]);
    expect((await world.rows()).map((row) => row.cause)).toEqual(['caller-cancelled', 'caller-cancelled']);
  });

  test('a call that was not forwarded may have been answered on the phone itself: nothing to tell', async () => {
    await registered();
    const caller = world.dial({ headers: [], uri: `sip:${numbers.person}@10.0.0.1` });
    await world.until('it rings', () => device.calls.length === 1);
    caller.session.cancel({ headers: [['Reason', 'SIP;cause=200;text="Call completed elsewhere"']] });
    await world.settled();
    expect(await onlyRow()).toMatchObject({ reason: 'direct', cause: 'answered-by-carrier' });
    expect(world.carrierAnswered).toEqual([]);
  });

  test('the ring time may be shorter for one carrier than for the house', async () => {
    await createWorld({ ringTimeoutSeconds: 12 });
    const device = await world.device();
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    device.call.progress(180);
    await world.until('our voicemail answers', () => caller.final?.status === 200, 12_500);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ cause: 'timeout' });
  });
});
