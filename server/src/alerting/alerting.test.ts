import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseWav, readWav, ToneGenerator, wavHeader, writeWav } from '@ringthrough/rtp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalFabric } from '../fabric/index.ts';
import { createLogger } from '../log.ts';
import { openStore, type Store } from '../store/index.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { Alerting, defaultGreetingFile } from './index.ts';
import type { MessageNote } from './message-files.ts';

let dataDir: string;
let database: TestDatabase;
let store: Store;
let events: string[];
let sms: string[];
let reachable: boolean;
let alerting: Alerting;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringthrough-alerting-'));
  database = await TestDatabase.create({ memory: true });
  store = await openStore(database.options);
  events = [];
  sms = [];
  reachable = false;
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  await store
    .insertInto('numbers')
    .values({
      e164: '+14155550101',
      account_id: 'ann',
      is_primary: 1,
      carrier_id: 'lab-gsm',
      answer_mode: 'both',
      validated_at: 1,
    })
    .execute();
  alerting = create();
  await alerting.start();
});

afterEach(async () => {
  await store.destroy();
  database.remove();
  await rm(dataDir, { recursive: true });
});

function create(): Alerting {
  const fabric = new LocalFabric((error) => events.push(String(error)));
  for (const type of ['voicemail.stored', 'voicemail.changed'] as const) {
    fabric.subscribe(type, ({ voicemailId }) => events.push(`${type} ${voicemailId}`));
  }
  return new Alerting({
    store,
    fabric,
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    now: () => 1_700_000_000_000,
    sms: {
      enqueue: async (_, carrierId, to, text) => void sms.push(`${carrierId} ${to} ${text}`),
      wake: () => undefined,
    },
    isReachable: async () => reachable,
    dataDir,
    maxMessageMs: 60_000,
    maxSilenceMs: 8_000,
    minVoiceMs: 600,
    maxMessagesPerAccount: 10,
  });
}

const note: MessageNote = {
  id: 'mess',
  accountId: 'ann',
  number: '+14155550101',
  calling: '+14155550199',
  callId: 'call',
  startedAt: 1,
};

const folder = () => join(dataDir, 'voicemail');

/** What a killed process leaves: lengths in the header still 0, half a sample at the end. */
function torn(seconds: number, level = -12): Buffer {
  const samples = new Int16Array(8000 * seconds);
  new ToneGenerator({ sampleRate: 8000, frequencies: [440], levelDb: level }).fill(samples);
  const header = wavHeader({ sampleRate: 8000, channels: 1 }, 0);
  return Buffer.concat([header, Buffer.from(samples.buffer), Buffer.from([1])]);
}

async function leave(files: Record<string, string | Buffer>): Promise<void> {
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder(), name), content);
}

const left = async () => (await readdir(folder())).sort();

test('a recording cut off by a crash becomes a message, once', async () => {
  await leave({ 'mess.json': JSON.stringify(note), 'mess.wav.part': torn(3) });
  expect(await create().start()).toBe(1);
  expect(await left()).toEqual(['mess.wav']);
  expect(await alerting.voicemails('ann')).toEqual([
    {
      id: 'mess',
      number: '+14155550101',
      calling: '+14155550199',
      storedAt: 1_700_000_000_000,
      durationMs: 3000,
      heardAt: undefined,
    },
  ]);
  const path = await alerting.voicemailAudio('ann', 'mess');
  expect((await readWav(path ?? ''))?.samples).toHaveLength(24_000);
  expect(events).toEqual(['voicemail.stored mess']);
  expect(sms).toEqual(['lab-gsm +14155550101 You have a message from +14155550199.']);
  expect(await create().start()).toBe(0);
});

test('cut off between rename and row: the message is stored', async () => {
  await leave({ 'mess.json': JSON.stringify(note), 'mess.wav': torn(2) });
  expect(await create().start()).toBe(1);
  expect(await left()).toEqual(['mess.wav']);
});

