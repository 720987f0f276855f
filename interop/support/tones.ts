import { readWav, ToneDetector, ToneGenerator, wavToMono, writeWav } from '@ringthrough/rtp';

/** Writes a WAV file in which one tone sounds without end, as far as a test is concerned. */
export async function writeTone(
  path: string,
  { hz, sampleRate = 8000, seconds = 60 }: { hz: number; sampleRate?: number; seconds?: number },
): Promise<string> {
  const samples = new Int16Array(sampleRate * seconds);
  new ToneGenerator({ sampleRate, frequencies: [hz] }).fill(samples);
  await writeWav(path, { sampleRate, channels: 1, samples });
  return path;
}

/** For how many milliseconds each of the tones sounds in a WAV file. */
export async function tonesIn(path: string, frequencies: readonly number[]): Promise<Map<number, number>> {
  const audio = await readWav(path);
  if (!audio) throw new Error(`${path} is no WAV file`);
  const detector = new ToneDetector({ sampleRate: audio.sampleRate, frequencies });
  detector.push(wavToMono(audio));
  return new Map(frequencies.map((hz) => [hz, detector.heardMs(hz)]));
}
