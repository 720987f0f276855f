import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, connected, createWorld, onlyRow, world } from './testing/scenes.ts';
import type { TestCaller, TestDevice } from './testing/world.ts';

afterEach(closeWorld);

/** A switch that sends no offer; `answer` goes into its ACK. */
async function dialWithoutOffer(answer: string): Promise<{ caller: TestCaller; device: TestDevice }> {
  await createWorld();
  const device = await world.device();
  const caller = world.dial({ sdp: '' });
  caller.session.on('accepted', () => caller.session.ack(answer));
  await world.until('it rings', () => device.calls.length === 1);
  device.call.progress(180);
  await world.until('ringback', () => caller.statuses.includes(180));
  return { caller, device };
}

describe('an INVITE without an offer (RFC 3261 13.2.1)', () => {
  test('our offer is in the 200, the answer in the ACK: then they are bridged', async () => {
    const { caller, device } = await dialWithoutOffer(fakeSdp('trunk'));
    device.answer();
    await world.until('it is bridged', () => world.media.connections.length === 1);
    expect(Buffer.from(caller.final?.body ?? '').toString()).toContain('m=audio');
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'caller-hung-up' });
  });

  test.each([
    ['none at all', ''],
    ['one without a codec of ours', fakeSdp('trunk', '96')],
    ['garbage', 'garbage'],
  ])('the ACK has %s: both sides are hung up, with the cause', async (_title, answer) => {
    const { caller, device } = await dialWithoutOffer(answer);
    device.answer();
    await world.until('the caller is hung up', () => caller.endedBy === 'peer');
    expect(caller.endReason).toBe('Q.850;cause=65;text="Bearer capability not implemented"');
    await world.settled();
    expect(device.reasons).toEqual(['SIP;cause=500;text="Call failed"']);
    expect(await onlyRow()).toMatchObject({
      outcome: 'failed',
      cause: 'no-common-codec',
      answered_device_id: null,
    });
  });

  test('voicemail: the greeting waits for the ACK', async () => {
    await createWorld();
    const caller = world.dial({ sdp: '' });
    let acknowledge = () => {};
    caller.session.on('accepted', () => {
      acknowledge = () => caller.session.ack(fakeSdp('trunk'));
    });
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(1000);
    expect(world.media.legs[0]?.played).toEqual([]);
    acknowledge();
    await world.pass(world.media.greetingMs + 2000);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'voicemail' });
  });

  test('voicemail: a bad answer ends it, and the person has missed a call', async () => {
    await createWorld();
    const caller = world.dial({ sdp: '' });
    caller.session.on('accepted', () => caller.session.ack(fakeSdp('trunk', '96')));
    await world.until('we hang up', () => caller.endedBy === 'peer');
    expect(caller.endReason).toBe('Q.850;cause=65;text="Bearer capability not implemented"');
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed' });
    expect(await world.alerting.voicemails('ann')).toEqual([]);
  });

  test('no ACK ever comes: the call ends after 64*T1', async () => {
    await createWorld();
    const device = await world.device();
    const caller = world.dial({ sdp: '' });
    await world.until('it rings', () => device.calls.length === 1);
    device.answer();
    await world.until('the caller is hung up', () => caller.endedBy === 'peer', 40_000);
    await world.settled();
    expect(device.reasons).toHaveLength(1);
    expect(await onlyRow()).toMatchObject({ cause: 'carrier-lost' });
  });
});

describe('a re-INVITE without an offer', () => {
  test.each(['caller', 'device'] as const)(
    'of the %s: our offer in the 200, its answer in the ACK',
    async (who) => {
      const { caller, devices } = await connected(1);
      const [trunkLeg, deviceLeg] = world.media.connections[0]!;
      const leg = who === 'caller' ? trunkLeg : deviceLeg;
      const before = leg.offersMade;
      const session = who === 'caller' ? caller.session : devices[0].call;
      expect((await world.wait(session.reinvite(''))).status).toBe(200);
      await world.pass(100);
      // Its ACK has no answer, which leaves no session: the call ends with the reason.
      expect(leg.offersMade).toBe(before + 1);
      await world.settled();
      expect(who === 'caller' ? caller.endReason : devices[0].reasons[0]).toContain('cause=488');
    },
  );
});
