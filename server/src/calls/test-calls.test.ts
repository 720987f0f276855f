import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { languages } from '../config.ts';
import { createLogger } from '../log.ts';
import { fakeSdp } from '../media/testing/index.ts';
import { type TestCallState, TestCalls } from './index.ts';
import { closeWorld, createWorld, world } from './testing/scenes.ts';
import type { TestDevice } from './testing/world.ts';

let tests: TestCalls;
let device: TestDevice;

beforeEach(async () => {
  await createWorld();
  device = await world.device();
  tests = new TestCalls({
    inviter: world.stack,
    media: world.media,
    clock: world.clock,
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    available: (accountId) => world.registrar.availableNow(accountId),
    domain: 'localhost',
    ringTimeoutMs: 30_000,
  });
});
afterEach(async () => {
  tests.close();
  await closeWorld();
});

const now = new AbortController().signal;
const state = () => tests.state(device.id, { seen: undefined, ms: 0, signal: now });
const becomes = async (wanted: TestCallState) => {
  let seen: TestCallState | undefined;
  // Each look is over before time goes on.
  const look = () => void state().then((is) => (seen = is));
  await world.until(`the test call is ${wanted}`, () => {
    look();
    return seen === wanted;
  });
};
const start = () => tests.start('ann', device.id, 'de');
const rings = () => world.until('it rings', () => device.calls.length === 1);

describe('a test call', () => {
  it('rings the softphone, speaks to whoever answers, and hangs up', async () => {
    expect(start()).toBe('calling');
    await rings();
    expect(device.call.request.headers.get('From')).toContain('Ringthrough');
    device.call.progress(180);
    await becomes('ringing');
    device.call.accept({ sdp: fakeSdp('softphone') });
    await becomes('answered');
    expect(JSON.stringify(world.media.legs.at(-1)?.played)).toContain('/prompts/de/phrases/test.wav');
    await becomes('completed');
    await world.until('it is hung up', () => device.call.state === 'terminated');
    expect(world.media.open).toEqual([]);
  });

  it.each([
    [486, 'rejected'],
    [603, 'rejected'],
    [480, 'failed'],
    [503, 'failed'],
  ] as const)('%i is "%s"', async (status, wanted) => {
    start();
    await rings();
    device.call.reject(status);
    await becomes(wanted);
    expect(world.media.open).toEqual([]);
  });

  it('that nobody answers is given up', async () => {
    start();
    await rings();
    device.call.progress(180);
    await becomes('ringing');
    await world.pass(31_000);
    await becomes('no-answer');
    expect(device.call.state).not.toBe('early');
    expect(world.media.open).toEqual([]);
  });

  it('is one at a time', async () => {
    start();
    await rings();
    expect(start()).toBe('calling');
    await world.pass(1_000);
    expect(device.calls).toHaveLength(1);
  });

  it('to a softphone that is not registered fails at once', async () => {
    await world.wait(device.register(0));
    expect(start()).toBe('failed');
    expect(device.calls).toEqual([]);
  });

  it('wakes whoever waits for news', async () => {
    start();
    await rings();
    const news = tests.state(device.id, { seen: 'calling', ms: 20_000, signal: now });
    device.call.progress(180);
    await world.pass(100);
    expect(await news).toBe('ringing');
  });

  it('is hung up when the server stops, and forgotten after a while', async () => {
    start();
    await rings();
    tests.close();
    await world.until('it is cancelled', () => device.call.state !== 'early');
    expect(await state()).toBeUndefined();
    expect(start()).toBe('failed');
  });
});

it('has words in every language', () => {
  const missing = languages.filter(
    (language) => !existsSync(new URL(`../../prompts/${language}/phrases/test.wav`, import.meta.url)),
  );
  expect(missing).toEqual([]);
});
