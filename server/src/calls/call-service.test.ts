import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from './testing/fake-media.ts';
import { CallWorld, numbers, type TestCaller, type TestDevice } from './testing/world.ts';

let world: CallWorld;
afterEach(async () => world.close());

/** A caller who hears ringback, and devices that ring. */
async function ringing(count: number, options = {}): Promise<{ caller: TestCaller; devices: TestDevice[] }> {
  world = await CallWorld.create(options);
  const devices: TestDevice[] = [];
  for (let n = 0; n < count; n += 1) devices.push(await world.device());
  const caller = world.dial();
  await world.until('all ring', () => devices.every((device) => device.calls.length === 1));
  for (const device of devices) device.call.progress(180);
  await world.until('ringback', () => caller.statuses.includes(180));
  return { caller, devices };
}

async function connected(
  count: number,
): Promise<{ caller: TestCaller; devices: [TestDevice, ...TestDevice[]] }> {
  const { caller, devices } = await ringing(count);
  devices[0]?.answer();
  await world.until('the caller is answered', () => caller.final !== undefined);
  await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
  return { caller, devices: devices as [TestDevice, ...TestDevice[]] };
}

const onlyRow = async () => {
  // Records are written together, a moment later.
  await world.pass(40);
  const rows = await world.rows();
  expect(rows).toHaveLength(1);
  return rows[0];
};

