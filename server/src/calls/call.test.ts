import { describe, expect, test } from 'vitest';
import type { CallInput } from './call-types.ts';
import { connected, laptop, limits, phone, ringing, Story, tablet } from './testing/story.ts';

describe('R-RING-ALL', () => {
  test('all registered devices ring at once', () => {
    expect(new Story().input({ type: 'arrived', devices: [phone, laptop, tablet] })).toEqual([
      'start 1 phone',
      'start 2 laptop',
      'start 3 tablet',
      'arm ring',
      'arm no-ring',
    ]);
  });

  test('the caller hears ringback when the first one rings, once', () => {
    const story = new Story();
    story.input({ type: 'arrived', devices: [phone, laptop] });
    expect(story.input({ type: 'leg-ringing', legId: '2' })).toEqual(['disarm no-ring', 'ring-caller']);
    expect(story.input({ type: 'leg-ringing', legId: '1' })).toEqual([]);
    expect(story.input({ type: 'leg-ringing', legId: '1' })).toEqual([]);
  });

  test('a device that registers while it rings joins, once', () => {
    const story = ringing(phone);
    expect(story.input({ type: 'device-registered', device: laptop })).toEqual(['start 2 laptop']);
    expect(story.input({ type: 'device-registered', device: laptop })).toEqual([]);
    expect(story.input({ type: 'device-registered', device: phone })).toEqual([]);
  });

  test('a refresh of a device that has refused does not ring it again', () => {
    const story = ringing(phone, laptop);
    story.input({ type: 'leg-rejected', legId: '2', status: 486 });
    expect(story.input({ type: 'device-registered', device: laptop })).toEqual([]);
  });

  test('a device that registers after the answer does not ring', () => {
    expect(connected(phone).input({ type: 'device-registered', device: laptop })).toEqual([]);
  });

  test('legs of one call are bounded', () => {
    const story = ringing(phone);
    for (let n = 0; n < 50; n += 1) {
      story.input({ type: 'device-registered', device: { deviceId: 'x', contactUri: `sip:${n}@h` } });
    }
    expect(story.all.filter((output) => output.type === 'start-leg')).toHaveLength(limits.maxLegs);
  });
});

describe('R-FIRST', () => {
  test('the first to accept wins and the others stop with "answered elsewhere"', () => {
    const story = ringing(phone, laptop, tablet);
    expect(story.input({ type: 'leg-answered', legId: '2' })).toEqual([
      'disarm ring',
      'connect 2',
      'cancel 1 answered-elsewhere',
      'cancel 3 answered-elsewhere',
      'arm connect',
    ]);
    expect(story.input({ type: 'media-ready', legId: '2' })).toEqual([
      'disarm connect',
      'answer-caller 2',
      'arm duration',
    ]);
    expect(story.call.connectedLegId).toBe('2');
  });

  test('the second of two simultaneous answers is hung up with the same reason', () => {
    const story = ringing(phone, laptop);
    story.input({ type: 'leg-answered', legId: '1' });
    expect(story.input({ type: 'leg-answered', legId: '2' }, 0)).toEqual([
      'bye 2 answered-elsewhere',
      'leg-over 2',
    ]);
    expect(story.input({ type: 'media-ready', legId: '2' })).toEqual([]);
    expect(story.input({ type: 'media-ready', legId: '1' })).toContain('answer-caller 1');
  });

  test('an answer without audio goes to the alerting server, the caller is not answered', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-answered', legId: '1' });
    expect(story.input({ type: 'media-failed', legId: '1' })).toEqual([
      'bye 1 failed',
      'leg-over 1',
      'disarm connect',
      'hand-over failed',
    ]);
  });

  test('audio that never comes to be is given up after the connect time', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-answered', legId: '1' });
    expect(story.input({ type: 'timer', timer: 'connect' })).toContain('hand-over failed');
    expect(story.input({ type: 'media-ready', legId: '1' })).toEqual([]);
  });

  test('a device that answers and hangs up at once leaves the caller to the alerting server', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-answered', legId: '1' });
    expect(story.input({ type: 'leg-ended', legId: '1', lost: false })).toContain('hand-over declined');
  });

  test('a device that is signed out while it connects does not get the call', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-answered', legId: '1' });
    const gone: CallInput = { type: 'device-unregistered', ...phone, why: 'removed' };
    expect(story.input(gone)).toEqual(['bye 1 failed', 'leg-over 1', 'disarm connect', 'hand-over failed']);
  });
});

