import { Resampler, readWav, type SampleRate, ToneGenerator, wavToMono } from '@ringthrough/rtp';
import { MediaError, type PlayPart, type PlaySource } from '../media-plane.ts';

/** PCM to play, frame by frame. */
export interface PcmSource {
  /** Fills `out`, the end with silence. @returns false when there was nothing left */
  read(out: Int16Array): boolean;
}

/** @throws MediaError `bad-source` when the file is missing or no WAV file. */
export async function openSource(source: PlaySource, sampleRate: SampleRate): Promise<PcmSource> {
  if ('parts' in source) return new ChainSource(await openAll(source.parts, sampleRate));
  if ('silenceMs' in source)
    return new ArraySource(new Int16Array(Math.round((source.silenceMs * sampleRate) / 1000)));
  if ('toneHz' in source) return new ToneSource(source, sampleRate);
  const audio = await readWav(source.file).catch((cause) => {
    throw new MediaError('bad-source', `cannot read ${source.file}`, { cause });
  });
  if (!audio) throw new MediaError('bad-source', `${source.file} is no WAV file with PCM or G.711`);
  return new ArraySource(convert(wavToMono(audio), audio.sampleRate, sampleRate));
}

/** @throws MediaError `bad-source` */
async function openAll(parts: readonly PlayPart[], sampleRate: SampleRate): Promise<PcmSource[]> {
  return Promise.all(parts.map((part) => openSource(part, sampleRate)));
}

/** One source after the other. Each ends with a whole frame. */
class ChainSource implements PcmSource {
  readonly #left: PcmSource[];

  constructor(sources: readonly PcmSource[]) {
    this.#left = [...sources];
  }

  read(out: Int16Array): boolean {
    for (let source = this.#left[0]; source !== undefined; source = this.#left[0]) {
      if (source.read(out)) return true;
      this.#left.shift();
    }
    return false;
  }
}

class ArraySource implements PcmSource {
  readonly #pcm: Int16Array;
  #at = 0;

  constructor(pcm: Int16Array) {
    this.#pcm = pcm;
  }

  read(out: Int16Array): boolean {
    const part = this.#pcm.subarray(this.#at, this.#at + out.length);
    if (part.length === 0) return false;
    out.set(part);
    out.fill(0, part.length);
    this.#at += part.length;
    return true;
  }
}

/** Keeps the ends of a tone from clicking. */
const RAMP_MS = 5;

class ToneSource implements PcmSource {
  readonly #tone: ToneGenerator;
  readonly #total: number;
  readonly #ramp: number;
  #at = 0;

  constructor(options: { toneHz: number; durationMs: number }, sampleRate: number) {
    this.#tone = new ToneGenerator({ sampleRate, frequencies: [options.toneHz] });
    this.#total = Math.round((options.durationMs * sampleRate) / 1000);
    this.#ramp = Math.max(1, Math.round((RAMP_MS * sampleRate) / 1000));
  }

  read(out: Int16Array): boolean {
    if (this.#at >= this.#total) return false;
    this.#tone.fill(out);
    for (let i = 0; i < out.length; i++, this.#at++) {
      const gain = Math.max(0, Math.min(1, this.#at / this.#ramp, (this.#total - this.#at) / this.#ramp));
      if (gain < 1) out[i] = Math.round(out[i]! * gain);
    }
    return true;
  }
}

function convert(pcm: Int16Array, from: number, to: SampleRate): Int16Array {
  if (from === to) return pcm;
  // Unusual rates go by way of 48 kHz, where straight lines between samples do no harm.
  if (from !== 8000 && from !== 16_000 && from !== 48_000) return convert(interpolate(pcm, from), 48_000, to);
  const resampler = new Resampler(from, to);
  const out = new Int16Array(resampler.outputLength(pcm.length));
  return out.subarray(0, resampler.process(pcm, out));
}

function interpolate(pcm: Int16Array, from: number): Int16Array {
  const out = new Int16Array(Math.floor((pcm.length * 48_000) / from));
  for (let i = 0; i < out.length; i++) {
    const at = (i * from) / 48_000;
    const left = Math.floor(at);
    const share = at - left;
    out[i] = Math.round((1 - share) * pcm[left]! + share * (pcm[left + 1] ?? pcm[left]!));
  }
  return out;
}
