import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, connected, createWorld, onlyRow, rawDevice, world } from './testing/scenes.ts';

afterEach(closeWorld);

const hold = (name: string) => fakeSdp(name, '0 8', 'sendonly');

describe('hold and resume', () => {
  test.each(['caller', 'device'] as const)('the %s holds by re-INVITE and resumes', async (who) => {
    const { caller, devices } = await connected(1);
    const session = who === 'caller' ? caller.session : devices[0].call;
    const leg = world.media.connections[0]![who === 'caller' ? 0 : 1];
    expect((await world.wait(session.reinvite(hold(who)))).status).toBe(200);
    // Whoever holds may be silent for as long as it likes.
    leg.emit('silent');
    await world.pass(100);
    expect(world.calls.active()[0]?.state).toBe('connected');
    expect((await world.wait(session.reinvite(fakeSdp(who)))).status).toBe(200);
    expect(leg.offersTaken).toBe(who === 'caller' ? 3 : 2);
    leg.emit('silent');
    await world.settled();
    expect(caller.endReason).toContain('cause=102');
    expect(await onlyRow()).toMatchObject({ cause: 'media-silent' });
  });

  test.each(['caller', 'device'] as const)('the %s holds by UPDATE (RFC 3311)', async (who) => {
    const { caller, devices } = await connected(1);
    const session = who === 'caller' ? caller.session : devices[0].call;
    const leg = world.media.connections[0]![who === 'caller' ? 0 : 1];
    const update = (sdp: string) => world.wait(session.sendRequest('UPDATE', { body: sdp }));
    const held = await update(hold(who));
    expect([held.status, Buffer.from(held.body).toString()]).toEqual([
      200,
      expect.stringContaining('m=audio'),
    ]);
    leg.emit('silent');
    await world.pass(100);
    expect(world.calls.active()[0]?.state).toBe('connected');
    expect((await update(fakeSdp(who))).status).toBe(200);
    // One that only asks whether we are there changes nothing.
    expect((await world.wait(session.sendRequest('UPDATE'))).status).toBe(200);
    expect((await update(fakeSdp(who, '96'))).status).toBe(488);
    expect(world.calls.active()[0]?.state).toBe('connected');
    caller.session.bye();
    await world.settled();
  });

  test('both hold at once, and one of them resumes: the other is still on hold', async () => {
    const { caller, devices } = await connected(1);
    const [trunkLeg, deviceLeg] = world.media.connections[0]!;
    await world.wait(
      Promise.all([caller.session.reinvite(hold('trunk')), devices[0].call.reinvite(hold('device'))]),
    );
    await world.wait(caller.session.reinvite(fakeSdp('trunk')));
    deviceLeg.emit('silent');
    await world.pass(100);
    expect(world.calls.active()[0]?.state).toBe('connected');
    trunkLeg.emit('silent');
    await world.settled();
    expect(caller.endReason).toContain('cause=102');
  });
});

