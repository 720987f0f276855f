import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { levelDb, toneLevelDb } from '../dsp/tone-detector.ts';
import { ToneGenerator } from '../dsp/tone-generator.ts';
import { createOpusCodec, type OpusCodec, type OpusOptions, opusDuration } from './opus.ts';

const opened: OpusCodec[] = [];
async function codec(options: OpusOptions = {}): Promise<OpusCodec> {
  const made = await createOpusCodec(options);
  opened.push(made);
  return made;
}
afterEach(() => {
  for (const made of opened.splice(0)) made.close();
});

/** Packets of a tone, 20 ms each. */
function packets(from: OpusCodec, hz: number, count: number): Uint8Array[] {
  const generator = new ToneGenerator({ sampleRate: from.sampleRate, frequencies: [hz] });
  const pcm = new Int16Array(from.sampleRate / 50);
  const out = new Uint8Array(1275);
  return Array.from({ length: count }, () => {
    generator.fill(pcm);
    return out.slice(0, from.encode(pcm, out));
  });
}

function decodeAll(by: OpusCodec, payloads: Array<Uint8Array | undefined>): Int16Array {
  const out = new Int16Array(0.12 * by.sampleRate);
  const all: number[] = [];
  for (const payload of payloads) all.push(...out.subarray(0, by.decode(payload, out)));
  return Int16Array.from(all);
}

describe('OpusCodec', () => {
  test.each([
    [8000, 8000],
    [8000, 48000],
    [48000, 8000],
    [16000, 48000],
  ] as const)('a tone encoded at %i Hz is heard when decoded at %i Hz', async (encodeRate, decodeRate) => {
    const sender = await codec({ sampleRate: encodeRate });
    const receiver = await codec({ sampleRate: decodeRate });
    const sent = packets(sender, 440, 25);
    expect(sent.every((packet) => sender.duration(packet) === 960)).toBe(true);
    const pcm = decodeAll(receiver, sent);
    expect(pcm.length).toBe(decodeRate / 2);
    expect(Math.abs(toneLevelDb(pcm.subarray(decodeRate / 5), decodeRate, 440) + 12)).toBeLessThan(2);
    expect(receiver.clockRate).toBe(48000);
  });

  test('a lost frame is concealed with 20 ms that go on like what came before', async () => {
    const sender = await codec({ sampleRate: 8000 });
    const receiver = await codec({ sampleRate: 8000 });
    decodeAll(receiver, packets(sender, 440, 20));
    const out = new Int16Array(960);
    expect(receiver.decode(undefined, out)).toBe(160);
    expect(levelDb(out.subarray(0, 160))).toBeGreaterThan(-25);
  });

  test('redundancy in the next packet brings the lost one back', async () => {
    const sender = await codec({ sampleRate: 16000, fec: true, expectedLossPercent: 30, bitrate: 32000 });
    const receiver = await codec({ sampleRate: 16000 });
    // Speech-like: a tone that begins only in the lost frame, so that concealment could not know it.
    const silence = new Int16Array(320);
    const out = new Uint8Array(1275);
    const quiet = Array.from({ length: 10 }, () => out.slice(0, sender.encode(silence, out)));
    const [lost, next] = packets(sender, 300, 2);
    expect(lost!.length).toBeGreaterThan(10);
    decodeAll(receiver, quiet);
    const pcm = new Int16Array(1920);
    expect(receiver.decodeRedundancy(next!, pcm)).toBe(320);
    expect(levelDb(pcm.subarray(0, 320))).toBeGreaterThan(-30);
  });

  test('a packet without redundancy says so', async () => {
    const sender = await codec({ sampleRate: 16000, fec: false });
    const receiver = await codec({ sampleRate: 16000 });
    const sent = packets(sender, 300, 5);
    expect(sent.map((packet) => receiver.decodeRedundancy(packet, new Int16Array(1920)))).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(receiver.decodeRedundancy(new Uint8Array(0), new Int16Array(1920))).toBe(0);
  });

  test('silence is sent too (no DTX)', async () => {
    const sender = await codec({ sampleRate: 8000 });
    const out = new Uint8Array(1275);
    for (let i = 0; i < 100; i++) expect(sender.encode(new Int16Array(160), out)).toBeGreaterThan(2);
  });

  test('bit rate and expected loss can follow the network', async () => {
    const sender = await codec({ sampleRate: 48000, bitrate: 64000 });
    const size = () => packets(sender, 440, 50).reduce((sum, packet) => sum + packet.length, 0);
    const before = size();
    sender.setBitrate(12000);
    sender.setExpectedLoss(130);
    expect(size()).toBeLessThan(before / 2);
  });

  test('garbage is concealed or decoded to something, and never throws', async () => {
    const receiver = await codec({ sampleRate: 8000 });
    const out = new Int16Array(960);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const count = receiver.decode(bytes, out);
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(960);
        expect(receiver.decodeRedundancy(bytes, out)).toBeLessThanOrEqual(960);
      }),
      { numRuns: 2000 },
    );
    expect(receiver.malformed).toBeGreaterThan(0);
  });

  test('closing twice is fine', async () => {
    const made = await createOpusCodec();
    made.close();
    made.close();
  });

  test('a hundred codecs live side by side', async () => {
    const many = await Promise.all(Array.from({ length: 100 }, () => codec({ sampleRate: 48000 })));
    for (const one of many) expect(decodeAll(one, packets(one, 440, 2)).length).toBe(1920);
  });
});

test.each([
  ['SILK 20 ms', [0x08], 960],
  ['SILK 60 ms', [0x18], 2880],
  ['hybrid 10 ms', [0x60], 480],
  ['CELT 2.5 ms, two frames', [0x81, 0], 240],
  ['CELT 20 ms, six frames by count', [0xfb, 6], 5760],
  ['over 120 ms', [0xfb, 7], 0],
  ['count missing', [0xfb], 0],
  ['empty', [], 0],
])('opusDuration: %s', (_title, bytes, ticks) => {
  expect(opusDuration(Uint8Array.from(bytes))).toBe(ticks);
});