test('cut off between row and clean-up: nothing is stored or told twice', async () => {
  await leave({ 'mess.json': JSON.stringify(note), 'mess.wav.part': torn(2) });
  await create().start();
  await leave({ 'mess.json': JSON.stringify(note) });
  expect(await create().start()).toBe(0);
  expect(await alerting.voicemails('ann')).toHaveLength(1);
  expect(sms).toHaveLength(1);
  expect(await left()).toEqual(['mess.wav']);
});

test.each<[string, Record<string, string | Buffer>]>([
  ['silence', { 'mess.json': JSON.stringify(note), 'mess.wav.part': torn(3, -90) }],
  ['too short a sound', { 'mess.json': JSON.stringify(note), 'mess.wav.part': torn(0.3) }],
  ['no audio yet', { 'mess.json': JSON.stringify(note) }],
  ['half a header', { 'mess.json': JSON.stringify(note), 'mess.wav.part': 'RIFF' }],
  ['half a note', { 'mess.json': '{"id":"me' }],
  [
    'an account that is gone',
    { 'mess.json': JSON.stringify({ ...note, accountId: 'bob' }), 'mess.wav.part': torn(3) },
  ],
])('a crash that left %s leaves no message and no file', async (_, files) => {
  await leave(files);
  expect(await create().start()).toBe(0);
  expect(await alerting.voicemails('ann')).toEqual([]);
  expect(await left()).toEqual([]);
});

test('a person whose device is there gets no SMS', async () => {
  reachable = true;
  await leave({ 'mess.json': JSON.stringify(note), 'mess.wav.part': torn(3) });
  await create().start();
  expect(events).toEqual(['voicemail.stored mess']);
  expect(sms).toEqual([]);
});

test('hearing and deleting a message, by its owner only', async () => {
  await leave({ 'mess.json': JSON.stringify(note), 'mess.wav.part': torn(3) });
  await alerting.start();
  for (const refused of [
    alerting.markHeard('bob', 'mess'),
    alerting.delete('bob', 'mess'),
    alerting.markHeard('ann', 'none'),
  ]) {
    expect(await refused).toBe(false);
  }
  expect(await alerting.voicemailAudio('bob', 'mess')).toBeUndefined();
  expect(await alerting.markHeard('ann', 'mess')).toBe(true);
  expect((await alerting.voicemails('ann'))[0]?.heardAt).toBe(1_700_000_000_000);
  expect(await alerting.delete('ann', 'mess')).toBe(true);
  expect(await left()).toEqual([]);
  expect(events).toEqual(['voicemail.stored mess', 'voicemail.changed mess', 'voicemail.changed mess']);
});

test('the missed-call alert follows what the person wants', async () => {
  const call = { callId: 'call', accountId: 'ann', number: '+14155550101', calling: undefined };
  await alerting.missed({ ...call, answerMode: 'voicemail' });
  expect(sms).toEqual([]);
  await alerting.missed({ ...call, answerMode: 'mca' });
  expect(sms).toEqual(['lab-gsm +14155550101 You missed a call from a withheld number.']);
});

test('the greeting that comes with the program is 16-bit mono at 8 kHz, and short', async () => {
  const greeting = await readWav(defaultGreetingFile);
  expect(greeting).toMatchObject({ sampleRate: 8000, channels: 1 });
  expect((greeting?.samples.length ?? 0) / 8000).toBeGreaterThan(2);
  expect((greeting?.samples.length ?? 0) / 8000).toBeLessThan(8);
});

test('a whole file is not changed by recovery', async () => {
  const samples = new Int16Array(16_000);
  new ToneGenerator({ sampleRate: 8000, frequencies: [440] }).fill(samples);
  await writeWav(join(folder(), 'mess.wav'), { sampleRate: 8000, channels: 1, samples });
  await leave({ 'mess.json': JSON.stringify(note) });
  await create().start();
  const path = (await alerting.voicemailAudio('ann', 'mess')) ?? '';
  expect(await readWav(path)).toEqual({ sampleRate: 8000, channels: 1, samples });
  expect(parseWav(Buffer.from('x'))).toBeUndefined();
});
