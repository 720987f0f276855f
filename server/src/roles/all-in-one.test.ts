import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SipRequest, SipStack, type UasSession } from '@ringthrough/sip';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { stringify } from 'yaml';
import { type Config, parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { TestDatabase } from '../store/testing/index.ts';
import { AllInOne } from './all-in-one.ts';
import { device, goodPassword, SmsCentre } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';
const sdp = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 40000 RTP/AVP 8',
  'a=rtpmap:8 PCMA/8000',
  '',
].join('\r\n');

interface Sip {
  user: string;
  password: string;
  domain: string;
  server: string;
}

let folder: string;
let database: TestDatabase;
let smsCentre: SmsCentre;
let house: AllInOne | undefined;
let stacks: SipStack[];
let cookie: string;
const logLines: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-house-'));
  database = await TestDatabase.create();
  smsCentre = new SmsCentre();
  stacks = [];
  cookie = '';
  logLines.length = 0;
  await smsCentre.listen();
});
afterEach(async () => {
  await house?.close();
  house = undefined;
  await Promise.all(stacks.map((stack) => stack.close()));
  await smsCentre.close();
  database.remove();
  rmSync(folder, { recursive: true });
});

async function stack(): Promise<SipStack> {
  const made = new SipStack({
    userAgent: 'test',
    listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
  });
  await made.start();
  stacks.push(made);
  return made;
}

function configure(trunkPort: number): Config {
  const config = parseConfig(
    stringify({
      http: { port: 0 },
      sip: { port: 0 },
      media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
      lab: { enabled: false },
      ...(database.url === undefined ? {} : { database: { url: database.url } }),
      accounts: { argon2MemoryKib: 8192, argon2Passes: 1 },
      carriers: [
        {
          id: 'test',
          name: 'Test',
          country: 'US',
          family: 'gsm',
          prefixes: ['+1'],
          cNumber: '+14155559000',
          trunks: [{ host: '127.0.0.1', port: trunkPort }],
          sms: { url: smsCentre.url, token: smsCentre.token },
        },
      ],
    }),
  );
  return { ...config, dataDir: folder };
}

async function open(config: Config): Promise<AllInOne> {
  const log = createLogger({ level: 'trace', destination: 'none' }, { write: (line) => logLines.push(line) });
  house = await AllInOne.start({ config, log, version: '0.0.0' });
  return house;
}

