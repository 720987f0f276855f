import { describe, expect, test } from 'vitest';
import { Resampler, type SampleRate } from './resampler.ts';
import { levelDb, ToneDetector, toneLevelDb } from './tone-detector.ts';
import { dtmfFrequencies, ToneGenerator } from './tone-generator.ts';
import { VoiceDetector } from './voice-detector.ts';

function tone(sampleRate: number, hz: number | readonly number[], ms: number, levelOfTone = -12): Int16Array {
  const out = new Int16Array((sampleRate * ms) / 1000);
  const frequencies = typeof hz === 'number' ? [hz] : hz;
  new ToneGenerator({ sampleRate, frequencies, levelDb: levelOfTone }).fill(out);
  return out;
}

/** White noise of the given RMS; a small generator of its own so that runs are alike. */
function noise(count: number, rmsDb: number, seed = 1): Int16Array {
  let state = seed;
  const amplitude = Math.sqrt(3) * 32768 * 10 ** (rmsDb / 20);
  return Int16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return amplitude * (state / 0x80000000 - 1);
  });
}

function resample(resampler: Resampler, pcm: Int16Array, frame: number): Int16Array {
  const out = new Int16Array(resampler.outputLength(pcm.length) + frame);
  let length = 0;
  for (let at = 0; at < pcm.length; at += frame) {
    length += resampler.process(pcm.subarray(at, at + frame), out.subarray(length));
  }
  return out.subarray(0, length);
}

describe('Resampler', () => {
  const pairs: Array<[SampleRate, SampleRate]> = [
    [8000, 16000],
    [8000, 48000],
    [16000, 48000],
    [16000, 8000],
    [48000, 8000],
    [48000, 16000],
    [8000, 8000],
  ];
  test.each(pairs)('%i to %i Hz: tones in the passband keep their level', (from, to) => {
    for (const share of [0.0125, 0.05, 0.125, 0.3, 0.4, 0.425]) {
      const hz = Math.round(share * Math.min(from, to));
      const out = resample(new Resampler(from, to), tone(from, hz, 400), from / 50);
      expect(out.length).toBe((to * 400) / 1000);
      const steady = out.subarray(to / 10, (to * 4) / 10);
      expect(Math.abs(toneLevelDb(steady, to, hz) + 12)).toBeLessThan(0.5);
    }
  });

  test.each([
    [48000, 8000, 5000],
    [48000, 8000, 7000],
    [48000, 8000, 15000],
    [16000, 8000, 4700],
    [48000, 16000, 10000],
  ] as const)('%i to %i Hz: a tone of %i Hz leaves no alias', (from, to, hz) => {
    const out = resample(new Resampler(from, to), tone(from, hz, 400, -6), from / 50);
    expect(levelDb(out.subarray(to / 10))).toBeLessThan(-9 - 40);
  });

  test.each([
    [8000, 16000, 1000],
    [8000, 48000, 3000],
    [16000, 48000, 6000],
  ] as const)('%i to %i Hz: a tone of %i Hz has no image', (from, to, hz) => {
    const out = resample(new Resampler(from, to), tone(from, hz, 400), from / 50);
    const steady = out.subarray(to / 10);
    for (let image = from; image < to / 2 + from; image += from) {
      for (const side of [image - hz, image + hz]) {
        if (side < to / 2) expect(toneLevelDb(steady, to, side)).toBeLessThan(-12 - 40);
      }
    }
  });

  test('frames of any size give the same stream', () => {
    const pcm = tone(48000, 440, 100);
    const whole = resample(new Resampler(48000, 8000), pcm, pcm.length);
    for (const frame of [1, 5, 7, 133, 960]) {
      expect([...resample(new Resampler(48000, 8000), pcm, frame)]).toEqual([...whole]);
    }
  });

  test('full-scale input saturates instead of wrapping', () => {
    const square = Int16Array.from({ length: 800 }, (_, i) => (i % 20 < 10 ? 32767 : -32768));
    const out = resample(new Resampler(8000, 48000), square, 160);
    for (let i = 1; i < out.length; i++) expect(Math.abs(out[i]! - out[i - 1]!)).toBeLessThan(40000);
  });

  test('ratios that are not whole are misuse', () => {
    expect(() => new Resampler(48000, 44100 as SampleRate)).toThrow(RangeError);
  });
});

