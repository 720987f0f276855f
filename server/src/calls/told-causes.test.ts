import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, createWorld, ringing, world } from './testing/scenes.ts';
import { numbers, type TestCaller, type TestDevice } from './testing/world.ts';

afterEach(closeWorld);

const diversion: [string, string] = ['Diversion', `<sip:${numbers.person}@c>;reason=unavailable`];
type World = Parameters<typeof createWorld>[0];

/** The switch dials with these headers; nobody has to be there. */
const dial =
  (options: Parameters<typeof world.dial>[0] = {}, prepare: () => void = () => undefined) =>
  async () => {
    await createWorld();
    prepare();
    return world.dial(options);
  };

/** It rings on one device (or none), and then this happens. */
const rung =
  (then: (caller: TestCaller, device: TestDevice) => unknown, options: World = {}) =>
  async () => {
    const { caller, devices } = await ringing(1, options);
    await then(caller, devices[0]);
    return caller;
  };

const answered = (then: (caller: TestCaller, device: TestDevice) => unknown, options: World = {}) =>
  rung(async (caller, device) => {
    device.answer();
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    // What ends it may not overtake the caller's ACK.
    await world.pass(20);
    await then(caller, device);
  }, options);

const voicemail = (then: (caller: TestCaller) => unknown) => async () => {
  await createWorld();
  const caller = world.dial();
  await world.until('voicemail answers', () => caller.final?.status === 200);
  await then(caller);
  return caller;
};

const unanswered = (then: (caller: TestCaller, device: TestDevice) => unknown) =>
  rung(then, { answerMode: 'mca' });

/** How each row of the table comes about; the caller whose call it is. */
const scenes: Record<string, () => Promise<TestCaller>> = {
  'nobody has linked the number': dial({ headers: [['Diversion', `<sip:${numbers.nobody}@c>`]] }),
  'Max-Forwards is used up': dial({ headers: [diversion, ['Max-Forwards', '0']] }),
  'it goes in circles': dial({ headers: [diversion, ['Diversion', `<sip:${numbers.c}@c>`]] }),
  'it was diverted more often than `calls.maxDiversions`': dial({
    headers: [['Diversion', `<sip:${numbers.person}@c>;counter=6`]],
  }),
  'no codec in common': dial({ sdp: fakeSdp('trunk', '18') }),
  'no RTP port is left': dial({}, () => {
    world.media.portsFree = 0;
  }),
  '`calls.maxConcurrent` is reached': second({ maxConcurrent: 1 }),
  "the trunk's own limit is reached": second({ trunkLimits: { maxConcurrentCalls: 1 } }),
  '`calls.maxConcurrentPerAccount` is reached': second({}, 3),
  'the caller gives up': rung((caller) => caller.session.cancel()),
  'the carrier has it answered elsewhere': rung((caller) =>
    caller.session.cancel({ headers: [['Reason', 'SIP;cause=200;text="Call completed elsewhere"']] }),
  ),
  'the switch requires PRACK and sends none': async () => {
    await createWorld({ ringTimeoutSeconds: 60 });
    const device = await world.device();
    const caller = world.dial({ headers: [diversion, ['Require', '100rel']] });
    await world.until('it rings', () => device.calls.length === 1);
    device.call.progress(180);
    return caller;
  },
  'the server stops while it rings': rung(() => world.wait(world.calls.close())),
  'answered; the caller hangs up': answered((caller) => caller.session.bye()),
  'answered; the device hangs up': answered((_, device) => device.call.bye()),
  'answered; the device is lost or signed out': answered((_, device) =>
    world.fabric.publish('device.removed', { accountId: 'ann', deviceId: device.id }),
  ),
  'answered; the switch refreshes its session no more': async () => {
    await createWorld();
    const device = await world.device();
    const timer: Array<[string, string]> = [
      ['Supported', 'timer'],
      ['Session-Expires', '90;refresher=uac'],
    ];
    const caller = world.dial({ headers: [diversion, ...timer] });
    await world.until('it rings', () => device.calls.length === 1);
    device.answer();
    await world.pass(70_000);
    return caller;
  },
  'answered; one side is silent': answered(() => world.media.connections[0]?.[1].emit('silent')),
  'answered; `calls.maxDurationSeconds` is over': answered(() => world.pass(10_000), {
    maxDurationMs: 9_000,
  }),
  'answered; the ACK has no usable answer to our offer': async () => {
    await createWorld();
    const device = await world.device();
    const caller = world.dial({ sdp: '' });
    caller.session.on('accepted', () => caller.session.ack('garbage'));
    await world.until('it rings', () => device.calls.length === 1);
    device.answer();
    return caller;
  },
  'answered; the server stops': answered(() => world.wait(world.calls.close())),
  'a message was left': voicemail(async () => {
    await world.pass(world.media.greetingMs + 2000);
    world.media.legs[0]?.emit('dtmf', { key: '#', durationMs: 100 });
  }),
  'voicemail answered, and nothing was said': voicemail(async () => {
    world.media.voiceMs = 100;
    await world.pass(world.media.greetingMs + 2000);
    world.media.legs[0]?.emit('dtmf', { key: '#', durationMs: 100 });
  }),
  'voicemail answered, and its disk failed': voicemail(() =>
    rm(join(world.dataDir, 'voicemail'), { recursive: true }),
  ),
  'no voicemail; nobody was there': async () => {
    await createWorld({ answerMode: 'mca' });
    return world.dial();
  },
  'no voicemail; nobody answered in time': unanswered(() => world.pass(31_000)),
  'no voicemail; declined for all': unanswered((_, device) => device.call.reject(603)),
  'no voicemail; every device busy or silenced': unanswered((_, device) => device.call.reject(486)),
  'no voicemail; every device failed': unanswered((_, device) => device.call.reject(500)),
};

