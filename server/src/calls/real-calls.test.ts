import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readWav, toneLevelDb, writeWav } from '@ringthrough/rtp';
import { computeHa1, SipRequest, SipStack, type UacSession } from '@ringthrough/sip';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '../log.ts';
import { EmbeddedMediaPlane, type MediaLeg } from '../media/index.ts';
import { openStore, type Store } from '../store/index.ts';

/** Real SIP over loopback, real RTP, and a server that is killed. Media runs in real time, so these take seconds. */
const timeoutMs = 180_000;
const script = fileURLToPath(new URL('testing/call-server.ts', import.meta.url));
const quiet = createLogger({ level: 'silent', destination: 'stderr' });
const password = 'secret';

/** The call server in a process of its own. */
class ServerProcess {
  readonly #child: ChildProcess;
  readonly lines: unknown[] = [];
  #wake: () => void = () => undefined;
  readonly errors: string[] = [];

  constructor(dataDir: string, firstPort: number) {
    this.#child = spawn(process.execPath, [script, dataDir, String(firstPort)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line));
      this.#wake();
    });
    this.#child.stderr!.on('data', (chunk) => this.errors.push(String(chunk)));
    this.#child.on('exit', () => this.#wake());
  }

  /** The first line that fits, now or later. */
  async said<T>(fits: (line: unknown) => boolean): Promise<T> {
    for (;;) {
      const line = this.lines.find(fits);
      if (line !== undefined) return line as T;
      if (this.#child.exitCode !== null) throw new Error(`the server went:\n${this.errors.join('')}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async port(): Promise<number> {
    const isPort = (line: unknown) => typeof line === 'object' && line !== null && 'sip' in line;
    return (await this.said<{ sip: number }>(isPort)).sip;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

let dataDir: string;
let firstPort: number;
let media: EmbeddedMediaPlane;
let stacks: SipStack[];
let server: ServerProcess;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringthrough-kill-'));
  // Below the ports that systems hand out by themselves.
  firstPort = 20_000 + 200 * Math.floor(Math.random() * 60);
  stacks = [];
  const store = await openStore({ path: join(dataDir, 'ringthrough.db') });
  await seed(store);
  await store.destroy();
  await writeWav(join(dataDir, 'greeting.wav'), {
    sampleRate: 8000,
    channels: 1,
    samples: new Int16Array(1600),
  });
  media = await EmbeddedMediaPlane.start({
    host: '127.0.0.1',
    webrtcPort: 0,
    rtpPorts: { min: firstPort + 100, max: firstPort + 199 },
    silenceTimeoutSeconds: 20,
    log: quiet,
  });
  server = new ServerProcess(dataDir, firstPort);
}, timeoutMs);

afterEach(async () => {
  await server.kill();
  await Promise.all(stacks.map((stack) => stack.close()));
  await media.close();
  await rm(dataDir, { recursive: true });
}, timeoutMs);

async function seed(store: Store): Promise<void> {
  await store.insertInto('accounts').values({ id: 'ann', password_hash: 'x', created_at: 1 }).execute();
  const number = {
    e164: '+14155550101',
    account_id: 'ann',
    is_primary: 1,
    carrier_id: 'lab-gsm',
    validated_at: 1,
  };
  await store
    .insertInto('numbers')
    .values({ ...number, answer_mode: 'both' })
    .execute();
  await store
    .insertInto('devices')
    .values({
      id: 'phone',
      account_id: 'ann',
      name: 'Phone',
      system: 'test',
      kind: 'softphone',
      sip_user: 'dphone',
      ha1_md5: computeHa1('MD5', 'dphone', 'ringthrough', password),
      ha1_sha256: computeHa1('SHA-256', 'dphone', 'ringthrough', password),
      created_at: 1,
    })
    .execute();
}

async function newStack(): Promise<SipStack> {
  const stack = new SipStack({
    userAgent: 'test',
    listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
  });
  stacks.push(stack);
  await stack.start();
  return stack;
}

/** The carrier forwards a call; resolves when it is answered. */
async function call(): Promise<{ session: UacSession; leg: MediaLeg }> {
  const trunk = await newStack();
  const leg = await media.openLeg({ callId: 'trunk', kind: 'rtp', codecs: ['PCMA'] });
  const request = new SipRequest('INVITE', 'sip:+14155559000@127.0.0.1', {
    headers: [
      ['From', '<sip:+14155550199@127.0.0.1>'],
      ['To', '<sip:+14155559000@127.0.0.1>'],
      ['Diversion', '<sip:+14155550101@127.0.0.1>;reason=unavailable'],
    ],
    body: await leg.createOffer(),
  });
  const port = await server.port();
  const session = trunk.invite({ request, target: { protocol: 'udp', host: '127.0.0.1', port } });
  const sdp = await new Promise<string>((resolve, reject) => {
    session.on('accepted', (response) => resolve(Buffer.from(response.body).toString()));
    session.on('rejected', ({ status }) => reject(new Error(`refused with ${status}`)));
  });
  await leg.acceptAnswer(sdp);
  return { session, leg };
}

const is = (wanted: unknown) => (line: unknown) => line === wanted;

/** How loud each tone is in the middle half of the file, in dB. */
async function heard(path: string, ...tones: number[]): Promise<number[]> {
  const wav = await readWav(path);
  if (wav === undefined) throw new Error('no WAV');
  const middle = wav.samples.subarray(wav.samples.length >> 2, (wav.samples.length * 3) >> 2);
  return tones.map((hz) => toneLevelDb(middle, wav.sampleRate, hz));
}

async function inStore<T>(read: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ path: join(dataDir, 'ringthrough.db') });
  try {
    return await read(store);
  } finally {
    await store.destroy();
  }
}

