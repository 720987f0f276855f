import { describe, expect, test } from 'vitest';
import { Call } from './call.ts';
import type { CallInput, CallLimits, CallOutput, CallSummary, RingTarget } from './call-types.ts';

const limits: CallLimits = {
  ringTimeoutMs: 30_000,
  noRingMs: 10_000,
  maxDurationMs: 3_600_000,
  graceMs: 8_000,
  connectTimeoutMs: 5_000,
  deviceLostMs: 10_000,
  maxLegs: 20,
};

const phone: RingTarget = { deviceId: 'phone', contactUri: 'sip:phone@10.0.0.1' };
const laptop: RingTarget = { deviceId: 'laptop', contactUri: 'sip:laptop@10.0.0.2' };
const tablet: RingTarget = { deviceId: 'tablet', contactUri: 'sip:tablet@10.0.0.3' };

/** Feeds a call step by step; `say` prints outputs as short words so that a test reads like the rule. */
class Story {
  readonly call = new Call(limits, 1000);
  readonly all: CallOutput[] = [];
  now = 1000;

  input(input: CallInput, afterMs = 100): string[] {
    this.now += afterMs;
    const outputs = this.call.input(input, this.now);
    this.all.push(...outputs);
    return outputs.map(say).filter((word) => word !== 'changed');
  }

  get summary(): CallSummary | undefined {
    return this.all.find((output) => output.type === 'record')?.summary;
  }
}

function say(output: CallOutput): string {
  switch (output.type) {
    case 'start-leg':
      return `start ${output.legId} ${output.device.deviceId}`;
    case 'cancel-leg':
    case 'bye-leg':
      return `${output.type === 'cancel-leg' ? 'cancel' : 'bye'} ${output.legId} ${output.reason}`;
    case 'leg-over':
    case 'connect':
    case 'answer-caller':
      return `${output.type} ${output.legId}`;
    case 'hand-over':
      return `hand-over ${output.reason}`;
    case 'end-caller':
      return `end-caller ${output.cause}`;
    case 'arm-timer':
    case 'cancel-timer':
      return `${output.type === 'arm-timer' ? 'arm' : 'disarm'} ${output.timer}`;
    case 'record':
      return `record ${output.summary.outcome} ${output.summary.cause}`;
    default:
      return output.type;
  }
}

function ringing(...devices: RingTarget[]): Story {
  const story = new Story();
  story.input({ type: 'arrived', devices });
  devices.forEach((_, index) => {
    story.input({ type: 'leg-ringing', legId: String(index + 1) });
  });
  return story;
}

function connected(...devices: RingTarget[]): Story {
  const story = ringing(...devices);
  story.input({ type: 'leg-answered', legId: '1' });
  story.input({ type: 'media-ready', legId: '1' });
  devices.slice(1).forEach((_, index) => {
    story.input({ type: 'leg-rejected', legId: String(index + 2), status: 487 });
  });
  return story;
}

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
