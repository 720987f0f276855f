import { afterEach, describe, expect, test } from 'vitest';
import { closeWorld, createWorld, onlyRow, world } from './testing/scenes.ts';
import type { TestCaller, TestDevice } from './testing/world.ts';

afterEach(closeWorld);

describe('a browser', () => {
  test('whose tab is closed while it rings, and opened again, rings again and may answer', async () => {
    await createWorld();
    const tab = await world.device({ webSocket: true });
    const caller = world.dial();
    await world.until('it rings', () => tab.calls.length === 1);
    tab.call.progress(180);
    await world.until('ringback', () => caller.statuses.includes(180));
    tab.flow?.close();
    await world.pass(3000);
    expect(world.calls.active()[0]?.state).toBe('ringing');
    expect(world.registrar.availableNow('ann')).toEqual([]);
    world.connect(tab);
    await world.wait(tab.register());
    await world.until('it rings again', () => tab.calls.length === 2);
    tab.answer();
    await world.until('the caller is answered', () => caller.final?.status === 200);
    expect(world.media.connections[0]?.[1].kind).toBe('webrtc');
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', client_codec: 'opus' });
  });

  test('that does not come back leaves the caller to voicemail, before the ring time is over', async () => {
    await createWorld();
    const tab = await world.device({ webSocket: true });
    const caller = world.dial();
    await world.until('it rings', () => tab.calls.length === 1);
    tab.flow?.close();
    await world.until('voicemail answers', () => caller.final?.status === 200, 9_000);
    caller.session.bye();
    await world.settled();
    expect(world.sms).toHaveLength(1);
  });

  test('that loses its signalling in the conversation is let go after a while', async () => {
    await createWorld();
    const tab = await world.device({ webSocket: true });
    const caller = world.dial();
    await world.until('it rings', () => tab.calls.length === 1);
    tab.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    tab.flow?.close();
    await world.pass(10_000);
    expect(world.calls.active()[0]?.state).toBe('connected');
    await world.pass(6_000);
    await world.settled();
    expect(caller.endReason).toContain('cause=27');
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'device-lost' });
  });

  /** A conversation of one browser page. */
  async function talking(): Promise<{ tab: TestDevice; caller: TestCaller }> {
    await createWorld();
    const tab = await world.device({ webSocket: true });
    tab.samePage = true;
    const caller = world.dial();
    await world.until('it rings', () => tab.calls.length === 1);
    tab.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    return { tab, caller };
  }

  /** The page connects and registers anew; JsSIP keeps the dialog and says nothing in it. */
  async function comesBack(tab: TestDevice): Promise<void> {
    world.connect(tab);
    await world.wait(tab.register());
    tab.call.moveTo({ flow: tab.flow! });
  }

  test('whose connection broke and came back keeps its conversation, and hears when the caller hangs up', async () => {
    const { tab, caller } = await talking();
    tab.flow?.close();
    await world.pass(2_000);
    await comesBack(tab);
    await world.pass(60_000);
    expect(world.calls.active()[0]?.state).toBe('connected');
    expect(tab.calls).toHaveLength(1);
    caller.session.bye();
    await world.settled();
    expect(tab.reasons).toEqual(['Q.850;cause=16;text="Normal call clearing"']);
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'caller-hung-up' });
  });

  test('that comes back again and again keeps it, also before the old connection is known to be dead', async () => {
    const { tab, caller } = await talking();
    for (const early of [true, false, true]) {
      const old = tab.flow;
      if (early) await comesBack(tab);
      old?.close();
      await world.pass(10_000);
      if (!early) await comesBack(tab);
    }
    await world.pass(60_000);
    expect(caller.endedBy).toBeUndefined();
    tab.call.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'device-hung-up' });
  });

  test('that was loaded anew has lost its conversation: the caller is let go', async () => {
    const { tab, caller } = await talking();
    tab.flow?.close();
    tab.samePage = false;
    await world.pass(2_000);
    world.connect(tab);
    await world.wait(tab.register());
    await world.until('the caller is let go', () => caller.endedBy !== undefined);
    await world.settled();
    expect(caller.endReason).toContain('cause=27');
  });
});
