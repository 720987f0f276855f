import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, connected, createWorld, onlyRow, rawDevice, ringing, world } from './testing/scenes.ts';

afterEach(closeWorld);

const elsewhere = 'SIP;cause=200;text="Call completed elsewhere"';

describe('R-FIRST', () => {
  test('two devices answer in the same millisecond: one is connected, the other hears that it was elsewhere', async () => {
    const { caller, devices } = await ringing(2);
    const before = world.clock.now();
    for (const device of devices) device.answer();
    expect(world.clock.now()).toBe(before);
    await world.until('one is hung up', () => devices.some((device) => device.reasons.length === 1));
    expect(devices.flatMap((device) => device.reasons)).toEqual([elsewhere]);
    expect(world.media.connections).toHaveLength(1);
    expect(caller.statuses.filter((status) => status === 200)).toHaveLength(1);
    caller.session.bye();
    await world.settled();
  });

  test('the 200 of a loser crosses its CANCEL: ACK, then BYE that says so, in that order', async () => {
    await createWorld();
    const winner = await world.device();
    const loser = await rawDevice();
    const caller = world.dial();
    await world.until('both ring', () => winner.calls.length === 1 && loser.received.length > 0);
    const invite = loser.lastRequest('INVITE');
    const tag = { To: `${invite.headers.get('To')};tag=loser` };
    loser.respond(invite, 180, tag);
    await world.pass(100);
    winner.answer();
    // In the same millisecond as the CANCEL leaves.
    loser.respond(invite, 200, tag, fakeSdp('loser'));
    await world.until('it is hung up', () =>
      loser.received.some((one) => 'method' in one && one.method === 'BYE'),
    );
    expect(loser.news().filter((word) => word !== 'INVITE')).toEqual(expect.arrayContaining(['ACK', 'BYE']));
    const methods = loser.received.map((one) => ('method' in one ? one.method : ''));
    expect(methods.indexOf('ACK')).toBeLessThan(methods.indexOf('BYE'));
    const bye = loser.lastRequest('BYE');
    expect(bye.headers.get('Reason')).toBe(elsewhere);
    loser.respond(bye, 200);
    for (const one of loser.received) {
      if ('method' in one && one.method === 'CANCEL') loser.respond(one, 200);
    }
    await world.until('the caller is answered', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    await loser.close();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', answered_device_id: 'device1' });
  });
});

describe('R-CANCEL', () => {
  test('the caller gives up as every device answers: never "answered elsewhere"', async () => {
    const { caller, devices } = await ringing(3);
    caller.session.cancel();
    await world.pass(1);
    for (const device of devices) if (device.call.state === 'early') device.answer();
    await world.settled();
    for (const device of devices) expect(device.reasons.join()).not.toContain('cause=200');
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'caller-cancelled' });
  });

  test('the caller hangs up in the conversation: the device is told of a hang-up, nobody of an answer elsewhere', async () => {
    const { caller, devices } = await connected(2);
    caller.session.bye();
    await world.settled();
    expect(devices[0].reasons).toEqual(['Q.850;cause=16;text="Normal call clearing"']);
  });
});

describe('a device whose first response comes after the call is over', () => {
  /** The caller has given up; the device has said nothing so far. */
  async function tooLate() {
    await createWorld();
    const device = await rawDevice();
    const caller = world.dial();
    await world.until('it was asked', () => device.received.length > 0);
    caller.session.cancel();
    await world.until('the caller is rid of it', () => caller.final?.status === 487);
    expect(device.received.some((one) => 'method' in one && one.method === 'CANCEL')).toBe(false);
    return { device, invite: device.lastRequest('INVITE') };
  }
  const tagged = (invite: { headers: { get(name: string): string | undefined } }) => ({
    To: `${invite.headers.get('To')};tag=late`,
  });

  test('180: only now may it be cancelled (RFC 3261 9.1), with the reason of then', async () => {
    const { device, invite } = await tooLate();
    device.respond(invite, 180, tagged(invite));
    await world.until('it is cancelled', () =>
      device.received.some((one) => 'method' in one && one.method === 'CANCEL'),
    );
    const cancel = device.lastRequest('CANCEL');
    expect(cancel.headers.get('Reason')).toBe('SIP;cause=487;text="Originator cancelled"');
    device.respond(cancel, 200);
    device.respond(invite, 487, tagged(invite));
    await world.settled();
    await device.close();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed' });
  });

  test('200: acknowledged, and hung up with the reason of then', async () => {
    const { device, invite } = await tooLate();
    device.respond(invite, 200, tagged(invite), fakeSdp('late'));
    await world.until('it is hung up', () =>
      device.received.some((one) => 'method' in one && one.method === 'BYE'),
    );
    const methods = device.received.map((one) => ('method' in one ? one.method : ''));
    expect(methods.indexOf('ACK')).toBeLessThan(methods.indexOf('BYE'));
    const bye = device.lastRequest('BYE');
    expect(bye.headers.get('Reason')).toBe('SIP;cause=487;text="Originator cancelled"');
    device.respond(bye, 200);
    await world.settled();
    await device.close();
  });

  test('486: nothing more to do', async () => {
    const { device, invite } = await tooLate();
    device.respond(invite, 486, tagged(invite));
    await world.settled();
    await device.close();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'caller-cancelled' });
  });

  test('nothing, ever: the call is over all the same', async () => {
    const { device } = await tooLate();
    await world.settled();
    await device.close();
    expect(world.calls.active()).toEqual([]);
  });
});