async function restart(): Promise<{ messages: number; calls: number }> {
  server = new ServerProcess(dataDir, firstPort);
  await server.port();
  return server.said((line) => typeof line === 'object' && line !== null && 'messages' in line);
}

const messages = () => inStore((store) => store.selectFrom('voicemails').selectAll().execute());
const records = () => inStore((store) => store.selectFrom('calls').selectAll().execute());

test('kill -9 just after "voicemail stored": row, audio and record are there', {
  timeout: timeoutMs,
}, async () => {
  const { session, leg } = await call();
  await leg.play({ toneHz: 440, durationMs: 2500 });
  session.bye();
  await server.said(is('voicemail.stored'));
  await server.kill();
  const [message] = await messages();
  expect(message).toMatchObject({ account_id: 'ann', number: '+14155550101', calling: '+14155550199' });
  const [tone, other] = await heard(join(dataDir, message?.file ?? ''), 440, 1000);
  expect(tone).toBeGreaterThan(-20);
  expect(other).toBeLessThan(-40);
  expect(await records()).toMatchObject([{ outcome: 'voicemail', trunk_codec: 'PCMA' }]);
  expect(await restart()).toEqual({ messages: 0, calls: 0 });
  expect(await messages()).toHaveLength(1);
});

test('kill -9 in the middle of a message: what was said is stored at the next start', {
  timeout: timeoutMs,
}, async () => {
  const { leg } = await call();
  const playing = leg.play({ toneHz: 440, durationMs: 20_000 });
  const folder = join(dataDir, 'voicemail');
  await vi.waitFor(
    async () => {
      const part = (await readdir(folder)).find((name) => name.endsWith('.part'));
      expect((await stat(join(folder, part ?? ''))).size).toBeGreaterThan(2 * 8000 * 1.5);
    },
    { timeout: 30_000, interval: 50 },
  );
  await server.kill();
  await leg.stopPlaying();
  await playing;
  expect(await messages()).toEqual([]);
  expect(await restart()).toEqual({ messages: 1, calls: 1 });
  const [message] = await messages();
  expect(message?.duration_ms).toBeGreaterThan(1000);
  expect((await heard(join(dataDir, message?.file ?? ''), 440))[0]).toBeGreaterThan(-20);
  expect((await readdir(folder)).sort()).toEqual([`${message?.id}.wav`]);
  expect(await records()).toMatchObject([{ outcome: 'voicemail', cause: 'interrupted' }]);
});

test('a device answers: each side hears the other; a kill leaves an answered call', {
  timeout: timeoutMs,
}, async () => {
  const device = await newStack();
  const deviceLeg = await media.openLeg({ callId: 'device', kind: 'rtp', codecs: ['PCMU', 'PCMA'] });
  device.on('invite', (session) => {
    void deviceLeg.acceptOffer(session.offer ?? '').then((sdp) => session.accept({ sdp }));
  });
  await register(device);
  const { leg } = await call();
  const paths = [join(dataDir, 'caller.wav'), join(dataDir, 'device.wav')] as const;
  await leg.record({ path: paths[0], maxDurationMs: 10_000 });
  await deviceLeg.record({ path: paths[1], maxDurationMs: 10_000 });
  await Promise.all([
    leg.play({ toneHz: 440, durationMs: 1500 }),
    deviceLeg.play({ toneHz: 700, durationMs: 1500 }),
  ]);
  await Promise.all([leg.stopRecording(), deviceLeg.stopRecording()]);
  const [own, others] = await heard(paths[0], 440, 700);
  expect(own).toBeLessThan(-40);
  expect(others).toBeGreaterThan(-20);
  const [reverse, otherOwn] = await heard(paths[1], 440, 700);
  expect(reverse).toBeGreaterThan(-20);
  expect(otherOwn).toBeLessThan(-40);
  await server.kill();
  expect(await restart()).toEqual({ messages: 0, calls: 1 });
  expect(await records()).toMatchObject([
    { outcome: 'answered', cause: 'interrupted', answered_device_id: 'phone' },
  ]);
});

async function register(device: SipStack): Promise<void> {
  const port = await server.port();
  const own = device.addresses[0]?.port;
  const request = new SipRequest('REGISTER', 'sip:localhost', {
    headers: [
      ['From', '<sip:dphone@localhost>'],
      ['To', '<sip:dphone@localhost>'],
      ['Contact', `<sip:dphone@127.0.0.1:${own}>`],
    ],
  });
  const target = { protocol: 'udp', host: '127.0.0.1', port } as const;
  const response = await device.request(request, target, { credentials: { username: 'dphone', password } });
  expect(response.status).toBe(200);
}
