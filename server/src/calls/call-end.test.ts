import { describe, expect, test } from 'vitest';
import type { CallInput, RingTarget } from './call-types.ts';
import { connected, laptop, phone, ringing, Story } from './testing/story.ts';

describe('devices that come and go while it rings', () => {
  const lost = (device: RingTarget): CallInput => ({
    type: 'device-unregistered',
    ...device,
    why: 'connection-lost',
  });

  test('the last device loses its network: it has a moment to come back', () => {
    const story = ringing(phone);
    expect(story.input(lost(phone))).toEqual(['cancel 1 device-gone', 'arm grace']);
    const back = { ...phone, contactUri: 'sip:new@10.0.0.1' };
    expect(story.input({ type: 'device-registered', device: back })).toEqual([
      'start 2 phone',
      'disarm grace',
    ]);
    expect(story.input({ type: 'leg-rejected', legId: '1', status: 487 })).toEqual(['leg-over 1']);
    expect(story.input({ type: 'leg-rejected', legId: '2', status: 486 })).toContain('hand-over busy');
  });

  test('nobody comes back: alerting', () => {
    const story = ringing(phone);
    story.input(lost(phone));
    expect(story.input({ type: 'timer', timer: 'grace' })).toEqual(['disarm ring', 'hand-over nobody']);
  });

  test('one of two lost: the other rings on', () => {
    expect(ringing(phone, laptop).input(lost(phone))).toEqual(['cancel 1 device-gone']);
  });

  test('a logout leaves nothing to wait for', () => {
    const story = ringing(phone);
    expect(story.input({ type: 'device-unregistered', ...phone, why: 'logout' })).toEqual([
      'cancel 1 device-gone',
      'disarm ring',
      'hand-over failed',
    ]);
  });

  test('a registration that runs out does not stop the ringing', () => {
    expect(ringing(phone).input({ type: 'device-unregistered', ...phone, why: 'expired' })).toEqual([]);
  });
});

describe('R-CANCEL', () => {
  test('the caller hangs up: all stop, a missed call is recorded', () => {
    const story = ringing(phone, laptop);
    expect(story.input({ type: 'caller-cancelled' })).toEqual([
      'cancel 1 caller-gone',
      'cancel 2 caller-gone',
      'disarm ring',
      'record missed caller-cancelled',
    ]);
    expect(story.input({ type: 'leg-rejected', legId: '1', status: 487 })).toEqual(['leg-over 1']);
    expect(story.input({ type: 'leg-rejected', legId: '2', status: 487 })).toEqual([
      'leg-over 2',
      'finished',
    ]);
  });

  test('a 200 that crosses the CANCEL is hung up', () => {
    const story = ringing(phone);
    story.input({ type: 'caller-cancelled' });
    expect(story.input({ type: 'leg-answered', legId: '1' })).toEqual([
      'bye 1 caller-gone',
      'leg-over 1',
      'finished',
    ]);
  });

  test('the caller gives up while the answer is being connected', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-answered', legId: '1' });
    expect(story.input({ type: 'caller-cancelled' })).toEqual([
      'bye 1 caller-gone',
      'leg-over 1',
      'disarm connect',
      'record missed caller-cancelled',
      'finished',
    ]);
    expect(story.input({ type: 'media-ready', legId: '1' })).toEqual([]);
  });

  test('a CANCEL that crosses our 200: nobody was connected', () => {
    const story = connected(phone);
    story.input({ type: 'caller-cancelled' });
    expect(story.summary).toMatchObject({
      outcome: 'missed',
      answeredAt: undefined,
      answeredDeviceId: undefined,
    });
  });
});

