import { RawPeer } from '@ringthrough/sip/testing';
import { expect } from 'vitest';
import { server, type TestCaller, type TestDevice } from './test-peers.ts';
import { CallWorld } from './world.ts';

/** The world of the test that runs; a test file closes it after each test. */
export let world: CallWorld;
let isOpen = false;

export async function createWorld(options: Parameters<typeof CallWorld.create>[0] = {}): Promise<CallWorld> {
  world = await CallWorld.create(options);
  isOpen = true;
  return world;
}

/** A test may have needed none. */
export async function closeWorld(): Promise<void> {
  if (!isOpen) return;
  isOpen = false;
  await world.close();
}

/** A caller who hears ringback, and devices that ring. */
export async function ringing(
  count: number,
  options: Parameters<typeof CallWorld.create>[0] = {},
): Promise<{ caller: TestCaller; devices: [TestDevice, ...TestDevice[]] }> {
  await createWorld(options);
  const devices: TestDevice[] = [];
  for (let n = 0; n < count; n += 1) devices.push(await world.device());
  const caller = world.dial();
  await world.until('all ring', () => devices.every((device) => device.calls.length === 1));
  for (const device of devices) device.call.progress(180);
  await world.until('ringback', () => caller.statuses.includes(180));
  return { caller, devices: devices as [TestDevice, ...TestDevice[]] };
}

/** The first of the devices has answered; the others have been told. */
export async function connected(
  count: number,
): Promise<{ caller: TestCaller; devices: [TestDevice, ...TestDevice[]] }> {
  const { caller, devices } = await ringing(count);
  devices[0].answer();
  await world.until('the caller is answered', () => caller.final !== undefined);
  await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
  return { caller, devices };
}

/** A softphone that has registered, and whose every message a test now writes by itself. */
export async function rawDevice(): Promise<RawPeer> {
  const device = await world.device();
  await world.wait(device.stack.close());
  return RawPeer.bind(world.network, { host: device.host, port: 5060 }, server);
}

/** The one record of the one call. */
export async function onlyRow() {
  // Records are written together, a moment later.
  await world.pass(60);
  const rows = await world.rows();
  expect(rows).toHaveLength(1);
  return rows[0];
}
