import { beforeEach, describe, expect, it } from 'vitest';
import { Ladder } from '../ladder.ts';
import { ForwardingTable } from '../model/forwarding-table.ts';
import type { Cause } from '../model/types.ts';
import { Handset } from './handset.ts';
import { type Destination, LabCall } from './lab-call.ts';
import type { TrunkCallListener, TrunkCallRequest } from './trunk-call.ts';

const own = '+14155550101';
const callerNumber = '+12125550199';
const cNumber = '+14155559000';
const voicemail = '+14155559010';

/** A lab without sockets and clock: time moves when the test says so. */
class World {
  now = 0;
  readonly ladder = new Ladder(
    () => this.now,
    () => {},
  );
  readonly timers: Array<{ at: number; callback: () => void }> = [];
  readonly voicemails: object[] = [];
  readonly handsets = new Map([own, callerNumber].map((number) => [number, handset(number)]));
  trunk:
    | { request: TrunkCallRequest; listener: TrunkCallListener; released: Cause[]; keys: string[] }
    | undefined;

  call(): LabCall {
    const call = new LabCall({
      id: 'c1',
      caller: this.handset(callerNumber),
      called: own,
      withholdNumber: false,
      world: {
        ladder: this.ladder,
        now: () => this.now,
        destination: (number): Destination => {
          const found = this.handsets.get(number);
          if (found !== undefined) return { kind: 'subscriber', handset: found };
          if (number === voicemail) return { kind: 'voicemail', carrierId: 'lab-gsm' };
          return number === cNumber ? { kind: 'trunk', carrierId: 'lab-gsm' } : { kind: 'nowhere' };
        },
        openTrunk: (_, request, listener) => {
          const released: Cause[] = [];
          const keys: string[] = [];
          this.trunk = { request, listener, released, keys };
          return {
            codec: 'PCMU',
            release: (cause) => void released.push(cause),
            pressKey: (key) => void keys.push(key),
            send: () => {},
            receive: () => undefined,
          };
        },
        setTimer: (callback, delayMs) => {
          const timer = { at: this.now + delayMs, callback };
          this.timers.push(timer);
          return () => void this.timers.splice(this.timers.indexOf(timer), 1);
        },
        changed: () => {},
        greeting: () => new Int16Array(160),
        voicemailLeft: (subscriber, message) => void this.voicemails.push({ subscriber, ...message }),
      },
    });
    call.start();
    return call;
  }

  handset(number: string): Handset {
    return this.handsets.get(number)!;
  }

  advance(ms: number): void {
    this.now += ms;
    for (const timer of this.timers.filter(({ at }) => at <= this.now)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.callback();
    }
  }

  forward(code: 'all-conditional' | 'unconditional', to = cNumber, noReplySeconds?: number): void {
    this.handset(own).forwarding.apply({ procedure: 'register', service: code, number: to, noReplySeconds });
  }
}

function handset(number: string): Handset {
  const forwarding = new ForwardingTable();
  return new Handset({
    number,
    owner: number,
    role: 'own',
    carrierId: 'lab-gsm',
    forwarding,
    coverage: 'covered',
  });
}

let world: World;
beforeEach(() => {
  world = new World();
});

describe('nobody answers the handset', () => {
  it('forwards after the registered time, not before', () => {
    world.forward('all-conditional', cNumber, 15);
    const call = world.call();
    world.advance(14_999);
    expect(world.trunk).toBeUndefined();
    world.advance(1);
    expect(world.trunk?.request.diverted).toEqual([{ number: own, reason: 'no-answer', to: cNumber }]);
    expect(world.handset(own).call).toBeUndefined();
    expect(call.state).toBe('alerting');
  });

  it('releases after a minute when nothing is registered, and leaves no timer', () => {
    const call = world.call();
    world.advance(60_000);
    expect(call.release).toMatchObject({ by: 'network', cause: { q850: 19 } });
    expect(world.timers).toEqual([]);
  });
});