describe('a call from the trunk to devices', () => {
  test('all ring, the first one gets it, the others are told so; the caller hangs up', async () => {
    const { caller, devices } = await connected(3);
    expect(caller.statuses).toEqual([180, 200]);
    await world.until('the others stop', () =>
      devices.slice(1).every((device) => device.reasons.length === 1),
    );
    expect(devices[1]?.reasons).toEqual(['SIP;cause=200;text="Call completed elsewhere"']);
    expect(world.media.connections).toHaveLength(1);
    await world.pass(5000);
    caller.session.bye();
    await world.settled();
    expect(devices[0].reasons).toEqual(['Q.850;cause=16;text="Normal call clearing"']);
    const row = await onlyRow();
    expect(row).toMatchObject({
      account_id: 'ann',
      called: numbers.person,
      calling: numbers.caller,
      reason: 'unreachable',
      carrier_id: 'lab-gsm',
      outcome: 'answered',
      cause: 'caller-hung-up',
      answered_device_id: 'device1',
      trunk_codec: 'PCMU',
      client_codec: 'PCMU',
    });
    expect((row?.ended_at ?? 0) - (row?.answered_at ?? 0)).toBeGreaterThanOrEqual(5000);
    const [entry] = await world.calls.history('ann', { limit: 10 });
    expect(entry?.device).toEqual({ id: 'device1', name: 'device1' });
    expect(entry?.quality?.client?.packetsLost).toBe(1);
  });

  test('the device sees who calls and which number was called', async () => {
    const { devices } = await ringing(1);
    const { headers, uri } = devices[0]!.call.request;
    expect(uri).toBe('sip:d1@10.0.2.1:5060');
    expect(headers.get('From')).toContain(`sip:${numbers.caller}@localhost`);
    expect(headers.get('P-Called-Party-ID')).toBe(`<sip:${numbers.person}@localhost>`);
    expect(headers.get('Max-Forwards')).toBe('69');
    devices[0]?.call.reject(486);
  });

  test.each([
    ['RFC 3325 7: P-Asserted-Identity with Privacy: id', ['Privacy', 'id']],
    ['RFC 3323: an anonymous From', ['From', '"Anonymous" <sip:anonymous@anonymous.invalid>']],
  ] as const)('%s: devices and records see an anonymous caller', async (_title, [name, value]) => {
    world = await CallWorld.create();
    const device = await world.device();
    const caller = world.dial({
      headers: [
        ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`],
        ['P-Asserted-Identity', `<sip:${numbers.caller}@c>`],
        [name, value],
      ],
    });
    await world.until('it rings', () => device.calls.length === 1);
    const { headers } = device.call.request;
    expect(headers.get('From')).toContain('"Anonymous" <sip:anonymous@anonymous.invalid>');
    expect(headers.has('P-Asserted-Identity')).toBe(false);
    expect([...headers.entries()].join('\n')).not.toContain(numbers.caller);
    caller.session.cancel();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ calling: null });
  });

  test('RFC 3325 9.1: the device is told what the carrier asserts, and only that', async () => {
    world = await CallWorld.create();
    const device = await world.device();
    const diversion: [string, string] = ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`];
    for (const asserted of [true, false]) {
      const identity: Array<[string, string]> = [['P-Asserted-Identity', '<tel:+14155550142>']];
      const caller = world.dial({ headers: [diversion, ...(asserted ? identity : [])] });
      await world.until('it rings', () => device.calls.length === (asserted ? 1 : 2));
      const value = device.call.request.headers.get('P-Asserted-Identity');
      expect(value).toBe(asserted ? '<sip:+14155550142@localhost>' : undefined);
      caller.session.cancel();
      await world.settled();
    }
  });

  test('RFC 3262: a switch that requires it hears the ringing reliably', async () => {
    world = await CallWorld.create();
    const device = await world.device();
    const from = await world.newStack('10.0.1.1', 5071, { reliableProvisional: 'required' });
    const caller = world.dial({
      from,
      headers: [
        ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`],
        ['Require', '100rel'],
      ],
    });
    const reliable: unknown[] = [];
    caller.session.on('provisional', ({ headers }) => reliable.push(headers.getAll('Require')));
    await world.until('it rings', () => device.calls.length === 1);
    device.call.progress(180);
    // Longer than an unacknowledged one would live.
    await world.pass(25_000);
    expect([caller.statuses, reliable]).toEqual([[180], [['100rel']]]);
    device.answer();
    await world.until('the caller is answered', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
  });

  test('RFC 3262: a device that answers in a reliable 183 and says nothing in its 200 is connected', async () => {
    world = await CallWorld.create();
    const device = await world.device({ stack: { reliableProvisional: 'supported' } });
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    expect(device.call.request.headers.getAll('Supported')).toContain('100rel');
    device.call.progress(183, { body: fakeSdp(device.id) });
    await world.until('ringback', () => caller.statuses.includes(180));
    device.call.accept({ sdp: '' });
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', client_codec: 'PCMU' });
  });

  test('RFC 4028: a trunk that stops refreshing its call is gone, and the device is hung up', async () => {
    world = await CallWorld.create();
    const device = await world.device();
    const caller = world.dial({
      headers: [
        ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`],
        ['Supported', 'timer'],
        ['Session-Expires', '90;refresher=uac'],
      ],
    });
    await world.until('it rings', () => device.calls.length === 1);
    device.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    expect(caller.final?.headers.get('Session-Expires')).toBe('90;refresher=uac');
    await world.pass(59_000);
    expect(world.calls.active()[0]?.state).toBe('connected');
    await world.pass(2_000);
    await world.settled();
    expect(caller.endReason).toBe('SIP;cause=408;text="Session timer expired"');
    expect(device.reasons).toEqual(['Q.850;cause=16;text="Normal call clearing"']);
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'carrier-lost' });
  });

  test('the device hangs up: the caller is told', async () => {
    const { caller, devices } = await connected(1);
    devices[0].call.bye();
    await world.settled();
    expect(caller.endedBy).toBe('peer');
    expect(caller.endReason).toBe('Q.850;cause=16;text="Normal call clearing"');
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'device-hung-up' });
  });

  test('two answers in the same instant: one is connected, the other is hung up', async () => {
    const { caller, devices } = await ringing(2);
    for (const device of devices) device.answer();
    await world.until('the caller is answered', () => caller.final !== undefined);
    await world.until('one is hung up', () => devices.some((device) => device.reasons.length === 1));
    expect(devices.flatMap((device) => device.reasons)).toEqual([
      'SIP;cause=200;text="Call completed elsewhere"',
    ]);
    expect(world.media.connections).toHaveLength(1);
    caller.session.bye();
    await world.settled();
  });

  test('busy on one device rings the others on; a decline for all goes to voicemail', async () => {
    const { caller, devices } = await ringing(3);
    devices[0]?.call.reject(486);
    await world.pass(1000);
    expect(world.calls.active()[0]?.state).toBe('ringing');
    devices[1]?.call.reject(603);
    await world.until('voicemail answers', () => caller.final?.status === 200);
    expect(devices[2]?.reasons).toEqual(['SIP;cause=603;text="Declined"']);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'declined', cause: 'declined' });
  });

  test('nobody answers in time: the devices stop, voicemail answers', async () => {
    const { caller, devices } = await ringing(1);
    await world.until('voicemail answers', () => caller.final?.status === 200, 31_000);
    expect(devices[0]?.reasons).toEqual(['SIP;cause=480;text="No answer"']);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'timeout' });
  });

  test('a device that registers while it rings joins, and may answer', async () => {
    world = await CallWorld.create();
    const first = await world.device();
    const late = await world.device({ register: false });
    const caller = world.dial();
    await world.until('the first rings', () => first.calls.length === 1);
    await world.wait(late.register());
    await world.until('the late one rings', () => late.calls.length === 1);
    await world.wait(late.register());
    expect(late.calls).toHaveLength(1);
    late.answer();
    await world.until('the caller is answered', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ answered_device_id: 'device2' });
  });

  test('an answer without usable media goes to voicemail', async () => {
    const { caller, devices } = await ringing(1);
    devices[0]?.call.accept({ sdp: fakeSdp('bad', '96') });
    await world.until('voicemail answers', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ cause: 'failed', answered_device_id: null });
  });
});