async function api<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(house!.addresses.http.replace('localhost', '127.0.0.1') + path, {
    method,
    headers: {
      'x-requested-with': 'ringthrough',
      cookie,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? (undefined as T) : ((await answer.json()) as T);
}

async function signUp(): Promise<Sip> {
  const { id } = await api<{ id: string }>('POST', '/api/validations', { number: anna, purpose: 'sign-up' });
  await smsCentre.count(1);
  const code = /code is (\d+)/.exec(smsCentre.received[0]!.text)![1];
  const { proof } = await api<{ proof: string }>('POST', `/api/validations/${id}/check`, { code });
  const { sip } = await api<{ sip: Sip }>('POST', '/api/accounts', { proof, password: goodPassword, device });
  return sip;
}

function registerRequest(sip: Sip, contact: string): SipRequest {
  const aor = `<sip:${sip.user}@${sip.domain}>`;
  return new SipRequest('REGISTER', `sip:${sip.domain}`, {
    headers: [
      ['From', aor],
      ['To', aor],
      ['Contact', `<${contact}>;expires=300`],
      ['Allow', 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, REFER'],
    ],
  });
}

const port = (address: string): number => Number(address.split(':').at(-1));

describe('all in one', () => {
  it('rings a softphone when the carrier forwards a call, and logs what became of it', async () => {
    const trunk = await stack();
    await open(configure(trunk.addresses[0]!.port));
    await signUp();
    const { sip } = await api<{ sip: Sip }>('POST', '/api/devices', { name: 'Desk phone' });
    const phone = await stack();
    const target = { protocol: 'udp', host: '127.0.0.1', port: port(sip.server) } as const;
    const contact = `sip:${sip.user}@127.0.0.1:${phone.addresses[0]!.port}`;
    const credentials = { username: sip.user, password: sip.password };
    const wrong = await phone.request(registerRequest(sip, contact), target, {
      credentials: { ...credentials, password: 'wrong' },
    });
    expect([401, 403]).toContain(wrong.status);
    const registered = await phone.request(registerRequest(sip, contact), target, { credentials });
    expect(registered.status).toBe(200);
    expect(await api('GET', '/api/devices')).toMatchObject([{ registered: false }, { registered: true }]);

    const ringing = new Promise<UasSession>((resolve) => phone.on('invite', resolve));
    const call = trunk.invite({
      target,
      request: new SipRequest('INVITE', 'sip:+14155559000@127.0.0.1', {
        headers: [
          ['From', '<sip:+12125550199@127.0.0.1>'],
          ['To', '<sip:+14155559000@127.0.0.1>'],
          ['Diversion', `<sip:${anna}@127.0.0.1>;reason=unavailable`],
          ['Content-Type', 'application/sdp'],
        ],
        body: sdp,
      }),
    });
    const heard = new Promise<number>((resolve) => call.on('provisional', ({ status }) => resolve(status)));
    const session = await ringing;
    expect(session.request.headers.get('P-Called-Party-ID')).toContain(anna);
    session.progress(180);
    expect(await heard).toBe(180);
    const silenced = new Promise((resolve) => session.on('cancelled', resolve));
    call.cancel();
    await silenced;
    await vi.waitFor(async () => {
      const log = await api<object[]>('GET', '/api/calls');
      expect(log).toMatchObject([{ number: anna, caller: '+12125550199', outcome: 'missed', device: null }]);
    });
    const text = logLines.join('');
    for (const number of ['4155550101', '2125550199', sip.password])
      expect(text.includes(number)).toBe(false);
    expect((await fetch(`${api0()}/metrics`)).status).toBe(200);
  });

  it('takes a browser over WebSocket, and notices when it goes', async () => {
    await open(configure(5999));
    const sip = await signUp();
    const socket = new WebSocket(`${api0().replace('http', 'ws')}/sip`, 'sip');
    await new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    const browser = await stack();
    const flow = browser.attachWebSocket(socket, { host: '127.0.0.1', port: 80 });
    const credentials = { username: sip.user, password: sip.password };
    const contact = `sip:${sip.user}@x.invalid;transport=ws`;
    const registered = await browser.request(registerRequest(sip, contact), { flow }, { credentials });
    expect(registered.status).toBe(200);
    expect(await api('GET', '/api/devices')).toMatchObject([{ registered: true, current: true }]);
    socket.terminate();
    await vi.waitFor(async () =>
      expect(await api('GET', '/api/devices')).toMatchObject([{ registered: false }]),
    );
  });

  it('takes the registration away from a device that is signed out', async () => {
    await open(configure(5999));
    await signUp();
    const { device: added, sip } = await api<{ device: { id: string }; sip: Sip }>('POST', '/api/devices', {
      name: 'Desk phone',
    });
    const phone = await stack();
    const target = { protocol: 'udp', host: '127.0.0.1', port: port(sip.server) } as const;
    const contact = `sip:${sip.user}@127.0.0.1:${phone.addresses[0]!.port}`;
    const credentials = { username: sip.user, password: sip.password };
    const register = () => phone.request(registerRequest(sip, contact), target, { credentials });
    expect((await register()).status).toBe(200);
    await api('DELETE', `/api/devices/${added.id}`);
    expect((await register()).status).not.toBe(200);
  });

  it('frees every port when a part cannot start, and when it ends', async () => {
    const first = await open(configure(5999));
    const config = configure(5999);
    const other = await TestDatabase.create();
    const taken = {
      ...config,
      dataDir: join(folder, 'second'),
      database: { ...config.database, url: other.url },
      http: { ...config.http, port: port(first.addresses.http) },
    };
    const log = createLogger({ level: 'silent', destination: 'stderr' });
    await expect(AllInOne.start({ config: taken, log, version: '0' })).rejects.toThrow(
      /taken by another program/,
    );
    other.remove();
    const { addresses } = first;
    await first.close();
    const again = configure(5999);
    const settings: Config = {
      ...again,
      http: { ...again.http, port: port(addresses.http) },
      media: { ...again.media, webrtcPort: addresses.webrtcPort },
    };
    expect((await open(settings)).addresses.http).toBe(addresses.http);
  });
});

const api0 = (): string => house!.addresses.http.replace('localhost', '127.0.0.1');
