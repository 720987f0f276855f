import { describe, expect, test } from 'vitest';
import type { AudioCodec } from '../codecs/audio-codec.ts';
import { G711Codec } from '../codecs/g711.ts';
import { createOpusCodec } from '../codecs/opus.ts';
import { levelDb, toneLevelDb } from '../dsp/tone-detector.ts';
import { ToneGenerator } from '../dsp/tone-generator.ts';
import { AudioPlayout } from './audio-playout.ts';

/** Sends a tone of 440 Hz through a network, and returns what is played, in frames of 20 ms. */
function hear(
  sender: AudioCodec,
  receiver: AudioCodec,
  delays: (i: number) => number | 'lost',
  { packetMs = 20, durationMs = 2000, likeSpeech = false } = {},
) {
  const playout = new AudioPlayout({ codec: receiver });
  const generator = new ToneGenerator({ sampleRate: sender.sampleRate, frequencies: [440] });
  const pcm = new Int16Array((sender.sampleRate * packetMs) / 1000);
  const out = new Uint8Array(1275);
  const arrivals = Array.from({ length: durationMs / packetMs }, (_, i) => {
    generator.fill(pcm);
    // Four syllables a second: libopus adds redundancy to what it takes for speech.
    const gain = likeSpeech ? Math.abs(Math.sin((Math.PI * i * packetMs) / 250)) : 1;
    for (let at = 0; at < pcm.length; at++) pcm[at] = gain * pcm[at]!;
    const payload = out.slice(0, sender.encode(pcm, out));
    const timestamp = (i * packetMs * sender.clockRate) / 1000;
    return {
      at: i * packetMs,
      delay: delays(i),
      ssrc: 1,
      sequenceNumber: i,
      timestamp,
      marker: i === 0,
      payload,
    };
  }).filter((packet) => packet.delay !== 'lost');
  for (const packet of arrivals) packet.at += Number(packet.delay);
  arrivals.sort((a, b) => a.at - b.at);
  const frame = new Int16Array(receiver.sampleRate / 50);
  const heard: number[] = [];
  const fromPeer: boolean[] = [];
  for (let now = 10; now < durationMs - 100; now += 20) {
    while (arrivals[0] && arrivals[0].at <= now) {
      const packet = arrivals.shift()!;
      playout.push(packet, packet.at);
    }
    fromPeer.push(playout.read(frame, now));
    heard.push(...frame);
  }
  return { playout, pcm: Int16Array.from(heard), fromPeer };
}

const seconds = (pcm: Int16Array, rate: number, from: number, to: number) =>
  pcm.subarray(rate * from, rate * to);

describe('AudioPlayout', () => {
  test('G.711: an even tone comes out as it went in', () => {
    const { pcm, playout, fromPeer } = hear(new G711Codec('PCMA'), new G711Codec('PCMA'), () => 0);
    expect(toneLevelDb(seconds(pcm, 8000, 0.2, 1.8), 8000, 440)).toBeCloseTo(-12, 0);
    expect(playout).toMatchObject({ concealed: 0, recovered: 0, shortened: 0 });
    expect(fromPeer.slice(5).every(Boolean)).toBe(true);
    expect(fromPeer[0]).toBe(false);
  });

  test.each([10, 30, 60])(
    'G.711 in packets of %i ms is read in frames of 20 ms without a break',
    (packetMs) => {
      const { pcm, playout } = hear(new G711Codec('PCMU'), new G711Codec('PCMU'), () => 0, { packetMs });
      expect(toneLevelDb(seconds(pcm, 8000, 0.3, 1.8), 8000, 440)).toBeCloseTo(-12, 0);
      expect(playout.concealed).toBe(0);
    },
  );

  test('G.711 with 5 % loss and jitter is still mostly the tone', () => {
    const { pcm, playout } = hear(new G711Codec('PCMU'), new G711Codec('PCMU'), (i) =>
      i % 20 === 11 ? 'lost' : (i * 7) % 25,
    );
    expect(playout.stats.lost).toBe(5);
    expect(playout.concealed).toBeGreaterThanOrEqual(4);
    const heard = seconds(pcm, 8000, 0.3, 1.8);
    expect(levelDb(heard)).toBeGreaterThan(-16.5);
    expect(toneLevelDb(heard, 8000, 440)).toBeGreaterThan(-15);
  });

  test('Opus with loss: recovered from the redundancy in the next packet', async () => {
    const sender = await createOpusCodec({ sampleRate: 16000, bitrate: 32000, expectedLossPercent: 20 });
    const receiver = await createOpusCodec({ sampleRate: 8000 });
    const { pcm, playout } = hear(sender, receiver, (i) => (i % 10 === 7 ? 'lost' : 0), { likeSpeech: true });
    sender.close();
    receiver.close();
    expect(playout.stats.lost).toBeGreaterThanOrEqual(9);
    expect(playout.recovered).toBeGreaterThanOrEqual(6);
    expect(levelDb(seconds(pcm, 8000, 0.3, 1.8))).toBeGreaterThan(-20);
  });

  test('after a spike of delay, time is made up without a break in the tone', () => {
    const { playout, pcm } = hear(
      new G711Codec('PCMA'),
      new G711Codec('PCMA'),
      (i) => (i >= 300 && i < 307 ? 20 * (307 - i) : 0),
      { durationMs: 16_000 },
    );
    expect(playout.shortened).toBeGreaterThan(0);
    expect(playout.stats.discarded).toBe(0);
    expect(levelDb(seconds(pcm, 8000, 8, 15))).toBeGreaterThan(-17);
  });

  test('payloads that are garbage are concealed', () => {
    const playout = new AudioPlayout({ codec: new G711Codec('PCMA') });
    const out = new Int16Array(160);
    for (let i = 0; i < 50; i++) {
      const payload = new Uint8Array(i % 3 === 0 ? 1400 : 160).fill(0xd5);
      playout.push({ ssrc: 1, sequenceNumber: i, timestamp: 160 * i, marker: false, payload }, 20 * i);
      playout.read(out, 20 * i + 5);
    }
    expect(playout.stats.played).toBeGreaterThan(20);
  });
});
