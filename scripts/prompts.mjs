// npm run prompts: what the system's own calls say, from server/prompts/texts.json with espeak-ng (Debian's package
// espeak-ng). The audio files are kept in the repository; this is for whoever changes a text or adds a language.
// `npm run prompts -- fr` makes one language.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseWav, Resampler, wavToMono, writeWav } from '@ringthrough/rtp';
import { root } from './prepare.mjs';

const sampleRate = 8000;
const folder = join(root, 'server', 'prompts');
const languages = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8'));

/** Slower than people speak: it is heard over a telephone, perhaps by somebody who writes along. */
const wordsPerMinute = { digits: 130, phrases: 150 };
/** Of the loudest sample, dB below full scale: as loud as the greeting. */
const peakDb = -6;
/** Below this it is silence that espeak-ng leaves at both ends. */
const silence = 200;
/** Kept before and behind the words. */
const marginMs = 40;

/** Straight lines to 48 kHz, where they do no harm, and the low-pass of the media plane down from there. */
function to8k(pcm, from) {
  const wide = new Int16Array(Math.floor((pcm.length * 48_000) / from));
  for (let at = 0; at < wide.length; at += 1) {
    const place = (at * from) / 48_000;
    const left = Math.floor(place);
    wide[at] = Math.round(pcm[left] + (place - left) * ((pcm[left + 1] ?? pcm[left]) - pcm[left]));
  }
  const resampler = new Resampler(48_000, sampleRate);
  const narrow = new Int16Array(resampler.outputLength(wide.length));
  return narrow.subarray(0, resampler.process(wide, narrow));
}

function trimmed(pcm) {
  const margin = (marginMs * sampleRate) / 1000;
  const loud = (sample) => Math.abs(sample) > silence;
  const first = Math.max(0, pcm.findIndex(loud) - margin);
  const last = Math.min(pcm.length, pcm.findLastIndex(loud) + margin);
  const words = pcm.slice(first, last);
  const peak = words.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1);
  const gain = (32_767 * 10 ** (peakDb / 20)) / peak;
  return words.map((sample) => Math.round(sample * gain));
}

async function speak(text, { voice, speed, file }) {
  const arguments_ = ['-v', voice, '-s', String(speed), '-p', '42', '-g', '2', '--stdout', text];
  const { status, stdout, error } = spawnSync('espeak-ng', arguments_, { maxBuffer: 2 ** 26 });
  if (status !== 0) throw error ?? new Error(`espeak-ng ended with ${status}`);
  const audio = parseWav(stdout);
  if (!audio) throw new Error('espeak-ng made no WAV file');
  const samples = trimmed(to8k(wavToMono(audio), audio.sampleRate));
  await writeWav(file, { sampleRate, channels: 1, samples });
  // Recordings are private by default; these are for everybody.
  chmodSync(file, 0o644);
}

const wanted = process.argv.slice(2);
for (const [language, { voice, digits, phrases }] of Object.entries(languages)) {
  if (wanted.length > 0 && !wanted.includes(language)) continue;
  for (const kind of ['digits', 'phrases']) {
    const words = kind === 'digits' ? digits : phrases;
    const target = join(folder, language, kind);
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    for (const [name, text] of Object.entries(words)) {
      await speak(text, { voice, speed: wordsPerMinute[kind], file: join(target, `${name}.wav`) });
    }
  }
  console.log(`${language}: ${digits.length} digits, ${Object.keys(phrases).length} phrases`);
}
