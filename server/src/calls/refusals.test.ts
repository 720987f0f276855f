import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, createWorld, onlyRow, rawDevice, ringing, world } from './testing/scenes.ts';
import { numbers } from './testing/world.ts';

afterEach(closeWorld);

describe('refusals', () => {
  test('R-UNKNOWN: a number that nobody linked', async () => {
    await createWorld();
    const caller = await world.dialAndFail({ headers: [['Diversion', `<sip:${numbers.nobody}@c>`]] });
    expect(caller.final?.status).toBe(404);
    expect(caller.final?.headers.get('Reason')).toBe('Q.850;cause=1;text="Unallocated number"');
    expect(await onlyRow()).toMatchObject({
      outcome: 'unknown-number',
      account_id: null,
      called: numbers.nobody,
    });
  });

  test('the C number itself', async () => {
    await createWorld();
    expect((await world.dialAndFail({ headers: [] })).final?.status).toBe(404);
  });

  test('a stranger gets no answer at all', async () => {
    await createWorld();
    const stranger = await world.newStack('10.9.9.9');
    world.network.tracing = true;
    const caller = world.dial({ from: stranger });
    await world.until('the stranger gives up', () => caller.final?.status === 408, 40_000);
    const toStranger = world.network.trace.filter((packet) => packet.to.host === '10.9.9.9');
    expect(toStranger).toEqual([]);
    expect(world.stack.stats().serverTransactions).toBe(0);
  });

  test('too many hops', async () => {
    await createWorld();
    const caller = await world.dialAndFail({
      headers: [
        ['Max-Forwards', '0'],
        ['Diversion', `<sip:${numbers.person}@c>`],
      ],
    });
    expect(caller.final?.status).toBe(483);
  });

  test('no codec in common: refused before anything rings', async () => {
    await createWorld();
    const device = await world.device();
    const caller = await world.dialAndFail({ sdp: fakeSdp('trunk', '18') });
    expect(caller.final?.status).toBe(488);
    expect(device.calls).toEqual([]);
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'no-common-codec' });
  });

  test('more calls than configured: 503 with Retry-After', async () => {
    const { caller } = await ringing(1, { maxConcurrent: 1 });
    const second = await world.dialAndFail();
    expect(second.final?.status).toBe(503);
    expect(second.final?.headers.get('Retry-After')).toBe('5');
    caller.session.cancel();
    await world.settled();
    expect(await world.rows()).toHaveLength(1);
  });

  test('more calls to one account than configured: busy', async () => {
    const { caller } = await ringing(1);
    const more = [world.dial(), world.dial()];
    await world.until('three ring', () => world.calls.active().length === 3);
    expect((await world.dialAndFail()).final?.status).toBe(486);
    for (const one of [caller, ...more]) one.session.cancel();
    await world.settled();
  });

  test('no media to be had: 503', async () => {
    await createWorld();
    world.media.portsFree = 0;
    const caller = await world.dialAndFail();
    expect(caller.final?.status).toBe(503);
    expect(caller.final?.headers.get('Reason')).toContain('cause=34');
  });

  test.each([
    ['nothing rings', 0],
    ['devices are asked already', 1],
  ])('the media engine has ended, and %s: 503, for another switch to try', async (_, devices) => {
    await createWorld();
    for (let count = 0; count < devices; count++) await world.device();
    world.media.lost = true;
    const caller = await world.dialAndFail();
    expect(caller.final?.status).toBe(503);
    expect(caller.final?.headers.get('Reason')).toContain('cause=34');
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'no-media' });
  });
});

test('R-UNKNOWN: a device that names somebody else as its address gets our requests all the same, and nobody else', async () => {
  await createWorld();
  const device = await rawDevice();
  const caller = world.dial();
  await world.until('it was asked', () => device.received.length > 0);
  world.network.tracing = true;
  const invite = device.lastRequest('INVITE');
  const elsewhere = { Contact: '<sip:v@10.9.9.9>', 'Record-Route': '<sip:10.9.9.9;lr>' };
  device.respond(invite, 200, { To: `${invite.headers.get('To')};tag=d`, ...elsewhere }, fakeSdp('device'));
  await world.until('the caller is answered', () => caller.final?.status === 200);
  caller.session.bye();
  await world.until('the device is hung up', () =>
    device.received.some((one) => 'method' in one && one.method === 'BYE'),
  );
  device.respond(device.lastRequest('BYE'), 200);
  await world.settled();
  await device.close();
  expect(world.network.trace.filter(({ to }) => to.host === '10.9.9.9')).toEqual([]);
});

describe('the echo call', () => {
  test('a registered device hears itself, after digest', async () => {
    await createWorld();
    const device = await world.device();
    const session = device.echo();
    await world.until('it is answered', () => session.state === 'accepted');
    await world.until('it echoes', () => world.media.legs[0]?.echoing === true);
    session.bye();
    await world.settled();
  });

  test('one for each device, and not for ever: tests do not take the places of calls', async () => {
    await createWorld();
    const device = await world.device();
    const session = device.echo();
    await world.until('it is answered', () => session.state === 'accepted');
    const second = device.echo();
    const statuses: number[] = [];
    second.on('rejected', ({ status }) => statuses.push(status));
    await world.until('the second is refused', () => second.state === 'terminated');
    expect(statuses).toEqual([486]);
    session.bye();
    await world.settled();
    const again = device.echo();
    await world.until('another one is answered', () => again.state === 'accepted');
    await world.pass(4 * 60_000);
    expect(again.state).toBe('accepted');
    await world.pass(61_000);
    expect(again.state).toBe('terminated');
    await world.settled();
  });

  test('with a wrong password it is refused', async () => {
    await createWorld();
    const device = await world.device();
    const session = device.echo('wrong');
    const statuses: number[] = [];
    session.on('rejected', ({ status }) => statuses.push(status));
    await world.until('it is refused', () => session.state === 'terminated');
    expect(statuses).toEqual([407]);
    expect(world.media.legs).toEqual([]);
  });
});
