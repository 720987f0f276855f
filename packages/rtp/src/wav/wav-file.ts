import { type FileHandle, open, readFile } from 'node:fs/promises';
import { parseWav, WAV_HEADER_BYTES, type WavAudio, wavHeader } from './wav-format.ts';

/** Audio held back before it is written. What a killed process loses at most. */
const CHUNK_MS = 250;

export interface WavWriterOptions {
  sampleRate: number;
  /** Default 1. */
  channels?: number;
}

/**
 * Writes 16-bit PCM as it arrives. The header's lengths are filled in by `close`; `recoverWav` does it for a file
 * whose writer died.
 */
export class WavWriter {
  readonly #file: FileHandle;
  readonly #format: { sampleRate: number; channels: number };
  readonly #chunkBytes: number;
  #chunk: Buffer;
  #filled = 0;
  #written = 0;
  #samples = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  #closing: Promise<void> | undefined;

  private constructor(file: FileHandle, format: { sampleRate: number; channels: number }) {
    this.#file = file;
    this.#format = format;
    this.#chunkBytes = 2 * Math.ceil((format.sampleRate * format.channels * CHUNK_MS) / 1000);
    this.#chunk = Buffer.allocUnsafe(this.#chunkBytes);
  }

  /** Creates the file. @throws what the file system says; `EEXIST` when there is one already. */
  static async create(path: string, options: WavWriterOptions): Promise<WavWriter> {
    const format = { sampleRate: options.sampleRate, channels: options.channels ?? 1 };
    const file = await open(path, 'wx', 0o600);
    try {
      await file.write(wavHeader(format, 0), 0, WAV_HEADER_BYTES, 0);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new WavWriter(file, format);
  }

  /** Of what was given to `write`, in milliseconds. */
  get durationMs(): number {
    return (1000 * this.#samples) / (this.#format.sampleRate * this.#format.channels);
  }

  /** Whether the disk has failed: what comes now is not kept, and `close` will throw. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Takes a copy and returns at once. A failing disk is reported by `close`; nothing is taken after `close`. */
  write(pcm: Int16Array): void {
    if (this.#closing) return;
    this.#samples += pcm.length;
    for (let i = 0; i < pcm.length; i++) {
      this.#chunk.writeInt16LE(pcm[i]!, this.#filled);
      this.#filled += 2;
      if (this.#filled === this.#chunkBytes) this.#flush();
    }
  }

  /** Writes the rest and the header, and waits until the disk has it. Idempotent. @throws the first write error. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  #flush(): void {
    const chunk = this.#chunk.subarray(0, this.#filled);
    const at = WAV_HEADER_BYTES + this.#written;
    this.#written += this.#filled;
    this.#filled = 0;
    this.#chunk = Buffer.allocUnsafe(this.#chunkBytes);
    this.#tail = this.#tail.then(async () => {
      if (this.#failure !== undefined) return;
      try {
        await writeFully(this.#file, chunk, at);
      } catch (error) {
        this.#failure = error;
      }
    });
  }

  async #finish(): Promise<void> {
    if (this.#filled > 0) this.#flush();
    try {
      await this.#tail;
      if (this.#failure !== undefined) throw this.#failure;
      await this.#file.write(wavHeader(this.#format, this.#written), 0, WAV_HEADER_BYTES, 0);
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
  }
}

async function writeFully(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}

/** Reads a whole WAV file. @returns undefined when it is none we can read. @throws what the file system says. */
export async function readWav(path: string): Promise<WavAudio | undefined> {
  return parseWav(await readFile(path));
}

/** Writes a whole WAV file; must not exist yet. */
export async function writeWav(path: string, audio: WavAudio): Promise<void> {
  const writer = await WavWriter.create(path, audio);
  writer.write(audio.samples);
  await writer.close();
}

/**
 * Repairs a file whose writer was killed: lengths in the header from the length of the file, half a sample at the end
 * cut off. A whole file stays as it is.
 * @returns the audio's duration in milliseconds, or undefined when it is no file of `WavWriter`
 * @throws what the file system says
 */
export async function recoverWav(path: string): Promise<number | undefined> {
  const file = await open(path, 'r+');
  try {
    const header = Buffer.alloc(WAV_HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, WAV_HEADER_BYTES, 0);
    const format = { sampleRate: header.readUInt32LE(24), channels: header.readUInt16LE(22) };
    if (bytesRead < WAV_HEADER_BYTES || !plausible(format)) return undefined;
    const { size } = await file.stat();
    const frameBytes = 2 * format.channels;
    const dataBytes = size - WAV_HEADER_BYTES - ((size - WAV_HEADER_BYTES) % frameBytes);
    const expected = wavHeader(format, header.readUInt32LE(40));
    const sameKind = expected.subarray(8, 40).equals(header.subarray(8, 40));
    if (!sameKind || header.toString('latin1', 0, 4) !== 'RIFF') return undefined;
    const right = wavHeader(format, dataBytes);
    if (!right.equals(header) || size !== WAV_HEADER_BYTES + dataBytes) {
      await file.truncate(WAV_HEADER_BYTES + dataBytes);
      await file.write(right, 0, WAV_HEADER_BYTES, 0);
      await file.datasync();
    }
    return (1000 * dataBytes) / (format.sampleRate * frameBytes);
  } finally {
    await file.close();
  }
}

function plausible(format: { sampleRate: number; channels: number }): boolean {
  const { sampleRate, channels } = format;
  return channels >= 1 && channels <= 8 && sampleRate >= 1 && sampleRate <= 1_000_000;
}