/** So many calls ring already; the next one is looked at. */
function second(options: World, before = 1): () => Promise<TestCaller> {
  return async () => {
    const { caller } = await ringing(1, options);
    const others = [caller];
    while (others.length < before) others.push(world.dial());
    await world.until('they ring', () => world.calls.active().length === before);
    const one = await world.dialAndFail();
    for (const other of others) other.session.cancel();
    return one;
  };
}

const page = readFileSync(new URL('../../../docs/calls.md', import.meta.url), 'utf8');
const table = page.slice(page.indexOf('| what happens |')).split('\n\n')[0] ?? '';
const rows = table
  .split('\n')
  .slice(2)
  .map((line) =>
    line
      .split('|')
      .slice(1, 6)
      .map((cell) => cell.trim()),
  );

describe('RFC 3398: what the switch is told, and what is recorded', () => {
  test('every row of docs/calls.md is shown here, and nothing else', () => {
    expect(rows.map(([what]) => what).sort()).toEqual(Object.keys(scenes).sort());
  });

  test.each(rows)('%s: %s', async (what = '', answer, reason, outcome, cause) => {
    const caller = await scenes[what]?.();
    if (caller === undefined) throw new Error('no such scene');
    const over = () => caller.endedBy !== undefined || (caller.final?.status ?? 0) >= 300;
    await world.until('the call is over', () => over() || caller.session.state === 'terminated', 70_000);
    await world.settled();
    await world.pass(100);
    const byUs = caller.endedBy === 'peer';
    expect(`${caller.final?.status}${byUs ? ', BYE' : ''}`).toBe(answer);
    const told = byUs ? caller.endReason : caller.final?.headers.get('Reason');
    expect(told?.replace(/;cause=(\d+);text=".+"$/, ' $1') ?? '').toBe(reason);
    if (caller.final?.status === 503 && cause !== 'shutdown') {
      expect(Number(caller.final.headers.get('Retry-After'))).toBeGreaterThan(0);
    }
    const mine = (await world.rows()).filter((row) => row.trunk_call_id === caller.session.callId);
    expect(mine.map((row) => [row.outcome, row.cause])).toEqual(outcome === '' ? [] : [[outcome, cause]]);
  });
});