it('forwards as unreachable when the ringing handset loses coverage', () => {
  world.forward('all-conditional');
  const call = world.call();
  call.radioLost(own);
  expect(world.trunk?.request.diverted[0]?.reason).toBe('unavailable');
  expect(world.timers).toEqual([]);
});

it('ends an answered call when either handset loses the network', () => {
  const call = world.call();
  call.answer(own);
  call.radioLost(own);
  expect(call.release).toMatchObject({ by: 'callee', cause: { q850: 27 } });
  expect([world.handset(own).call, world.handset(callerNumber).call]).toEqual([undefined, undefined]);
});

it('ends two handsets that forward to each other', () => {
  world.forward('unconditional', callerNumber);
  const back = { procedure: 'register', service: 'unconditional', number: own } as const;
  world.handset(callerNumber).forwarding.apply(back);
  const call = world.call();
  expect(call.release).toMatchObject({ by: 'network', cause: { q850: 25 } });
});

describe('over the trunk', () => {
  function overTrunk() {
    world.forward('unconditional');
    const call = world.call();
    return { call, trunk: world.trunk! };
  }

  it('releases the trunk when the caller hangs up, in every state', () => {
    for (const upTo of [0, 1, 2]) {
      world = new World();
      const { call, trunk } = overTrunk();
      if (upTo > 0) trunk.listener.ringing();
      if (upTo > 1) trunk.listener.answered();
      call.hangUp(callerNumber);
      expect(trunk.released).toHaveLength(1);
      expect(call.state).toBe('ended');
    }
  });

  it('does not release what the far end released, and ends once', () => {
    const { call, trunk } = overTrunk();
    trunk.listener.answered();
    trunk.listener.released({ q850: 16, text: 'Call ended' });
    call.hangUp(callerNumber);
    expect(trunk.released).toEqual([]);
    expect(call.release?.by).toBe('ringthrough');
  });

  it('passes keys on, and only while there is somebody to hear them', () => {
    const { call, trunk } = overTrunk();
    trunk.listener.answered();
    call.pressKey(callerNumber, '5');
    call.hangUp(callerNumber);
    expect(trunk.keys).toEqual(['5']);
    expect(() => call.pressKey(callerNumber, '6')).toThrow(expect.objectContaining({ code: 'no-call' }));
  });

  it('refuses to be answered at a handset that does not ring', () => {
    const { call } = overTrunk();
    expect(() => call.answer(own)).toThrow(expect.objectContaining({ code: 'not-ringing' }));
  });
});

describe('the carrier’s own voicemail', () => {
  /** Twenty milliseconds of speech, loud enough. */
  const loud = new Int16Array(160).map((_, at) => (at % 2 === 0 ? 9000 : -9000));

  function unreachable() {
    world.handset(own).voicemailNumber = voicemail;
    world.handset(own).coverage = 'off';
    return world.call();
  }

  it('answers for an unreachable handset, greets, and takes down what is said after the tone', () => {
    const call = unreachable();
    expect(call).toMatchObject({ state: 'alerting', destination: 'voicemail' });
    world.advance(400);
    expect(call.state).toBe('active');
    const silence = () => new Int16Array(160);
    // The greeting of the test is one frame, the tone twenty.
    for (let frame = 0; frame < 21; frame += 1) call.tick(silence);
    expect(call.callerAudio.heard().toneHz).toBe(1000);
    call.callerAudio.speak(new Int16Array(1600).map((_, at) => loud[at % 160]!));
    for (let frame = 0; frame < 12; frame += 1) call.tick(silence);
    call.hangUp(callerNumber);
    expect(world.voicemails).toEqual([{ subscriber: own, from: callerNumber, at: 400, durationMs: 200 }]);
    expect(world.timers).toEqual([]);
  });

  it('keeps nothing of a caller who says nothing, and hangs up in the end', () => {
    const call = unreachable();
    world.advance(400);
    world.advance(120_000);
    expect(call).toMatchObject({ state: 'ended', release: { by: 'network' } });
    expect(world.voicemails).toEqual([]);
  });

  it('stands back for a forwarding', () => {
    world.forward('all-conditional');
    unreachable();
    expect(world.trunk?.request.called).toBe(cNumber);
  });
});
