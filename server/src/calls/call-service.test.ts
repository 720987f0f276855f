import { sql } from 'kysely';
import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, connected, createWorld, onlyRow, ringing, world } from './testing/scenes.ts';
import { TestDevice } from './testing/test-peers.ts';
import { numbers } from './testing/world.ts';

afterEach(closeWorld);

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
    await createWorld();
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
    await createWorld();
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
    await createWorld();
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
    await createWorld();
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
    await createWorld();
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
    await createWorld();
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

test("a device that registered from a trunk's very address does not mask the trunk", async () => {
  await createWorld();
  const device = await world.device();
  const { host } = world.trunk.addresses[0] ?? { host: '' };
  const twin = new TestDevice(world.trunk, {
    id: 'device1',
    sipUser: 'd1',
    password: 'secret of device1',
    host,
  });
  expect((await world.wait(twin.register())).status).toBe(200);
  const caller = world.dial();
  await world.until('it rings', () => device.calls.length > 0);
  caller.session.cancel();
  await world.settled();
  expect(caller.statuses).not.toContain(407);
});

test('a softphone that died without a word: voicemail after some seconds, not after the ring time', async () => {
  await createWorld();
  const device = await world.device();
  await world.wait(device.stack.close());
  const caller = world.dial();
  await world.until('voicemail answers', () => caller.final?.status === 200, 11_000);
  caller.session.bye();
  await world.settled();
  expect(await onlyRow()).toMatchObject({ outcome: 'missed', cause: 'nobody' });
});

describe('the caller gives up', () => {
  test('before anything rings', async () => {
    await createWorld();
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

test('a call whose arrival could not be written is on record all the same', async () => {
  await createWorld();
  const device = await world.device();
  const full = sql`create trigger full before insert on calls begin select raise(abort, 'full'); end`;
  await full.execute(world.store);
  const caller = world.dial();
  await world.until('it rings', () => device.calls.length === 1);
  device.answer();
  await world.until('they talk', () => caller.final?.status === 200);
  await sql`drop trigger full`.execute(world.store);
  caller.session.bye();
  await world.settled();
  expect(await onlyRow()).toMatchObject({ outcome: 'answered', answered_device_id: device.id });
});

test('a person is told of a message whose call could not be recorded', async () => {
  await createWorld();
  const full = sql`create trigger full before update on calls begin select raise(abort, 'full'); end`;
  await full.execute(world.store);
  const caller = world.dial();
  await world.until('voicemail answers', () => caller.final?.status === 200);
  await world.pass(world.media.greetingMs + 2_000);
  caller.session.bye();
  await world.settled();
  expect(await world.alerting.voicemails('ann')).toHaveLength(1);
  expect(world.events).toContain('voicemail.stored');
});
