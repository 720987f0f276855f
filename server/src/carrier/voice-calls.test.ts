import type { UasSession } from '@ringthrough/sip';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import type { VoiceCall, VoiceCallEnd } from './index.ts';
import { VoiceWorld } from './testing/index.ts';

const number = '+14155550101';
let world: VoiceWorld;

interface Seen {
  events: string[];
  call: VoiceCall;
  end: VoiceCallEnd | undefined;
}

beforeEach(async () => {
  world = await VoiceWorld.create();
});
afterEach(() => world.close());

function place(more: { to?: string; ringTimeoutMs?: number; headers?: Array<[string, string]> } = {}): Seen {
  const events: string[] = [];
  const call = world.calls.call(
    { carrierId: 'c', to: number, ...more },
    {
      ringing: () => events.push('ringing'),
      earlyMedia: () => events.push('early media'),
      answered: () => events.push('answered'),
      key: (key) => events.push(`key ${key}`),
      ended: (end) => {
        events.push(end.why);
        seen.end = end;
      },
    },
  );
  const seen: Seen = { events, call, end: undefined };
  return seen;
}

/** Places a call and gives it to the switch. */
async function atSwitch(more?: Parameters<typeof place>[0]): Promise<Seen & { session: UasSession }> {
  const before = world.invites.length;
  const seen = place(more);
  await world.settle(10);
  const session = world.invites[before];
  if (session === undefined) throw new Error('no INVITE');
  return Object.assign(seen, { session });
}

const answer = (session: UasSession) => session.accept({ sdp: fakeSdp('phone') });

