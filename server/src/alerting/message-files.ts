import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readWav, recoverWav, VoiceDetector, wavToMono } from '@ringthrough/rtp';
import type { RecordingResult } from '../media/index.ts';

/** What a recording is about; beside the audio on disk, so that it survives the process. */
export interface MessageNote {
  id: string;
  accountId: string;
  number: string;
  calling: string | null;
  callId: string;
  /** Unix milliseconds. */
  startedAt: number;
}

/** A recording of a process that died. */
export interface LeftOver {
  note: MessageNote;
  /** Undefined when no audio was written. */
  audio: { durationMs: number; voiceMs: number } | undefined;
}

/**
 * Message audio on disk. `<id>.json` and `<id>.wav.part` while it is recorded, `<id>.wav` when it is kept; the note
 * goes last, so whatever a crash leaves can be told from it.
 */
export class MessageFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async prepare(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** Where to record. The note is on the disk when this resolves. */
  async begin(note: MessageNote): Promise<string> {
    const file = await open(this.#note(note.id), 'wx', 0o600);
    try {
      await file.writeFile(JSON.stringify(note));
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#syncDirectory();
    return this.#part(note.id);
  }

  /** Makes the recording final and durable; `settle` follows once it is in the database. */
  async keep(id: string): Promise<void> {
    const file = await open(this.#part(id), 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(this.#part(id), this.path(id));
    await this.#syncDirectory();
  }

  async settle(id: string): Promise<void> {
    await rm(this.#note(id), { force: true });
  }

  /** Removes whatever there is of a recording. */
  async discard(id: string): Promise<void> {
    for (const path of [this.#part(id), this.path(id), this.#note(id)]) await rm(path, { force: true });
  }

  path(id: string): string {
    return join(this.#directory, `${id}.wav`);
  }

  /** Recordings that were begun and not settled, repaired. Those that cannot be read are removed. */
  async leftOver(): Promise<LeftOver[]> {
    const found: LeftOver[] = [];
    for (const name of await readdir(this.#directory)) {
      if (!name.endsWith('.json')) continue;
      const note = await this.#readNote(name);
      if (note === undefined) await rm(join(this.#directory, name), { force: true });
      else found.push({ note, audio: await this.#repair(note.id) });
    }
    return found.sort((a, b) => a.note.startedAt - b.note.startedAt);
  }

  /** Length and voice of a recording whose writer did not finish it, wherever it is; the file is whole afterwards. */
  async measure(path: string): Promise<RecordingResult | undefined> {
    const durationMs = await recoverWav(path);
    const audio = durationMs === undefined ? undefined : await readWav(path);
    if (durationMs === undefined || audio === undefined) return undefined;
    const voice = new VoiceDetector(audio.sampleRate);
    voice.push(wavToMono(audio));
    return { path, durationMs, voiceMs: voice.voiceMs };
  }

  async #repair(id: string): Promise<LeftOver['audio']> {
    for (const path of [this.path(id), this.#part(id)]) {
      if (!(await exists(path))) continue;
      const measured = await this.measure(path);
      if (measured === undefined) continue;
      if (path === this.#part(id)) await this.keep(id);
      return { durationMs: measured.durationMs, voiceMs: measured.voiceMs };
    }
    return undefined;
  }

  async #readNote(name: string): Promise<MessageNote | undefined> {
    try {
      const note: MessageNote = JSON.parse(await readFile(join(this.#directory, name), 'utf8'));
      return `${note.id}.json` === name ? note : undefined;
    } catch (error) {
      // A crash while the note was written leaves half of one: nothing was recorded yet.
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  /** A rename is durable when its directory is. */
  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  #part(id: string): string {
    return join(this.#directory, `${id}.wav.part`);
  }

  #note(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
