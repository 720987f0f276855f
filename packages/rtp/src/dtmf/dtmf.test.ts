import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dtmfCode, dtmfKey, parseDtmfEvent, writeDtmfEvent } from './dtmf-event.ts';
import { type DtmfPress, DtmfReceiver } from './dtmf-receiver.ts';
import { DtmfSender } from './dtmf-sender.ts';

interface Sent {
  at: number;
  timestamp: number;
  marker: boolean;
  payload: Uint8Array;
}

/** Runs a sender for some time, in frames of 20 ms, from RTP timestamp `first`. */
function run(sender: DtmfSender, ms: number, clockRate = 8000, first = 0): Sent[] {
  const sent: Sent[] = [];
  for (let at = 0; at < ms; at += 20) {
    const payload = new Uint8Array(4);
    const frame = sender.tick((first + (at * clockRate) / 1000) >>> 0, payload);
    if (frame) sent.push({ at, payload, ...frame });
  }
  return sent;
}

function receive(packets: Sent[], clockRate = 8000): DtmfPress[] {
  const receiver = new DtmfReceiver({ clockRate });
  const presses: DtmfPress[] = [];
  const until = Math.max(0, ...packets.map((packet) => packet.at)) + 400;
  for (let now = 0; now <= until; now += 20) {
    for (const packet of packets) {
      if (packet.at === now) presses.push(...receiver.receive(packet.timestamp, packet.payload, now));
    }
    const lost = receiver.poll(now);
    if (lost) presses.push(lost);
  }
  return presses;
}

const keys = '0123456789*#ABCD';

describe('payload', () => {
  test('every key has its code', () => {
    for (const [code, key] of [...keys].entries()) {
      expect(dtmfCode(key)).toBe(code);
      expect(dtmfKey(code)).toBe(key);
    }
    expect(['a', 'x', '', '12'].map(dtmfCode)).toEqual([12, undefined, undefined, undefined]);
    expect(dtmfKey(16)).toBeUndefined();
  });

  test('what is written is read; garbage never throws', () => {
    const event = fc.record({
      event: fc.nat(255),
      end: fc.boolean(),
      volume: fc.nat(63),
      duration: fc.nat(0xffff),
    });
    fc.assert(
      fc.property(event, fc.uint8Array({ maxLength: 8 }), (given, garbage) => {
        const out = new Uint8Array(4);
        expect(writeDtmfEvent(out, given)).toBe(4);
        expect(parseDtmfEvent(out)).toEqual(given);
        expect(parseDtmfEvent(garbage) === undefined).toBe(garbage.length < 4);
        new DtmfReceiver({ clockRate: 8000 }).receive(7, garbage, 0);
      }),
    );
  });
});

describe('DtmfSender, RFC 4733 section 2.5.1', () => {
  test('one press: marker on the first, an update each 20 ms, the end three times, one timestamp', () => {
    const sender = new DtmfSender({ clockRate: 8000 });
    expect(sender.press('5', 100)).toBe(true);
    const sent = run(sender, 400, 8000, 1000);
    expect(sent.map((packet) => packet.marker)).toEqual([
      true,
      ...Array<boolean>(sent.length - 1).fill(false),
    ]);
    expect(new Set(sent.map((packet) => packet.timestamp))).toEqual(new Set([1000]));
    const events = sent.map((packet) => parseDtmfEvent(packet.payload)!);
    expect(events.map((event) => event.duration)).toEqual([160, 320, 480, 640, 800, 800, 800]);
    expect(events.map((event) => event.end)).toEqual([false, false, false, false, true, true, true]);
    expect(events.every((event) => event.event === 5 && event.volume === 10)).toBe(true);
    expect(sender.busy).toBe(false);
  });

  test('keys follow each other with a pause', () => {
    const sender = new DtmfSender({ clockRate: 8000 });
    for (const key of '1#') sender.press(key, 60);
    const sent = run(sender, 600);
    const second = sent.find((packet) => packet.marker && packet.at > 0)!;
    expect(second.at).toBeGreaterThanOrEqual(60 + 40);
    expect(second.timestamp).toBe(second.at * 8);
  });

  test('what is no key is refused', () => {
    const sender = new DtmfSender({ clockRate: 8000 });
    expect(sender.press('x')).toBe(false);
    expect(sender.busy).toBe(false);
  });
});

