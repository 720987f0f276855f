import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SipRequest, type SipResponse, SipStack } from '@ringthrough/sip';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PostgresServer } from '../store/testing/index.ts';

// A database server and the real program, on machines that are busy with something else.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
let folder: string;
let server: PostgresServer;
let children: ChildProcess[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-outage-'));
  children = [];
  server = await PostgresServer.start();
});
afterEach(async () => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await server?.stop();
  rmSync(folder, { recursive: true });
});

interface Run {
  child: ChildProcess;
  said: () => string;
}

function launch(url: string, more: Record<string, string> = {}): Run {
  const environment = {
    RINGTHROUGH_DATABASE_URL: url,
    RINGTHROUGH_HTTP_PORT: '0',
    RINGTHROUGH_SIP_PORT: '0',
    RINGTHROUGH_MEDIA_WEBRTC_PORT: '0',
    RINGTHROUGH_MEDIA_RTP_PORTS_MIN: '0',
    RINGTHROUGH_MEDIA_RTP_PORTS_MAX: '0',
    RINGTHROUGH_LAB_ENABLED: 'false',
    RINGTHROUGH_LOG_DESTINATION: join(folder, 'log'),
    ...more,
  };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...environment },
  });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
  return { child, said: () => said };
}

async function started(run: Run): Promise<string> {
  while (!run.said().includes('Stop with')) {
    if (run.child.exitCode !== null) throw new Error(`it ended: ${run.said()}`);
    await Promise.race([once(run.child.stdout ?? run.child, 'data'), once(run.child, 'exit')]);
  }
  return `http://127.0.0.1:${/localhost:(\d+)\//.exec(run.said())?.[1]}`;
}

/** For something that the database has to look up. */
async function ask(origin: string) {
  const answer = await fetch(`${origin}/api/validations/nobodystartedthisone/check`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"code":"123456"}',
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    retryAfter: answer.headers.get('retry-after'),
    code: ((await answer.json()) as { code: string }).code,
  };
}

/** With a refresh token that the database has to look up. */
const refresh = (origin: string) =>
  fetch(`${origin}/api/sessions/refresh`, {
    method: 'POST',
    headers: { 'x-requested-with': 'ringthrough', cookie: `ringthrough_refresh=${'A'.repeat(64)}` },
  });

it('while the database is away requests get 503; the process lives, and goes on when it is back', async () => {
  const run = launch(await server.createDatabase());
  const origin = await started(run);
  expect(await ask(origin)).toMatchObject({ status: 404, code: 'no-such-validation' });

  await server.kill('SIGKILL');
  expect(await ask(origin)).toEqual({
    status: 503,
    type: expect.stringContaining('application/problem+json'),
    retryAfter: '5',
    code: 'unavailable',
  });
  const refreshed = await refresh(origin);
  expect([refreshed.status, refreshed.headers.getSetCookie()], 'nobody is logged out').toEqual([503, []]);
  expect((await fetch(`${origin}/healthz`)).status).toBe(200);
  expect((await fetch(`${origin}/api/status`)).status).toBe(200);

  await server.startAgain();
  await vi.waitUntil(async () => (await ask(origin)).status === 404, { timeout: 60_000, interval: 50 });
  expect(run.child.exitCode).toBe(null);
  const gone = once(run.child, 'exit');
  run.child.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
  const log = readFileSync(join(folder, 'log'), 'utf8') + run.said();
  expect(log).toMatch(/was lost|cannot be reached/);
  for (const secret of [server.password, encodeURIComponent(server.password)])
    expect(log).not.toContain(secret);
});

it('while the database is away REGISTER and INVITE get 503, and Retry-After', async () => {
  const trunk = new SipStack({
    userAgent: 'test',
    listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
  });
  await trunk.start();
  try {
    const carrier = {
      ...{
        id: 'test',
        name: 'Test',
        country: 'US',
        family: 'gsm',
        prefixes: ['+1'],
        cNumber: '+14155559000',
      },
      trunks: [{ host: '127.0.0.1', port: trunk.addresses[0]?.port }],
    };
    const port = await freeSipPort();
    const settings = { RINGTHROUGH_CARRIERS: JSON.stringify([carrier]), RINGTHROUGH_SIP_PORT: String(port) };
    const origin = await started(launch(await server.createDatabase(), settings));
    const target = { protocol: 'udp', host: '127.0.0.1', port } as const;
    const parties: Array<[string, string]> = [
      ['From', '<sip:d1@localhost>'],
      ['To', '<sip:d1@localhost>'],
    ];
    const register = () =>
      trunk.request(
        new SipRequest('REGISTER', 'sip:localhost', {
          headers: [...parties, ['Contact', '<sip:d1@127.0.0.1>']],
        }),
        target,
        { credentials: { username: 'd1', password: 'x' } },
      );
    const invite = () =>
      new Promise<SipResponse>((resolve) => {
        const headers = [
          ...parties,
          ['Diversion', '<sip:+14155550101@x>;reason=unavailable'],
        ] as typeof parties;
        const request = new SipRequest('INVITE', 'sip:+14155559000@127.0.0.1', { headers });
        trunk.invite({ target, request }).on('rejected', resolve);
      });
    expect([(await register()).status, (await invite()).status]).toEqual([401, 404]);
    await server.kill('SIGKILL');
    for (const answer of [await register(), await invite()]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
    }
    await server.startAgain();
    await vi.waitUntil(async () => (await ask(origin)).status === 404, { timeout: 60_000, interval: 50 });
    expect([(await register()).status, (await invite()).status]).toEqual([401, 404]);
  } finally {
    await trunk.close();
  }
});

/** Free for UDP and TCP a moment ago. */
async function freeSipPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

it.each([
  ['nobody listens', (url: string) => url.replace(/:\d+\//, ':1/'), /ECONNREFUSED/],
  [
    'the password is wrong',
    (url: string) => url.replace(/:[^:@]*@/, ':falsch-geheim@'),
    /password authentication/,
  ],
  [
    'it is not there',
    (url: string) => url.replace(/\/[^/]*$/, '/nothing'),
    /database "nothing" does not exist/,
  ],
  ['the URL is none', (url: string) => url.replace('@', '/falsch-geheim@'), /database.url is no URL/],
])('%s: the start says so, and what to change', async (_, spoil, reason) => {
  const run = launch(spoil(await server.createDatabase()));
  expect(await once(run.child, 'exit')).toEqual([1, null]);
  expect(run.said()).toMatch(
    /^The database cannot be used: .*Change database\.url .*RINGTHROUGH_DATABASE_URL/,
  );
  expect(run.said()).toMatch(reason);
  for (const secret of ['falsch-geheim', server.password, encodeURIComponent(server.password)])
    expect(run.said()).not.toContain(secret);
});

it('leaves the database to the one that runs already', async () => {
  const url = await server.createDatabase();
  await started(launch(url));
  const other = mkdtempSync(join(tmpdir(), 'ringthrough-outage-'));
  const mine = folder;
  folder = other;
  const second = launch(url);
  expect(await once(second.child, 'exit')).toEqual([1, null]);
  expect(second.said()).toMatch(
    /^The database cannot be used: the database test_\w+ on 127.* is in use by another/,
  );
  rmSync(other, { recursive: true });
  folder = mine;
});