describe('R-REJECT', () => {
  // A redirection, busy, silenced: the device has spoken, and only for itself.
  test.each([302, 480, 486])('%i from one device silences that one, the others ring on', (status) => {
    const story = ringing(phone, laptop);
    expect(story.input({ type: 'leg-rejected', legId: '1', status })).toEqual(['leg-over 1']);
    expect(story.call.state).toBe('ringing');
    expect(story.input({ type: 'device-registered', device: phone })).toEqual([]);
  });

  test.each([302, 480, 486])('%i from all devices, one after the other: alerting, as busy', (status) => {
    const story = ringing(phone, laptop);
    story.input({ type: 'leg-rejected', legId: '1', status });
    expect(story.input({ type: 'leg-rejected', legId: '2', status })).toEqual([
      'leg-over 2',
      'disarm ring',
      'hand-over busy',
    ]);
  });

  test.each([
    [600, 'busy'],
    [603, 'declined'],
    [607, 'declined'],
    [608, 'declined'],
  ])('%i from one device speaks for the person: all stop, alerting as %s', (status, reason) => {
    const story = ringing(phone, laptop);
    expect(story.input({ type: 'leg-rejected', legId: '1', status })).toEqual([
      'leg-over 1',
      'cancel 2 declined',
      'disarm ring',
      `hand-over ${reason}`,
    ]);
  });

  test.each([600, 603])('%i from all devices at once: alerting once', (status) => {
    const story = ringing(phone, laptop);
    story.input({ type: 'leg-rejected', legId: '1', status });
    expect(story.input({ type: 'leg-rejected', legId: '2', status }, 0)).toEqual(['leg-over 2']);
    expect(story.all.filter((output) => output.type === 'hand-over')).toHaveLength(1);
  });

  test.each([404, 488, 500, 606])(
    '%i is no refusal: the device may ring anew, and alone it failed',
    (status) => {
      const two = ringing(phone, laptop);
      expect(two.input({ type: 'leg-rejected', legId: '1', status })).toEqual(['leg-over 1']);
      expect(two.input({ type: 'device-registered', device: phone })).toEqual(['start 3 phone']);
      expect(ringing(phone).input({ type: 'leg-rejected', legId: '1', status })).toContain(
        'hand-over failed',
      );
    },
  );

  test('declined for all, and no message: recorded as declined', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-rejected', legId: '1', status: 603 });
    expect(story.input({ type: 'alerting-ended', outcome: 'missed', answeredAt: undefined })).toEqual([
      'record declined alerting',
      'finished',
    ]);
  });

  test('silenced on every device, and no message: nobody has declined it, it was missed', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-rejected', legId: '1', status: 486 });
    expect(story.input({ type: 'alerting-ended', outcome: 'missed', answeredAt: undefined })).toEqual([
      'record missed alerting',
      'finished',
    ]);
    expect(story.summary?.handOver).toBe('busy');
  });

  test('declined for all, and a message all the same: voicemail', () => {
    const story = ringing(phone);
    story.input({ type: 'leg-rejected', legId: '1', status: 603 });
    story.input({ type: 'alerting-ended', outcome: 'voicemail', answeredAt: 1200 });
    expect(story.summary).toMatchObject({ outcome: 'voicemail', handOver: 'declined' });
  });
});

describe('R-BUSY', () => {
  test('busy on one device: the others ring on, and one of them may answer', () => {
    const story = ringing(phone, laptop);
    story.input({ type: 'leg-rejected', legId: '1', status: 486 });
    expect(story.input({ type: 'leg-answered', legId: '2' })).toContain('connect 2');
  });
});

describe('R-TIMEOUT and R-NOBODY', () => {
  test('not accepted in time: all stop, alerting', () => {
    const story = ringing(phone, laptop);
    expect(story.input({ type: 'timer', timer: 'ring' }, 30_000)).toEqual([
      'cancel 1 timeout',
      'cancel 2 timeout',
      'hand-over timeout',
    ]);
  });

  test('the ring timer is due after the configured time', () => {
    const story = new Story();
    story.input({ type: 'arrived', devices: [phone] }, 0);
    expect(story.all).toContainEqual({ type: 'arm-timer', timer: 'ring', dueAt: 31_000 });
  });

  test('registered, but nobody even rings: alerting before the ring time is over', () => {
    const story = new Story();
    story.input({ type: 'arrived', devices: [phone] });
    expect(story.input({ type: 'timer', timer: 'no-ring' })).toEqual([
      'disarm ring',
      'cancel 1 failed',
      'hand-over nobody',
    ]);
  });

  test('nobody registered: alerting at once', () => {
    expect(new Story().input({ type: 'arrived', devices: [] })).toEqual(['hand-over nobody']);
  });

  test('a message is recorded as voicemail, with the time the alerting server answered', () => {
    const story = new Story();
    story.input({ type: 'arrived', devices: [] });
    story.input({ type: 'alerting-ended', outcome: 'voicemail', answeredAt: 1200 }, 900);
    expect(story.summary).toMatchObject({ outcome: 'voicemail', answeredAt: 1200, endedAt: 2000 });
  });
});