describe('re-INVITEs that meet', () => {
  test('of both sides in the same millisecond: each is answered by the media of its own leg', async () => {
    const { caller, devices } = await connected(1);
    const answers = await world.wait(
      Promise.all([caller.session.reinvite(fakeSdp('trunk')), devices[0].call.reinvite(fakeSdp('device'))]),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(world.calls.active()[0]?.state).toBe('connected');
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'caller-hung-up' });
  });

  test('491 glare: our refresh of the session and a hold of the device cross; both are done in the end', async () => {
    await createWorld();
    const device = await rawDevice();
    const caller = world.dial();
    await world.until('it was asked', () => device.received.length > 0);
    const invite = device.lastRequest('INVITE');
    const tag = `${invite.headers.get('To')};tag=d`;
    // A telephone that knows session timers, leaves the refreshing to us, and takes no UPDATE.
    const timer = {
      Require: 'timer',
      'Session-Expires': '90;refresher=uac',
      Allow: 'INVITE, ACK, BYE, CANCEL',
    };
    device.respond(invite, 200, { To: tag, ...timer }, fakeSdp('device'));
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    const reinvites = () =>
      device.received.filter((one) => 'method' in one && one.method === 'INVITE' && one !== invite);
    await world.until('we refresh', () => reinvites().length === 1, 50_000);
    const ours = device.lastRequest('INVITE');
    // Its own re-INVITE leaves before it has seen ours.
    const theirs = device.request(
      'INVITE',
      {
        From: tag,
        To: invite.headers.get('From') ?? '',
        'Call-ID': invite.headers.get('Call-ID') ?? '',
        CSeq: '1 INVITE',
      },
      hold('device'),
    );
    device.send(theirs);
    device.respond(ours, 491);
    await world.until('ours is refused to it, too', () => device.news().includes('491 INVITE'));
    const ack = device.request('ACK', {
      From: tag,
      To: theirs.headers.get('To') ?? '',
      'Call-ID': theirs.headers.get('Call-ID') ?? '',
      CSeq: '1 ACK',
    });
    device.send(ack);
    // RFC 3261 14.1: the owner of the Call-ID, which is us, waits longer: 2.1 to 4 s.
    await world.pass(2000);
    expect(reinvites()).toHaveLength(1);
    const again = device.request(
      'INVITE',
      {
        Via: 'SIP/2.0/UDP 10.0.2.1:5060;branch=z9hG4bKagain;rport',
        From: tag,
        To: invite.headers.get('From') ?? '',
        'Call-ID': invite.headers.get('Call-ID') ?? '',
        CSeq: '2 INVITE',
      },
      hold('device'),
    );
    device.send(again);
    await world.until('its hold is taken', () => device.news().includes('200 INVITE'));
    device.send(
      device.request('ACK', {
        Via: 'SIP/2.0/UDP 10.0.2.1:5060;branch=z9hG4bKack2;rport',
        From: tag,
        To: invite.headers.get('From') ?? '',
        'Call-ID': invite.headers.get('Call-ID') ?? '',
        CSeq: '2 ACK',
      }),
    );
    await world.until('ours comes again', () => reinvites().length === 2, 10_000);
    const second = device.lastRequest('INVITE');
    device.respond(second, 200, timer, fakeSdp('device'));
    await world.until('it is acknowledged', () => device.news().includes('ACK'));
    expect(world.calls.active()[0]?.state).toBe('connected');
    caller.session.bye();
    await world.until('it is hung up', () => device.news().includes('BYE'));
    device.respond(device.lastRequest('BYE'), 200);
    await world.settled();
    await device.close();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'caller-hung-up' });
  });
});

describe('R-END: a device that answers and is never heard again', () => {
  test('its media is silent: both sides end, though it answers no BYE', async () => {
    const { caller, devices } = await connected(1);
    world.network.cut(devices[0].host);
    world.media.connections[0]?.[1].emit('silent');
    await world.until('the caller is let go', () => caller.endedBy === 'peer', 1000);
    expect(caller.endReason).toBe('Q.850;cause=102;text="Recovery on timer expiry"');
    await world.settled();
    expect(await onlyRow()).toMatchObject({
      outcome: 'answered',
      cause: 'media-silent',
      answered_device_id: 'device1',
    });
    world.network.mend(devices[0].host);
  });

  test('not even its audio came to be: the caller hears voicemail, not silence', async () => {
    await createWorld();
    const device = await rawDevice();
    const caller = world.dial();
    await world.until('it was asked', () => device.received.length > 0);
    const invite = device.lastRequest('INVITE');
    device.respond(invite, 200, { To: `${invite.headers.get('To')};tag=d` });
    await world.until('voicemail answers', () => caller.final?.status === 200, 6_000);
    await device.close();
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'failed' });
  });
});

describe('the service closes', () => {
  test('and takes with it what is no call yet: an audio test, and a call that is being looked up', async () => {
    await createWorld();
    const device = await world.device();
    const echo = device.echo();
    await world.until('it echoes', () => world.media.legs[0]?.echoing === true);
    const caller = world.dial();
    let rang = false;
    caller.session.on('provisional', () => {
      rang = true;
    });
    await world.wait(world.calls.close());
    // Nothing that it has begun is under way when it says so.
    expect(world.media.open).toEqual([]);
    await world.until('the test is hung up', () => echo.state === 'terminated');
    await world.until('the caller is refused', () => (caller.final?.status ?? 0) >= 300);
    expect(rang).toBe(false);
    await world.settled();
  });
});
