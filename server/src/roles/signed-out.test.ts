import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SipRequest, SipStack, type UasSession } from '@ringthrough/sip';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { stringify } from 'yaml';
import { type Config, parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { AllInOne } from './all-in-one.ts';
import { goodPassword, SmsCentre } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const anna = '+14155550101';
const sdp = (port: number): string =>
  [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${port} RTP/AVP 8`,
    'a=rtpmap:8 PCMA/8000',
    '',
  ].join('\r\n');

interface Sip {
  user: string;
  password: string;
  domain: string;
  server: string;
}

interface Entered {
  device: { id: string };
  sip: Sip;
}

let folder: string;
let smsCentre: SmsCentre;
let house: AllInOne;
let trunk: SipStack;
let stacks: SipStack[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-signed-out-'));
  smsCentre = new SmsCentre();
  stacks = [];
  await smsCentre.listen();
  trunk = await stack();
  const log = createLogger({ level: 'silent', destination: 'stderr' });
  house = await AllInOne.start({ config: configure(), log, version: '0.0.0' });
});
afterEach(async () => {
  await house.close();
  await Promise.all(stacks.map((one) => one.close()));
  await smsCentre.close();
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

function configure(): Config {
  const carrier = { id: 'test', name: 'Test', country: 'US', family: 'gsm', prefixes: ['+1'] };
  const config = parseConfig(
    stringify({
      http: { port: 0 },
      sip: { port: 0 },
      media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
      lab: { enabled: false },
      accounts: { argon2MemoryKib: 8192, argon2Passes: 1 },
      carriers: [
        {
          ...carrier,
          cNumber: '+14155559000',
          trunks: [{ host: '127.0.0.1', port: trunk.addresses[0]?.port }],
          sms: { url: smsCentre.url, token: smsCentre.token },
        },
      ],
    }),
  );
  return { ...config, dataDir: folder };
}

const origin = (): string => house.addresses.http.replace('localhost', '127.0.0.1');

/** A browser that never refreshes: what it may do ends with its first access token. */
class Browser {
  #cookie = '';

  async ask(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
    const answer = await fetch(origin() + path, {
      method,
      headers: {
        'x-requested-with': 'ringthrough',
        cookie: this.#cookie,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const [cookie] = answer.headers.getSetCookie();
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0] ?? '';
    return { status: answer.status, body: answer.status === 204 ? undefined : await answer.json() };
  }

  async signUp(): Promise<Entered> {
    const started = await this.ask('POST', '/api/validations', { number: anna, purpose: 'sign-up' });
    await smsCentre.count(1);
    const code = /code is (\d+)/.exec(smsCentre.received[0]?.text ?? '')?.[1];
    const { id } = started.body as { id: string };
    const checked = await this.ask('POST', `/api/validations/${id}/check`, { code });
    const { proof } = checked.body as { proof: string };
    return this.#enter('/api/accounts', { proof });
  }

  logIn(): Promise<Entered> {
    return this.#enter('/api/sessions', { number: anna });
  }

  async addSoftphone(): Promise<Entered> {
    return (await this.ask('POST', '/api/devices', { name: 'Desk phone' })).body as Entered;
  }

  async devices(): Promise<Array<{ id: string; registered: boolean }>> {
    return (await this.ask('GET', '/api/devices')).body as Array<{ id: string; registered: boolean }>;
  }

  async #enter(path: string, how: object): Promise<Entered> {
    const device = { name: 'Laptop', system: 'Linux' };
    const answer = await this.ask('POST', path, { ...how, password: goodPassword, device });
    expect(answer.status).toBe(201);
    return answer.body as Entered;
  }
}

/** Registers over UDP. */
async function softphone({ sip }: Entered): Promise<{ phone: SipStack; register: () => Promise<number> }> {
  const phone = await stack();
  const target = {
    protocol: 'udp',
    host: '127.0.0.1',
    port: Number(sip.server.split(':').at(-1)),
  } as const;
  const contact = `sip:${sip.user}@127.0.0.1:${phone.addresses[0]?.port}`;
  const credentials = { username: sip.user, password: sip.password };
  const register = async () =>
    (await phone.request(registerRequest(sip, contact), target, { credentials })).status;
  return { phone, register };
}

/** Registers over a WebSocket. */
async function page({
  sip,
}: Entered): Promise<{ closed: Promise<unknown>; register: () => Promise<number> }> {
  const socket = new WebSocket(`${origin().replace('http', 'ws')}/sip`, 'sip');
  await once(socket, 'open');
  const closed = once(socket, 'close');
  const browser = await stack();
  const flow = browser.attachWebSocket(socket, { host: '127.0.0.1', port: 80 });
  const credentials = { username: sip.user, password: sip.password };
  const request = () => registerRequest(sip, `sip:${sip.user}@x.invalid;transport=ws`);
  return {
    closed,
    register: async () => (await browser.request(request(), { flow }, { credentials })).status,
  };
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

/** The carrier forwards a call to the number. */
function forwardedCall(sip: Sip) {
  const target = { protocol: 'udp', host: '127.0.0.1', port: Number(sip.server.split(':').at(-1)) } as const;
  return trunk.invite({
    target,
    request: new SipRequest('INVITE', 'sip:+14155559000@127.0.0.1', {
      headers: [
        ['From', '<sip:+12125550199@127.0.0.1>'],
        ['To', '<sip:+14155559000@127.0.0.1>'],
        ['Diversion', `<sip:${anna}@127.0.0.1>;reason=unavailable`],
        ['Content-Type', 'application/sdp'],
      ],
      body: sdp(40_000),
    }),
  });
}

const database = () => new DatabaseSync(join(folder, 'ringthrough.db'));

function rowsOf(table: string): number {
  const db = database();
  try {
    return Number(db.prepare(`select count(*) as count from ${table}`).get()?.count);
  } finally {
    db.close();
  }
}

describe('a device that is signed out from another one (R-DEVICES)', () => {
  it('registered over UDP: its binding is gone, nothing rings it, and it cannot register again', async () => {
    const browser = new Browser();
    await browser.signUp();
    const added = await browser.addSoftphone();
    const { phone, register } = await softphone(added);
    expect(await register()).toBe(200);
    expect((await browser.devices()).map(({ registered }) => registered)).toEqual([false, true]);
    const rung: UasSession[] = [];
    phone.on('invite', (session) => void rung.push(session));

    expect((await browser.ask('DELETE', `/api/devices/${added.device.id}`)).status).toBe(204);
    expect(await browser.devices()).toHaveLength(1);
    expect(rowsOf('bindings')).toBe(0);
    const call = forwardedCall(added.sip);
    const answered = new Promise((resolve) => call.on('accepted', resolve));
    // Voicemail takes it, because nobody is registered.
    await answered;
    expect(rung).toEqual([]);
    call.bye();
    expect(await register()).toBe(401);
    expect(rowsOf('bindings')).toBe(0);
  });

  it('registered over a WebSocket: that is closed, and its tokens and its SIP user are refused', async () => {
    const [browser, other] = [new Browser(), new Browser()];
    await browser.signUp();
    const entered = await other.logIn();
    const { closed, register } = await page(entered);
    expect(await register()).toBe(200);
    expect((await browser.devices()).map(({ registered }) => registered)).toEqual([false, true]);

    expect((await browser.ask('DELETE', `/api/devices/${entered.device.id}`)).status).toBe(204);
    expect(await other.ask('GET', '/api/account')).toMatchObject({
      status: 401,
      body: { code: 'not-logged-in' },
    });
    await closed;
    expect(rowsOf('bindings')).toBe(0);
    expect(await (await page(entered)).register()).toBe(401);
  });

  it('in a conversation: that ends at once for both sides, also when the account is closed', async () => {
    const browser = new Browser();
    await browser.signUp();
    for (const how of ['sign out', 'close'] as const) {
      const added = await browser.addSoftphone();
      const { phone, register } = await softphone(added);
      expect(await register()).toBe(200);
      const rung = new Promise<UasSession>((resolve) => phone.on('invite', resolve));
      const call = forwardedCall(added.sip);
      const callerEnds = new Promise((resolve) => call.on('ended', resolve));
      const accepted = new Promise((resolve) => call.on('accepted', resolve));
      const session = await rung;
      const deviceEnds = new Promise((resolve) => session.on('ended', resolve));
      session.accept({ sdp: sdp(40_002) });
      await accepted;
      if (how === 'sign out') await browser.ask('DELETE', `/api/devices/${added.device.id}`);
      else await browser.ask('DELETE', '/api/account', { password: goodPassword });
      await Promise.all([callerEnds, deviceEnds]);
    }
  });
});

describe('an account that is closed', () => {
  it('leaves no registration, no voice message and no file', async () => {
    const browser = new Browser();
    const entered = await browser.signUp();
    const { closed, register } = await page(entered);
    expect(await register()).toBe(200);
    const added = await browser.addSoftphone();
    const phone = await softphone(added);
    expect(await phone.register()).toBe(200);
    const audio = join(folder, 'voicemail', 'message1.wav');
    mkdirSync(join(folder, 'voicemail'), { recursive: true });
    writeFileSync(audio, 'RIFF');
    const db = database();
    db.exec(`insert into voicemails (id, account_id, number, call_id, stored_at, duration_ms, file)
      select 'message1', account_id, e164, 'c', 1, 1000, 'voicemail/message1.wav' from numbers`);
    db.close();

    const answer = await browser.ask('DELETE', '/api/account', { password: goodPassword });
    expect(answer).toEqual({ status: 200, body: { numbers: 1, devices: 2, voicemails: 1, calls: 0 } });
    await closed;
    expect(existsSync(audio)).toBe(false);
    expect(readdirSync(join(folder, 'voicemail'))).toEqual([]);
    for (const table of ['accounts', 'numbers', 'devices', 'sessions', 'bindings', 'voicemails']) {
      expect([table, rowsOf(table)]).toEqual([table, 0]);
    }
    expect(rowsOf('discarded_voicemails')).toBe(0);
    expect(await phone.register()).toBe(401);
    const call = forwardedCall(added.sip);
    const status = await new Promise<number>((resolve) =>
      call.on('rejected', (response) => resolve(response.status)),
    );
    expect(status).toBe(404);
  });

  it('and whose files were left over when the process died: they go at the next start', async () => {
    const config = configure();
    const audio = join(folder, 'voicemail', 'message2.wav');
    await house.close();
    writeFileSync(audio, 'RIFF');
    const db = database();
    db.exec(`insert into discarded_voicemails values ('message2')`);
    db.close();
    const log = createLogger({ level: 'silent', destination: 'stderr' });
    house = await AllInOne.start({ config, log, version: '0.0.0' });
    expect([existsSync(audio), rowsOf('discarded_voicemails')]).toEqual([false, 0]);
  });
});
