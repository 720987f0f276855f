import { readWav, ToneDetector, ToneGenerator, wavToMono, writeWav } from '@ringthrough/rtp';

export interface ToneFile {
  hz: number;
  sampleRate?: number;
  seconds?: number;
  /** Off for a third of the time, as speech is: noise suppression takes a steady tone for noise. */
  pulsed?: boolean;
}

const pulseMs = 450;

/** Writes a WAV file with one tone in it. */
export async function writeTone(path: string, tone: ToneFile): Promise<string> {
  const { hz, sampleRate = 8000, seconds = 60, pulsed = false } = tone;
  const samples = new Int16Array(sampleRate * seconds);
  new ToneGenerator({ sampleRate, frequencies: [hz] }).fill(samples);
  const pulse = (sampleRate * pulseMs) / 1000;
  for (let at = 0; pulsed && at < samples.length; at += pulse)
    samples.fill(0, at + (pulse * 2) / 3, at + pulse);
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