test('a softphone that died without a word: voicemail after some seconds, not after the ring time', async () => {
  world = await CallWorld.create();
  const device = await world.device();
  await world.wait(device.stack.close());
  const caller = world.dial();
  await world.until('voicemail answers', () => caller.final?.status === 200, 11_000);
  caller.session.bye();
  await world.settled();
  expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'nobody' });
});

describe('a browser', () => {
  test('whose tab is closed while it rings, and opened again, rings again and may answer', async () => {
    world = await CallWorld.create();
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
    world = await CallWorld.create();
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
    world = await CallWorld.create();
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
    world = await CallWorld.create();
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

describe('the caller gives up', () => {
  test('before anything rings', async () => {
    world = await CallWorld.create();
    const device = await world.device();
    const caller = world.dial();
    await world.until('it rings', () => device.calls.length === 1);
    caller.session.cancel();
    await world.settled();
    expect(caller.final?.status).toBe(487);
    expect(device.reasons).toEqual(['SIP;cause=487;text="Originator cancelled"']);
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'caller-cancelled' });
  });

  test('after ringback', async () => {
    const { caller, devices } = await ringing(2);
    caller.session.cancel();
    await world.settled();
    expect(devices.map((device) => device.reasons)).toEqual([
      ['SIP;cause=487;text="Originator cancelled"'],
      ['SIP;cause=487;text="Originator cancelled"'],
    ]);
    expect(world.sms).toEqual([]);
  });

  test('when a device answers in the same instant', async () => {
    const { caller, devices } = await ringing(1);
    caller.session.cancel();
    devices[0]?.answer();
    await world.settled();
    expect(devices[0]?.reasons).toHaveLength(1);
    const row = await onlyRow();
    expect(['missed', 'answered']).toContain(row?.outcome);
    expect(row?.answered_device_id === null).toBe(row?.outcome === 'missed');
  });

  test('when no device is there any more, an SMS tells the person', async () => {
    const { caller, devices } = await ringing(1);
    await world.wait(devices[0]!.register(0));
    await world.until('voicemail answers', () => caller.final?.status === 200);
    caller.session.bye();
    await world.settled();
    expect(world.sms).toEqual([{ to: numbers.person, text: `You missed a call from ${numbers.caller}.` }]);
  });
});

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
    world = await CallWorld.create();
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

describe('refusals', () => {
  test('R-UNKNOWN: a number that nobody linked', async () => {
    world = await CallWorld.create();
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
    world = await CallWorld.create();
    expect((await world.dialAndFail({ headers: [] })).final?.status).toBe(404);
  });

  test('a stranger gets no answer at all', async () => {
    world = await CallWorld.create();
    const stranger = await world.newStack('10.9.9.9');
    world.network.tracing = true;
    const caller = world.dial({ from: stranger });
    await world.until('the stranger gives up', () => caller.final?.status === 408, 40_000);
    const toStranger = world.network.trace.filter((packet) => packet.to.host === '10.9.9.9');
    expect(toStranger).toEqual([]);
    expect(world.stack.stats().serverTransactions).toBe(0);
  });

  test('too many hops', async () => {
    world = await CallWorld.create();
    const caller = await world.dialAndFail({
      headers: [
        ['Max-Forwards', '0'],
        ['Diversion', `<sip:${numbers.person}@c>`],
      ],
    });
    expect(caller.final?.status).toBe(483);
  });

  test('no codec in common: refused before anything rings', async () => {
    world = await CallWorld.create();
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
    world = await CallWorld.create();
    world.media.portsFree = 0;
    const caller = await world.dialAndFail();
    expect(caller.final?.status).toBe(503);
    expect(caller.final?.headers.get('Reason')).toContain('cause=34');
  });
});

describe('the echo call', () => {
  test('a registered device hears itself, after digest', async () => {
    world = await CallWorld.create();
    const device = await world.device();
    const session = device.echo();
    await world.until('it is answered', () => session.state === 'accepted');
    await world.until('it echoes', () => world.media.legs[0]?.echoing === true);
    session.bye();
    await world.settled();
  });

  test('one for each device, and not for ever: tests do not take the places of calls', async () => {
    world = await CallWorld.create();
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
    world = await CallWorld.create();
    const device = await world.device();
    const session = device.echo('wrong');
    const statuses: number[] = [];
    session.on('rejected', ({ status }) => statuses.push(status));
    await world.until('it is refused', () => session.state === 'terminated');
    expect(statuses).toEqual([407]);
    expect(world.media.legs).toEqual([]);
  });
});

describe('voicemail', () => {
  test('no device: greeting, beep, message, SMS; recorded before it is announced', async () => {
    world = await CallWorld.create();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    caller.session.bye();
    await world.settled();
    const [leg] = world.media.legs;
    expect(leg?.played.map((source) => ('file' in source ? 'greeting' : source.toneHz))).toEqual([
      'greeting',
      1000,
    ]);
    const [message] = await world.alerting.voicemails('ann');
    expect(message).toMatchObject({ number: numbers.person, calling: numbers.caller, durationMs: 2500 });
    expect(await onlyRow()).toMatchObject({ outcome: 'voicemail', cause: 'nobody' });
    expect(world.sms).toEqual([{ to: numbers.person, text: `You have a message from ${numbers.caller}.` }]);
    expect(world.events.at(-1)).toBe('voicemail.stored');
  });

  test('a caller who says nothing has only missed the person', async () => {
    world = await CallWorld.create();
    world.media.voiceMs = 100;
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    caller.session.bye();
    await world.settled();
    expect(await world.alerting.voicemails('ann')).toEqual([]);
    expect(await onlyRow()).toMatchObject({ outcome: 'missed' });
    expect(world.sms).toEqual([{ to: numbers.person, text: `You missed a call from ${numbers.caller}.` }]);
  });

  test('"#" ends the message and we hang up', async () => {
    world = await CallWorld.create();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    world.media.legs[0]?.emit('dtmf', { key: '#', durationMs: 100 });
    await world.settled();
    expect(caller.endedBy).toBe('peer');
    expect(await world.alerting.voicemails('ann')).toHaveLength(1);
  });

  test('a disk that fails: the caller is let go, the call is recorded as failed, the person hears of it', async () => {
    world = await CallWorld.create();
    await rm(join(world.dataDir, 'voicemail'), { recursive: true });
    const caller = world.dial();
    await world.until('we hang up', () => caller.endedBy === 'peer');
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'nobody' });
    expect(world.sms).toEqual([{ to: numbers.person, text: `You missed a call from ${numbers.caller}.` }]);
  });

  test('a disk that is full at the end of a message: the same, and the call holds nothing', async () => {
    world = await CallWorld.create();
    world.media.diskFull = true;
    const caller = world.dial();
    await world.pass(world.media.greetingMs + 3000);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'nobody' });
    expect(world.calls.active()).toEqual([]);
    expect(world.sms).toHaveLength(1);
  });

  test('missed-call alert only: not answered, 480', async () => {
    world = await CallWorld.create({ answerMode: 'mca' });
    const caller = await world.dialAndFail();
    expect(caller.final?.status).toBe(480);
    expect(caller.final?.headers.get('Reason')).toBe('Q.850;cause=20;text="Subscriber absent"');
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', answered_at: null });
    expect(world.sms).toHaveLength(1);
  });
});

describe('on a bad network', () => {
  test.each([1, 2, 3, 4, 5, 6])(
    'lost, doubled and late datagrams, run %i: the call ends clean on all sides',
    async (seed) => {
      world = await CallWorld.create();
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