describe('a call of ours', () => {
  it('offers media, tells that it rings, plays when it is answered, and hangs up with a cause', async () => {
    const seen = await atSwitch({ headers: [['X-Why', 'a test']] });
    expect(seen.session.offer).toContain('m=audio');
    expect(seen.session.request.uri).toContain(number);
    expect(seen.session.request.headers.get('X-Why')).toBe('a test');
    expect(await seen.call.play({ silenceMs: 20 })).toBe('stopped');
    seen.session.progress(180);
    seen.session.progress(180);
    await world.settle(10);
    answer(seen.session);
    await world.settle(10);
    expect(seen.events).toEqual(['ringing', 'answered']);
    const playing = seen.call.play({ toneHz: 440, durationMs: 500 });
    await world.settle(600);
    expect(await playing).toBe('ended');
    seen.call.hangUp();
    seen.call.hangUp();
    await world.settle(10);
    expect(seen.end).toEqual({ why: 'hung-up', byUs: true, rang: true, earlyMedia: false, answered: true });
    expect(world.goodbyes).toEqual(['BYE Q.850;cause=16;text="Normal call clearing"']);
    expect(await seen.call.play({ silenceMs: 20 })).toBe('stopped');
  });

  it('hears keys by RFC 4733, and by INFO', async () => {
    const first = await atSwitch();
    answer(first.session);
    await world.settle(10);
    world.media.legs[0]?.emit('dtmf', { key: '7', durationMs: 100 });
    const second = await atSwitch();
    answer(second.session);
    await world.settle(10);
    const pressed = second.session.sendRequest('INFO', {
      contentType: 'application/dtmf-relay',
      body: 'Signal=5\r\nDuration=160\r\n',
    });
    await world.settle(10);
    expect((await pressed).status).toBe(200);
    expect(first.events).toEqual(['answered', 'key 7']);
    expect(second.events).toEqual(['answered', 'key 5']);
  });

  it('takes a key that is sent both ways once', async () => {
    const { session, events } = await atSwitch();
    answer(session);
    await world.settle(10);
    for (const key of ['1', '1']) {
      world.media.legs[0]?.emit('dtmf', { key, durationMs: 100 });
      void session.sendRequest('INFO', { contentType: 'application/dtmf', body: key });
      await world.settle(50);
    }
    expect(events).toEqual(['answered', 'key 1', 'key 1']);
  });

  it('tells early media once, and is answered with the description that came before', async () => {
    const { session, events } = await atSwitch();
    session.progress(183, { body: fakeSdp('announcement'), contentType: 'application/sdp' });
    session.progress(183, { body: fakeSdp('announcement'), contentType: 'application/sdp' });
    await world.settle(10);
    expect(events).toEqual(['early media']);
    answer(session);
    await world.settle(10);
    expect(events).toEqual(['early media', 'answered']);
  });

  it.each([
    [486, 'Q.850;cause=17', { status: 486, q850: 17 }],
    [480, 'Q.850;cause=20;text="Subscriber absent"', { status: 480, q850: 20 }],
    [603, undefined, { status: 603 }],
  ])('tells who refuses with %s, and why', async (status, reason, expected) => {
    const seen = await atSwitch();
    seen.session.reject(status, reason === undefined ? {} : { headers: [['Reason', reason]] });
    await world.settle(10);
    expect(seen.end).toMatchObject({ why: 'refused', rang: false, answered: false, ...expected });
    expect(seen.end?.q850).toBe('q850' in expected ? expected.q850 : undefined);
  });

  it('is given up when nobody answers in time', async () => {
    const seen = await atSwitch({ ringTimeoutMs: 20_000 });
    seen.session.progress(180);
    await world.settle(19_000);
    expect(seen.events).toEqual(['ringing']);
    await world.settle(1_100);
    expect(seen.end).toMatchObject({ why: 'no-answer', rang: true });
    expect(world.goodbyes[0]).toContain('CANCEL');
  });

  it('is given up with the reason of its owner', async () => {
    const seen = await atSwitch();
    seen.call.hangUp('SIP;cause=200;text="Call completed elsewhere"');
    await world.settle(10);
    expect(seen.end).toMatchObject({ why: 'given-up' });
    expect(world.goodbyes).toEqual(['CANCEL SIP;cause=200;text="Call completed elsewhere"']);
  });

  it('is hung up when its answer crosses the CANCEL', async () => {
    const seen = await atSwitch();
    answer(seen.session);
    seen.call.hangUp();
    await world.settle(40_000);
    expect(seen.events).toEqual(['given-up']);
    expect(world.goodbyes).toHaveLength(1);
    expect(world.goodbyes[0]).toContain('BYE');
  });

  it('ends when the callee hangs up, when nothing is heard, and when it lasts too long', async () => {
    const left = await atSwitch();
    answer(left.session);
    await world.settle(10);
    const playing = left.call.play({ silenceMs: 60_000 });
    left.session.bye();
    await world.settle(10);
    expect(left.end).toMatchObject({ why: 'hung-up', byUs: false });
    expect(await playing).toBe('stopped');

    const silent = await atSwitch();
    answer(silent.session);
    await world.settle(10);
    world.media.open[0]?.emit('silent');
    await world.settle(10);
    expect(silent.end).toMatchObject({ why: 'lost', answered: true });

    const long = await atSwitch();
    answer(long.session);
    await world.settle(119_000);
    expect(long.end).toBeUndefined();
    await world.settle(1_100);
    expect(long.end).toMatchObject({ why: 'hung-up', byUs: true });
  });

  it.each([
    ['no description', ''],
    ['no codec of ours', fakeSdp('phone', '18')],
  ])('hangs up on an answer with %s', async (_, sdp) => {
    const seen = await atSwitch();
    seen.session.accept({ sdp });
    await world.settle(10);
    expect(seen.events).toEqual(['no-media']);
    expect(world.goodbyes).toEqual(['BYE Q.850;cause=65;text="Bearer capability not implemented"']);
  });

  it('is not placed when no port is free, when no trunk takes it, and beyond the number of calls', async () => {
    world.media.portsFree = 0;
    const portless = place();
    await world.settle(10);
    expect(portless.end).toMatchObject({ why: 'not-placed' });
    world.media.portsFree = 100;

    const one = await atSwitch();
    await atSwitch();
    expect(world.calls.hasRoom).toBe(false);
    const third = place();
    expect(third.events).toEqual([]);
    await world.settle(10);
    expect(third.end).toMatchObject({ why: 'not-placed' });
    expect(world.invites).toHaveLength(2);

    one.session.reject(503);
    await world.settle(10);
    expect(one.end).toMatchObject({ why: 'not-placed' });
    expect(world.calls.hasRoom).toBe(true);
  });

  it('is not placed to a number whose owner is paid for it', async () => {
    const dear = place({ to: '+19005551234' });
    await world.settle(10);
    expect(dear.end).toMatchObject({ why: 'not-placed' });
    expect(world.invites).toHaveLength(0);
  });

  it('is hung up before its INVITE is sent', async () => {
    const seen = place();
    seen.call.hangUp();
    await world.settle(1_000);
    expect(seen.events).toEqual(['given-up']);
    expect(world.invites).toEqual([]);
  });

  it('ends with all others when the system stops, and no further one is placed', async () => {
    const ringing = await atSwitch();
    const talking = await atSwitch();
    answer(talking.session);
    await world.settle(10);
    await world.calls.close();
    await world.settle(10);
    expect([ringing.end?.why, talking.end?.why]).toEqual(['given-up', 'hung-up']);
    const late = place();
    await world.settle(10);
    expect(late.end).toMatchObject({ why: 'not-placed' });
  });
});
