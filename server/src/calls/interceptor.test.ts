import { afterEach, describe, expect, test } from 'vitest';
import type { Interception, SpecialCall } from './index.ts';
import { closeWorld, createWorld, world } from './testing/scenes.ts';
import { numbers } from './testing/world.ts';

afterEach(closeWorld);

const service = '+14155559001';
const taken: Interception = { status: 603, reason: 'Q.850;cause=21;text="Call rejected"' };

/** Takes what `when` says, and keeps every call that it was shown. */
async function intercepting(
  when: (call: SpecialCall) => Interception | undefined | Promise<Interception | undefined>,
): Promise<SpecialCall[]> {
  await createWorld();
  const shown: SpecialCall[] = [];
  world.interceptors.push((call) => {
    shown.push(call);
    return when(call);
  });
  return shown;
}

describe('a call for the system itself', () => {
  test('is refused as it says: no device rings, nothing is recorded, the log has no number', async () => {
    const shown = await intercepting(({ dialled }) => (dialled.includes(service) ? taken : undefined));
    const device = await world.device();
    const caller = await world.dialAndFail({ uri: `sip:${service}@10.0.0.1`, headers: [] });
    expect(caller.final?.status).toBe(603);
    expect(caller.final?.headers.get('Reason')).toBe(taken.reason);
    expect(device.calls).toEqual([]);
    expect(await world.rows()).toEqual([]);
    expect(shown[0]).toMatchObject({ carrierId: 'lab-gsm', diverted: false });
    expect(shown[0]?.dialled).toContain(service);
    expect(world.logLines.join('')).not.toContain(service.slice(1));
    await world.settled();
  });

  test('comes before the guard against loops, and before the numbers of people', async () => {
    const shown = await intercepting(({ arrival }) => (arrival.calling === numbers.c ? taken : undefined));
    const device = await world.device();
    const headers: Array<[string, string]> = [
      ['From', `<sip:${numbers.c}@c>`],
      ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`],
    ];
    expect((await world.dialAndFail({ headers })).final?.status).toBe(603);
    expect(shown[0]).toMatchObject({ diverted: true });
    expect(shown[0]?.arrival.called).toEqual([{ number: numbers.person, reason: 'unreachable' }]);
    expect(device.calls).toEqual([]);
    expect(await world.rows()).toEqual([]);
  });

  test.each([
    ['Diversion', `<sip:${numbers.nobody}@c>;reason=user-busy`],
    ['History-Info', `<sip:${numbers.nobody}@c>;index=1, <sip:${numbers.c}@c;cause=302>;index=1.1;mp=1`],
  ])('is said to be diverted by %s', async (name, value) => {
    const shown = await intercepting(() => taken);
    await world.dialAndFail({ uri: `sip:${service}@10.0.0.1`, headers: [[name, value]] });
    expect(shown[0]?.diverted).toBe(true);
  });

  test('of strangers and devices is not shown', async () => {
    const shown = await intercepting(() => taken);
    const device = await world.device();
    device.echo();
    await world.until('the echo is answered', () => world.media.legs.length > 0);
    expect(shown).toEqual([]);
  });
});

describe('a call that is held until it can be told', () => {
  test('rings like any other when it turns out to be a person’s', async () => {
    let tell: (verdict: Interception | undefined) => void = () => {};
    await intercepting(() => new Promise((resolve) => (tell = resolve)));
    const device = await world.device();
    const caller = world.dial();
    await world.pass(1_000);
    expect(device.calls).toEqual([]);
    expect(caller.statuses).toEqual([]);
    tell(undefined);
    await world.until('the device rings', () => device.calls.length === 1);
    caller.session.cancel();
    await world.settled();
  });

  test('is over when the switch takes it back meanwhile', async () => {
    let tell: (verdict: Interception | undefined) => void = () => {};
    const shown = await intercepting(() => new Promise((resolve) => (tell = resolve)));
    const device = await world.device();
    const caller = world.dial();
    await world.pass(500);
    expect(shown[0]?.gone.aborted).toBe(false);
    caller.session.cancel();
    await world.until('the switch has taken it back', () => shown[0]?.gone.aborted === true);
    tell(taken);
    await world.settled();
    expect(caller.final?.status).toBe(487);
    expect(device.calls).toEqual([]);
    expect(await world.rows()).toEqual([]);
  });
});
