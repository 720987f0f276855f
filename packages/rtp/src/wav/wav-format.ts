import { decodeALaw, decodeMuLaw } from '../codecs/g711.ts';

/** PCM of a WAV file; samples of several channels alternate. */
export interface WavAudio {
  sampleRate: number;
  channels: number;
  samples: Int16Array;
}

export const WAV_HEADER_BYTES = 44;

/** The 44-byte header of a 16-bit PCM file. `dataBytes` is not yet known while a file is being written: 0. */
export function wavHeader(format: { sampleRate: number; channels: number }, dataBytes: number): Buffer {
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  const frameBytes = 2 * format.channels;
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(Math.min(WAV_HEADER_BYTES - 8 + dataBytes, 0xffffffff), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(format.channels, 22);
  header.writeUInt32LE(format.sampleRate, 24);
  header.writeUInt32LE(format.sampleRate * frameBytes, 28);
  header.writeUInt16LE(frameBytes, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(Math.min(dataBytes, 0xffffffff), 40);
  return header;
}

const decoders: Readonly<Record<string, (data: Uint8Array) => Int16Array>> = {
  '1/16': decodePcm16,
  '6/8': (data) => decodeWith(decodeALaw, data),
  '7/8': (data) => decodeWith(decodeMuLaw, data),
};

/**
 * Reads a WAV file: 16-bit PCM, A-law or µ-law. A data chunk cut short gives what is there.
 * @returns undefined when it is no such file
 */
export function parseWav(bytes: Uint8Array): WavAudio | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || fourCc(bytes, 0) !== 'RIFF' || fourCc(bytes, 8) !== 'WAVE') return undefined;
  let format: { sampleRate: number; channels: number; decode: (data: Uint8Array) => Int16Array } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const chunk = bytes.subarray(at + 8, Math.min(bytes.length, at + 8 + size));
    const name = fourCc(bytes, at);
    if (name === 'fmt ') format = parseFormat(chunk);
    if (name === 'data') return format && finish(format, chunk);
    // Chunks are padded to even lengths.
    at += 8 + size + (size & 1);
  }
  return undefined;
}

function parseFormat(chunk: Uint8Array) {
  if (chunk.length < 16) return undefined;
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let tag = view.getUint16(0, true);
  // WAVE_FORMAT_EXTENSIBLE: the true tag begins the sub-format GUID.
  if (tag === 0xfffe && chunk.length >= 26) tag = view.getUint16(24, true);
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  const decode = decoders[`${tag}/${view.getUint16(14, true)}`];
  if (!decode || channels === 0 || sampleRate === 0) return undefined;
  return { sampleRate, channels, decode };
}

function finish(
  format: { sampleRate: number; channels: number; decode: (data: Uint8Array) => Int16Array },
  data: Uint8Array,
): WavAudio {
  const { sampleRate, channels, decode } = format;
  const samples = decode(data);
  return { sampleRate, channels, samples: samples.subarray(0, samples.length - (samples.length % channels)) };
}

/** The mean of all channels. */
export function wavToMono(audio: WavAudio): Int16Array {
  if (audio.channels === 1) return audio.samples;
  const mono = new Int16Array(audio.samples.length / audio.channels);
  for (let i = 0; i < mono.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < audio.channels; channel++)
      sum += audio.samples[i * audio.channels + channel]!;
    mono[i] = Math.round(sum / audio.channels);
  }
  return mono;
}

function decodePcm16(data: Uint8Array): Int16Array {
  const samples = new Int16Array(data.length >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = data[2 * i]! | (data[2 * i + 1]! << 8);
  return samples;
}

function decodeWith(decode: (codes: Uint8Array, out: Int16Array) => number, data: Uint8Array): Int16Array {
  const samples = new Int16Array(data.length);
  decode(data, samples);
  return samples;
}

function fourCc(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
}
