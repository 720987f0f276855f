import { readFileSync } from 'node:fs';
import { readWav, wavToMono } from '@ringthrough/rtp';
import { expect, it } from 'vitest';
import { languages } from '../config.ts';

const folder = new URL('../../prompts/', import.meta.url);
const texts = JSON.parse(readFileSync(new URL('texts.json', folder), 'utf8')) as Record<
  string,
  { digits: string[]; phrases: Record<string, string> }
>;

it('has texts in every language that we speak, with the same phrases', () => {
  expect(Object.keys(texts).sort()).toEqual([...languages].sort());
  for (const { digits, phrases } of Object.values(texts)) {
    expect(digits).toHaveLength(10);
    expect(new Set(digits).size).toBe(10);
    expect(Object.keys(phrases)).toEqual(Object.keys(texts.en?.phrases ?? {}));
  }
});

it.each(languages)(
  'has a recording of every text in %s: 8 kHz, one channel, loud enough, not long',
  async (language) => {
    const { digits = [], phrases = {} } = texts[language] ?? {};
    const names = [
      ...digits.map((_, digit) => ({ name: `digits/${digit}`, longestMs: 1_000 })),
      ...Object.keys(phrases).map((name) => ({ name: `phrases/${name}`, longestMs: 12_000 })),
    ];
    for (const { name, longestMs } of names) {
      const audio = await readWav(new URL(`${language}/${name}.wav`, folder).pathname);
      if (!audio) throw new Error(`${language}/${name}.wav is no WAV file`);
      const pcm = wavToMono(audio);
      const ms = (pcm.length * 1000) / audio.sampleRate;
      const peak = pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      expect([name, audio.sampleRate, audio.channels]).toEqual([name, 8000, 1]);
      expect(ms > 200 && ms < longestMs, `${name} is ${ms} ms long`).toBe(true);
      expect(peak > 12_000 && peak < 20_000, `${name} has a peak of ${peak}`).toBe(true);
    }
  },
);
