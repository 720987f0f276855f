import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeALaw } from '../codecs/g711.ts';
import { readWav, recoverWav, WavWriter, writeWav } from './wav-file.ts';
import { parseWav, wavHeader, wavToMono } from './wav-format.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringthrough-wav-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const ramp = (count: number) => Int16Array.from({ length: count }, (_, i) => i * 7);

describe('files', () => {
  test('what is written in pieces is read as a whole', async () => {
    const path = join(folder, 'a.wav');
    const writer = await WavWriter.create(path, { sampleRate: 8000 });
    const samples = ramp(20_000);
    for (let at = 0; at < samples.length; at += 160) writer.write(samples.subarray(at, at + 160));
    expect(writer.durationMs).toBe(2500);
    await Promise.all([writer.close(), writer.close()]);
    writer.write(samples);
    expect(await readWav(path)).toEqual({ sampleRate: 8000, channels: 1, samples });
    expect(await recoverWav(path)).toBe(2500);
    expect((await stat(path)).size).toBe(44 + 40_000);
  });

  test('an existing file is not overwritten', async () => {
    const path = join(folder, 'a.wav');
    await writeWav(path, { sampleRate: 16000, channels: 2, samples: ramp(100) });
    await expect(WavWriter.create(path, { sampleRate: 8000 })).rejects.toMatchObject({ code: 'EEXIST' });
    expect((await readWav(path))!.samples.length).toBe(100);
  });

  test('a writer killed with kill -9 leaves a file that is recovered', async () => {
    const path = join(folder, 'killed.wav');
    const module = join(import.meta.dirname, 'wav-file.ts');
    const program = `
      import { WavWriter } from ${JSON.stringify(module)};
      const writer = await WavWriter.create(${JSON.stringify(path)}, { sampleRate: 8000 });
      setInterval(() => { writer.write(new Int16Array(1600).fill(1234)); process.stdout.write('.'); }, 1);
    `;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program]);
    let frames = 0;
    for await (const dots of child.stdout) {
      frames += (dots as Buffer).length;
      if (frames > 40) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect((await readFile(path)).readUInt32LE(40)).toBe(0);
    const durationMs = await recoverWav(path);
    expect(durationMs).toBeGreaterThan(4000);
    const audio = (await readWav(path))!;
    expect(audio.samples.length).toBe(durationMs! * 8);
    expect(audio.samples.every((sample) => sample === 1234)).toBe(true);
  });

  test('half a sample at the end is cut off', async () => {
    const path = join(folder, 'a.wav');
    await writeWav(path, { sampleRate: 8000, channels: 1, samples: ramp(800) });
    await truncate(path, 44 + 801);
    expect(await recoverWav(path)).toBe(50);
    expect((await readWav(path))!.samples).toEqual(ramp(400));
  });

  test('other files are left alone', async () => {
    const path = join(folder, 'other');
    await writeFile(path, 'not audio at all, but longer than a header of forty-four bytes');
    expect(await recoverWav(path)).toBeUndefined();
    expect(await readWav(path)).toBeUndefined();
    await writeFile(path, 'short');
    expect(await recoverWav(path)).toBeUndefined();
    await expect(recoverWav(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('recovery takes in what was appended after the header was patched', async () => {
    const path = join(folder, 'a.wav');
    await writeWav(path, { sampleRate: 8000, channels: 1, samples: ramp(80) });
    await appendFile(path, Buffer.alloc(160));
    expect(await recoverWav(path)).toBe(20);
  });
});

describe('parseWav', () => {
  test('A-law, further chunks before the data, and an extensible header', () => {
    const codes = new Uint8Array(4);
    encodeALaw(Int16Array.of(0, 1000, -1000, 30000), codes);
    const header = wavHeader({ sampleRate: 8000, channels: 1 }, 4);
    header.writeUInt16LE(6, 20);
    header.writeUInt16LE(8, 34);
    const odd = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1');
    const file = Buffer.concat([header.subarray(0, 36), odd, header.subarray(36), codes]);
    expect(parseWav(file)!.samples.map((sample) => Math.round(sample / 1000))).toEqual(
      Int16Array.of(0, 1, -1, 30),
    );
    const extension = Buffer.alloc(24);
    extension.writeUInt16LE(6, 8);
    header.writeUInt16LE(0xfffe, 20);
    header.writeUInt32LE(40, 16);
    const extensible = Buffer.concat([header.subarray(0, 36), extension, header.subarray(36), codes]);
    expect(parseWav(extensible)!.samples.length).toBe(4);
  });

  test('several channels become their mean', () => {
    expect([
      ...wavToMono({ sampleRate: 8000, channels: 2, samples: Int16Array.of(0, 100, -50, 50) }),
    ]).toEqual([50, 0]);
  });

  test('garbage, truncated and damaged files never throw', () => {
    const whole = Buffer.concat([wavHeader({ sampleRate: 8000, channels: 1 }, 200), Buffer.alloc(200)]);
    fc.assert(
      fc.property(fc.nat(44), fc.nat(255), fc.nat(whole.length), (at, value, length) => {
        const damaged = Buffer.from(whole);
        damaged[at] = value;
        parseWav(damaged.subarray(0, length));
        parseWav(whole.subarray(0, length));
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => parseWav(bytes) === undefined));
  });
});