describe('tones', () => {
  test('a generated tone has the level asked for, and only at its frequency', () => {
    const pcm = tone(8000, 1000, 100, -20);
    expect(toneLevelDb(pcm, 8000, 1000)).toBeCloseTo(-20, 1);
    expect(toneLevelDb(pcm, 8000, 700)).toBeLessThan(-60);
    expect(levelDb(pcm)).toBeCloseTo(-23, 1);
    expect(levelDb(new Int16Array(100))).toBe(-100);
  });

  test('the phase runs on from one frame to the next', () => {
    const generator = new ToneGenerator({ sampleRate: 8000, frequencies: [333, 777] });
    const frames = new Int16Array(800);
    for (let at = 0; at < 800; at += 160) generator.fill(frames.subarray(at, at + 160));
    expect([...frames]).toEqual([...tone(8000, [333, 777], 100)]);
  });

  test('DTMF keys have the two frequencies of Q.23', () => {
    expect(dtmfFrequencies('5')).toEqual([770, 1336]);
    expect(dtmfFrequencies('x')).toBeUndefined();
  });

  test('ToneDetector tells tones apart and hears nothing in noise, silence and other tones', () => {
    const detector = new ToneDetector({ sampleRate: 8000, frequencies: [440, 620, 1000] });
    detector.push(tone(8000, 440, 400));
    expect(detector.current).toBe(440);
    detector.push(new Int16Array(1600));
    expect(detector.current).toBeUndefined();
    detector.push(noise(8000, -20));
    detector.push(tone(8000, 1500, 400));
    detector.push(tone(8000, 620, 200));
    expect([440, 620, 1000].map((hz) => detector.heardMs(hz))).toEqual([400, 200, 0]);
  });
});

describe('VoiceDetector', () => {
  function listen(...parts: Int16Array[]): VoiceDetector {
    const detector = new VoiceDetector(8000);
    for (const part of parts) detector.push(part);
    return detector;
  }

  test('silence and comfort noise at any usual level are no voice', () => {
    for (const level of [-100, -70, -60, -50, -45]) {
      expect(listen(noise(80_000, level)).voiceMs).toBe(0);
    }
  });

  test('a steady beep is sound from its start to its end', () => {
    const detector = listen(noise(8000, -60), tone(8000, 1000, 2000, -15), noise(8000, -60));
    expect(detector.voiceMs).toBeGreaterThanOrEqual(2000);
    expect(detector.voiceMs).toBeLessThan(2200);
    expect(detector.silenceMs).toBeGreaterThan(800);
    expect(detector.totalMs).toBe(4000);
    expect(detector.speaking).toBe(false);
  });

  test('bursts like speech over noise count about as long as they last', () => {
    const parts: Int16Array[] = [];
    for (let i = 0; i < 8; i++) parts.push(noise(1600, -24, i + 1), noise(2400, -48, i + 50));
    const { voiceMs } = listen(...parts);
    expect(voiceMs).toBeGreaterThan(1600 - 100);
    expect(voiceMs).toBeLessThan(1600 + 8 * 160);
  });

  test('a click is no voice', () => {
    const pcm = noise(16_000, -60);
    for (const at of [3000, 9000]) pcm.fill(20_000, at, at + 60);
    expect(listen(pcm).voiceMs).toBe(0);
  });

  test('noise that starts in the middle is learnt', () => {
    const detector = listen(noise(8000, -80), noise(80_000, -45));
    expect(detector.speaking).toBe(false);
    expect(detector.silenceMs).toBeGreaterThan(5000);
  });
});
