import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, connected, createWorld, onlyRow, world } from './testing/scenes.ts';
import { numbers } from './testing/world.ts';

afterEach(closeWorld);

describe('in the conversation', () => {
  test('hold and resume from the trunk stay with its own media', async () => {
    const { caller, devices } = await connected(1);
    const hold = await world.wait(caller.session.reinvite(fakeSdp('trunk', '0 8', 'sendonly')));
    expect(hold.status).toBe(200);
    const [trunkLeg] = world.media.connections[0]!;
    expect(trunkLeg.offersTaken).toBe(2);
    await world.pass(30_000);
    trunkLeg.emit('silent');
    await world.pass(100);
    expect(world.calls.active()[0]?.state).toBe('connected');
    expect((await world.wait(caller.session.reinvite(fakeSdp('trunk')))).status).toBe(200);
    trunkLeg.emit('silent');
    await world.settled();
    expect(caller.endReason).toContain('cause=102');
    expect(devices[0].reasons[0]).toContain('cause=102');
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'media-silent' });
  });

  test('a re-INVITE that cannot be taken leaves the call as it is', async () => {
    const { caller, devices } = await connected(1);
    expect((await world.wait(devices[0].call.reinvite(fakeSdp('x', '96')))).status).toBe(488);
    expect(world.calls.active()[0]?.state).toBe('connected');
    caller.session.bye();
    await world.settled();
  });

  test('INFO with keys is accepted', async () => {
    const { caller, devices } = await connected(1);
    const info = devices[0].call.sendRequest('INFO', {
      contentType: 'application/dtmf-relay',
      body: 'Signal=5',
    });
    expect((await world.wait(info)).status).toBe(200);
    caller.session.bye();
    await world.settled();
  });

  test('a media path that breaks just after the answer ends the call', async () => {
    const { caller } = await connected(1);
    world.media.connections[0]?.[1].emit('silent');
    await world.settled();
    expect(caller.endReason).toContain('cause=102');
  });

  test('the server stops: both sides are told, the call is recorded', async () => {
    const { caller, devices } = await connected(1);
    await world.wait(world.calls.close());
    await world.settled();
    expect(caller.endReason).toContain('cause=41');
    expect(devices[0].reasons).toHaveLength(1);
    expect(await onlyRow()).toMatchObject({ cause: 'shutdown', outcome: 'answered' });
    expect((await world.dialAndFail()).final?.status).toBe(503);
  });

  test('an INVITE without an offer: ours is answered in the ACK', async () => {
    await createWorld();
    const device = await world.device();
    const caller = world.dial({ sdp: '' });
    caller.session.on('accepted', () => caller.session.ack(fakeSdp('trunk')));
    await world.until('it rings', () => device.calls.length === 1);
    device.answer();
    await world.until('it is bridged', () => world.media.connections.length === 1);
    caller.session.bye();
    await world.settled();
  });
});

describe('on a bad network', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'lost, doubled and late datagrams, run %i: the call ends clean on all sides',
    async (seed) => {
      await createWorld();
      const devices = [await world.device(), await world.device()];
      world.network.conditions = { delayMs: [1, 300], loss: 0.15, duplicate: 0.1 };
      const caller = world.dial();
      await world.until('one rings', () => devices.some((device) => device.calls.length > 0));
      await world.pass(seed * 150);
      for (const device of devices) if (device.calls.length > 0) device.answer();
      await world.until('it is answered', () => caller.final !== undefined);
      await world.pass(2000);
      caller.session.bye();
      world.network.conditions = { delayMs: [1, 1], loss: 0, duplicate: 0 };
      await world.settled();
      const row = await onlyRow();
      expect(row?.outcome).toBe('answered');
      const connected = devices.filter((device) => device.id === row?.answered_device_id);
      expect(connected).toHaveLength(1);
      for (const device of devices) for (const call of device.calls) expect(call.state).toBe('terminated');
    },
  );
});

test('the log of a call holds no number', async () => {
  const { caller } = await connected(1);
  caller.session.bye();
  await world.settled();
  const text = world.logLines.join('\n');
  expect(text).toContain('call state');
  for (const number of Object.values(numbers)) expect(text).not.toContain(number.slice(1));
});