describe('sender to receiver', () => {
  test.each([8000, 48000])('every key once, at %i Hz, across the wrap of the timestamp', (clockRate) => {
    const sender = new DtmfSender({ clockRate });
    for (const key of keys) sender.press(key, 100);
    const presses = receive(run(sender, 5000, clockRate, 0x100000000 - clockRate), clockRate);
    expect(presses).toEqual([...keys].map((key) => ({ key, durationMs: 100 })));
  });

  test('a press longer than the duration field is one press', () => {
    const sender = new DtmfSender({ clockRate: 48000 });
    sender.press('9', 5000);
    expect(receive(run(sender, 6000, 48000), 48000)).toEqual([{ key: '9', durationMs: 5000 }]);
  });

  test('the same key twice is two presses', () => {
    const sender = new DtmfSender({ clockRate: 8000 });
    for (const key of '77') sender.press(key, 80);
    expect(receive(run(sender, 1000)).map((press) => press.key)).toEqual(['7', '7']);
  });

  test('all end packets lost: reported by timeout, and late ends are not a second press', () => {
    const sender = new DtmfSender({ clockRate: 8000 });
    sender.press('3', 100);
    const sent = run(sender, 400);
    const withoutEnds = sent.filter((packet) => !parseDtmfEvent(packet.payload)!.end);
    expect(receive(withoutEnds)).toEqual([{ key: '3', durationMs: 80 }]);
    const lateEnd = { ...sent.at(-1)!, at: 600 };
    expect(receive([...withoutEnds, lateEnd])).toEqual([{ key: '3', durationMs: 80 }]);
  });

  test('end packets lost and the next key at once: both are reported, in order', () => {
    const receiver = new DtmfReceiver({ clockRate: 8000 });
    const packet = (event: number, end: boolean, duration: number) => {
      const out = new Uint8Array(4);
      writeDtmfEvent(out, { event, end, volume: 10, duration });
      return out;
    };
    expect(receiver.receive(0, packet(1, false, 400), 0)).toEqual([]);
    expect(receiver.receive(800, packet(2, true, 800), 60)).toEqual([
      { key: '1', durationMs: 50 },
      { key: '2', durationMs: 100 },
    ]);
    expect(receiver.receive(0, packet(1, true, 480), 70)).toEqual([]);
  });

  test('any loss, repetition and reordering: no key twice, none that was not pressed', () => {
    const sender = new DtmfSender({ clockRate: 8000 });
    for (const key of '1234') sender.press(key, 100);
    const sent = run(sender, 2000);
    const fate = fc.record({ lost: fc.boolean(), twice: fc.boolean(), late: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(fate, { minLength: sent.length, maxLength: sent.length }), (fates) => {
        const arrived = sent.flatMap((packet, i) => {
          const { lost, twice, late } = fates[i]!;
          const moved = { ...packet, at: packet.at + 20 * late };
          return lost ? [] : twice ? [moved, moved] : [moved];
        });
        const pressed = receive(arrived).map((press) => press.key);
        const possible = new Set(arrived.map((packet) => dtmfKey(packet.payload[0]!)));
        expect(new Set(pressed).size).toBe(pressed.length);
        expect(new Set(pressed)).toEqual(possible);
      }),
    );
  });

  test('a stream that starts over with earlier timestamps is heard', () => {
    const first = new DtmfSender({ clockRate: 8000 });
    first.press('1');
    const second = new DtmfSender({ clockRate: 8000 });
    second.press('2');
    const moved = run(second, 400, 8000, 5).map((packet) => ({ ...packet, at: packet.at + 1000 }));
    expect(receive([...run(first, 400, 8000, 900_000), ...moved]).map((press) => press.key)).toEqual([
      '1',
      '2',
    ]);
  });
});
