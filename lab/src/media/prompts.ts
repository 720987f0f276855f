import { fileURLToPath } from 'node:url';
import { parseWav, readWav, ToneGenerator, type WavAudio, wavToMono } from '@ringthrough/rtp';
import { LabError } from '../model/errors.ts';
import { sampleRate } from './frame.ts';

/** The sentences a handset can say without a microphone; files of that name lie in `src/prompts`. */
const names = ['hello', 'message'] as const;
export type PromptName = (typeof names)[number];
/** What the carriers' own voicemail says. */
const greeting = 'carrier-voicemail';

const maxSeconds = 120;

/** Sound for a handset to say, from stored sentences, tones and WAV files, as 8 kHz PCM. */
export class Prompts {
  readonly #pcm = new Map<string, Int16Array>();

  async load(): Promise<void> {
    for (const name of [...names, greeting]) {
      const path = fileURLToPath(new URL(`../prompts/${name}.wav`, import.meta.url));
      const audio = await readWav(path);
      if (audio === undefined) throw new Error(`The prompt ${name}.wav is not a WAV file.`);
      this.#pcm.set(name, toLine(audio));
    }
  }

  names(): readonly PromptName[] {
    return names;
  }

  /** Empty until loaded. */
  greeting(): Int16Array {
    return this.#pcm.get(greeting) ?? new Int16Array(0);
  }

  /** @throws LabError `unknown-prompt`, `bad-audio` */
  pcmOf(
    speech: { prompt: string } | { toneHz: number; durationMs: number } | { wav: Uint8Array },
  ): Int16Array {
    if ('prompt' in speech) {
      const pcm = isPrompt(speech.prompt) ? this.#pcm.get(speech.prompt) : undefined;
      if (pcm === undefined) throw new LabError('unknown-prompt', 'The lab has no such sentence.');
      return pcm;
    }
    if ('wav' in speech) {
      const audio = parseWav(speech.wav);
      if (audio === undefined) throw new LabError('bad-audio', 'This is no 16-bit or G.711 WAV file.');
      return toLine(audio);
    }
    const pcm = new Int16Array(Math.round((speech.durationMs * sampleRate) / 1000));
    new ToneGenerator({ sampleRate, frequencies: [speech.toneHz] }).fill(pcm);
    return pcm;
  }
}

const isPrompt = (name: string): name is PromptName => names.some((one) => one === name);

function toLine(audio: WavAudio): Int16Array {
  const mono = wavToMono(audio);
  if (audio.sampleRate !== sampleRate) throw new LabError('bad-audio', 'The WAV file must have 8000 Hz.');
  if (mono.length > maxSeconds * sampleRate) {
    throw new LabError('bad-audio', `The WAV file is longer than ${maxSeconds} seconds.`);
  }
  return mono;
}