describe('R-END', () => {
  const ends: Array<[string, CallInput, string[]]> = [
    [
      'the caller hangs up',
      { type: 'caller-hung-up' },
      ['bye 1 caller-gone', 'leg-over 1', 'record answered caller-hung-up'],
    ],
    [
      'the trunk is lost',
      { type: 'carrier-lost' },
      ['bye 1 caller-gone', 'leg-over 1', 'record answered carrier-lost'],
    ],
    [
      'the device hangs up',
      { type: 'leg-ended', legId: '1', lost: false },
      ['leg-over 1', 'end-caller device-hung-up', 'record answered device-hung-up'],
    ],
    [
      'the device is lost',
      { type: 'leg-ended', legId: '1', lost: true },
      ['leg-over 1', 'end-caller device-lost', 'record answered device-lost'],
    ],
    [
      'one side is silent',
      { type: 'media-silent' },
      ['bye 1 media-silent', 'leg-over 1', 'end-caller media-silent', 'record answered media-silent'],
    ],
    [
      'the longest duration is over',
      { type: 'timer', timer: 'duration' },
      ['bye 1 max-duration', 'leg-over 1', 'end-caller max-duration', 'record answered max-duration'],
    ],
    [
      'the device is signed out from afar',
      { type: 'device-unregistered', ...phone, why: 'removed' },
      ['bye 1 device-gone', 'leg-over 1', 'end-caller device-lost', 'record answered device-lost'],
    ],
    [
      'the server stops',
      { type: 'shutdown' },
      ['bye 1 shutdown', 'leg-over 1', 'end-caller shutdown', 'record answered shutdown'],
    ],
  ];
  test.each(ends)('%s: both sides end and it is recorded', (_, input, expected) => {
    const story = connected(phone, laptop);
    const disarmed = input.type === 'timer' ? [] : ['disarm duration'];
    const said = story.input(input);
    expect(said.filter((word) => !word.startsWith('disarm'))).toEqual([...expected, 'finished']);
    expect(said.filter((word) => word.startsWith('disarm'))).toEqual(disarmed);
    expect(story.summary?.answeredDeviceId).toBe('phone');
  });

  test('a connected device that loses its signalling has a moment to register again', () => {
    const story = connected(phone);
    const lost: CallInput = { type: 'device-unregistered', ...phone, why: 'connection-lost' };
    expect(story.input(lost)).toEqual(['arm device-lost']);
    expect(story.input(lost)).toEqual([]);
    expect(story.input({ type: 'device-registered', device: { ...phone, contactUri: 'sip:n@h' } })).toEqual([
      'disarm device-lost',
    ]);
    story.input(lost);
    expect(story.input({ type: 'timer', timer: 'device-lost' })).toContain('record answered device-lost');
  });

  test('another binding of the connected device may go', () => {
    const story = connected(phone);
    const other = { deviceId: 'phone', contactUri: 'sip:old@10.0.0.1' };
    expect(story.input({ type: 'device-unregistered', ...other, why: 'connection-lost' })).toEqual([]);
  });

  test('a logout or an expiry does not cut a conversation', () => {
    const story = connected(phone);
    expect(story.input({ type: 'device-unregistered', ...phone, why: 'logout' })).toEqual([]);
    expect(story.input({ type: 'device-unregistered', ...phone, why: 'expired' })).toEqual([]);
    expect(story.input({ type: 'device-unregistered', ...laptop, why: 'removed' })).toEqual([]);
  });

  test('whatever comes after the end is absorbed', () => {
    const story = connected(phone);
    story.input({ type: 'caller-hung-up' });
    expect(story.call.finished).toBe(true);
    expect(story.input({ type: 'caller-hung-up' })).toEqual([]);
    expect(story.input({ type: 'leg-ended', legId: '1', lost: false })).toEqual([]);
    expect(story.input({ type: 'timer', timer: 'duration' })).toEqual([]);
    expect(story.input({ type: 'leg-answered', legId: 'never' })).toEqual([]);
  });

  test('a caller who goes before the devices are known is a missed call', () => {
    const story = new Story();
    expect(story.input({ type: 'caller-cancelled' })).toEqual(['record missed caller-cancelled', 'finished']);
    expect(story.input({ type: 'arrived', devices: [phone] })).toEqual([]);
  });
});

describe('a carrier that takes the call away', () => {
  test('the caller is gone, as answered by the carrier: a missed call, and no device is told of an answer', () => {
    const story = ringing(phone);
    expect(story.input({ type: 'caller-cancelled', byCarrier: true })).toEqual([
      'cancel 1 caller-gone',
      'disarm ring',
      'record missed answered-by-carrier',
    ]);
  });

  test('before the devices are known: the same', () => {
    const story = new Story();
    expect(story.input({ type: 'caller-cancelled', byCarrier: true })).toEqual([
      'record missed answered-by-carrier',
      'finished',
    ]);
  });
});

describe('a caller whose ACK has no usable answer', () => {
  test('the device is hung up, the caller is told, and the call has failed', () => {
    const story = connected(phone);
    expect(story.input({ type: 'caller-media-failed' })).toEqual([
      'bye 1 failed',
      'leg-over 1',
      'disarm duration',
      'end-caller no-common-codec',
      'record failed no-common-codec',
      'finished',
    ]);
    expect(story.summary?.answeredDeviceId).toBeUndefined();
  });
});
