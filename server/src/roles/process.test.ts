import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { TestDatabase } from '../store/testing/index.ts';
import { device, goodPassword, SmsCentre } from './testing.ts';

// Real passwords, processes and sockets, on machines that are busy with something else.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 60_000 });

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const anna = '+14155550101';
const annaUk = '+447700900123';

/** The real program as a process of its own. */
class Server {
  readonly #child: ChildProcess;
  output = '';
  errors = '';

  constructor(folder: string, environment: Record<string, string> = {}) {
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...environment },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
  }

  /** @returns the origin of its HTTP */
  async started(): Promise<string> {
    while (!this.output.includes('Stop with')) {
      const result = await Promise.race([once(this.#child.stdout!, 'data'), this.#exit()]);
      if (typeof result === 'number') throw new Error(`it ended with ${result}: ${this.errors}`);
    }
    return `http://127.0.0.1:${/localhost:(\d+)\//.exec(this.output)![1]}`;
  }

  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const exit = this.#exit();
    this.#child.kill(signal);
    return exit;
  }

  async #exit(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const [code] = (await once(this.#child, 'exit')) as [number | null];
    return code;
  }

  ended(): Promise<number | null> {
    return this.#exit();
  }
}

let folder: string;
let database: TestDatabase;
let smsCentre: SmsCentre;
let servers: Server[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-process-'));
  database = await TestDatabase.create();
  smsCentre = new SmsCentre();
  servers = [];
  await smsCentre.listen();
  writeFileSync(
    join(folder, 'ringthrough.yaml'),
    stringify({
      http: { port: 0 },
      sip: { port: 0 },
      media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
      lab: { enabled: false },
      sms: { firstRetrySeconds: 0.05, maxRetrySeconds: 0.1 },
      accounts: { argon2MemoryKib: 8192, argon2Passes: 1 },
      carriers: [
        {
          id: 'test',
          name: 'Test',
          country: 'US',
          family: 'gsm',
          prefixes: ['+1', '+44'],
          cNumber: '+14155559000',
          trunks: [{ host: '127.0.0.1', port: 5999 }],
          sms: { url: smsCentre.url, token: smsCentre.token },
        },
      ],
    }),
  );
});
afterEach(async () => {
  for (const server of servers) await server.stop('SIGKILL');
  await smsCentre.close();
  database.remove();
  rmSync(folder, { recursive: true });
});

function launch(environment?: Record<string, string>): Server {
  const settings: Record<string, string> =
    database.url === undefined ? {} : { RINGTHROUGH_DATABASE_URL: database.url };
  const server = new Server(folder, { ...settings, ...environment });
  servers.push(server);
  return server;
}

/** A browser that outlives the server. */
class Browser {
  cookie = '';
  origin: string;
  constructor(origin: string) {
    this.origin = origin;
  }

  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(this.origin + path, {
      method,
      headers: {
        'x-requested-with': 'ringthrough',
        cookie: this.cookie,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    this.cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? this.cookie;
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  async prove(number: string, purpose: string): Promise<string> {
    const before = smsCentre.received.length;
    const { id } = await this.call<{ id: string }>('POST', '/api/validations', { number, purpose });
    await smsCentre.count(before + 1);
    const code = /code is (\d+)/.exec(smsCentre.received[before]!.text)![1];
    const { proof } = await this.call<{ proof: string }>('POST', `/api/validations/${id}/check`, { code });
    return proof;
  }

  async signUp(): Promise<void> {
    const proof = await this.prove(anna, 'sign-up');
    await this.call('POST', '/api/accounts', { proof, password: goodPassword, device });
  }

  async numbers(): Promise<string[]> {
    const account = await this.call<{ numbers: Array<{ number: string }> }>('GET', '/api/account');
    return account.numbers.map(({ number }) => number);
  }
}

describe('kill -9', () => {
  it('loses no account, session or password that was acknowledged', async () => {
    const server = launch();
    const browser = new Browser(await server.started());
    await browser.signUp();
    await server.stop('SIGKILL');

    browser.origin = await launch().started();
    expect(await browser.numbers()).toEqual([anna]);
    const next = new Browser(browser.origin);
    await next.call('POST', '/api/sessions', { number: anna, password: goodPassword, device });
  });

  it('loses no number that was linked', async () => {
    const server = launch();
    const browser = new Browser(await server.started());
    await browser.signUp();
    const proof = await browser.prove(annaUk, 'link');
    await browser.call('POST', '/api/account/numbers', { proof });
    await server.stop('SIGKILL');

    browser.origin = await launch().started();
    expect(await browser.numbers()).toEqual([anna, annaUk]);
  });

  it('loses no SMS that was promised, and its code holds', async () => {
    smsCentre.answers.push(...Array.from({ length: 1000 }, () => 503));
    const server = launch();
    const browser = new Browser(await server.started());
    const { id } = await browser.call<{ id: string }>('POST', '/api/validations', {
      number: anna,
      purpose: 'sign-up',
    });
    await smsCentre.until(() => smsCentre.answers.length < 999);
    await server.stop('SIGKILL');

    smsCentre.answers.length = 0;
    browser.origin = await launch().started();
    await smsCentre.count(1);
    const code = /code is (\d+)/.exec(smsCentre.received[0]!.text)![1];
    await browser.call('POST', `/api/validations/${id}/check`, { code });
  });
});

describe('the program', () => {
  it('says where it is and what to do next in ten lines, and ends in order', async () => {
    const server = launch();
    const origin = await server.started();
    expect(server.output.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
    expect(server.output).toMatch(/Next: sign up in the client with a number of Test/);
    // An open stream must not hold up the end.
    const browser = new Browser(origin);
    await browser.signUp();
    const stream = await fetch(`${origin}/api/events`, { headers: { cookie: browser.cookie } });
    expect(await server.stop('SIGTERM')).toBe(0);
    await stream.body?.cancel().catch(() => {});
    expect(server.errors).toBe('');
  });

  it.each([
    ['RINGTHROUGH_HTTP_PORT', 'http.port', 'TCP'],
    ['RINGTHROUGH_SIP_PORT', 'sip.port', 'TCP'],
  ])('says which port is taken and that %s changes it', async (variable, key, protocol) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const server = launch({ [variable]: String(port) });
    expect(await server.ended()).toBe(1);
    taken.close();
    expect(server.errors.trim()).toBe(
      `${protocol} port ${port} on 127.0.0.1 is taken by another program. Change ${key} in ringthrough.yaml, or set ${variable}.`,
    );
  });

  it('says how a second lab on the machine gets other ports', async () => {
    const taken = createSocket('udp4');
    await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve));
    const { port } = taken.address();
    writeFileSync(
      join(folder, 'ringthrough.yaml'),
      stringify({
        http: { port: 0 },
        sip: { port: 0 },
        media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
        lab: { sipPort: port },
      }),
    );
    const server = launch();
    expect(await server.ended()).toBe(1);
    taken.close();
    expect(server.errors.trim()).toBe(
      `UDP port ${port} on 127.0.0.1, where the lab's carrier has its switch, is taken by another program. ` +
        'Change lab.sipPort in ringthrough.yaml, or set RINGTHROUGH_LAB_SIP_PORT, or do without the lab: ' +
        'RINGTHROUGH_LAB_ENABLED=false.',
    );
  });

  it('says how a second lab gets another port for its SMS centre', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const sms = { smpp: { host: '127.0.0.1', port, systemId: 'lab-gsm' } };
    const trunks = [{ host: '127.0.0.1' }];
    const us = {
      id: 'lab-gsm',
      name: 'US',
      country: 'US',
      family: 'gsm',
      prefixes: ['+1'],
      cNumber: '+14155559000',
    };
    writeFileSync(
      join(folder, 'ringthrough.yaml'),
      stringify({
        http: { port: 0 },
        sip: { port: 0 },
        media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
        carriers: [{ ...us, trunks, sms }],
        lab: { smppPort: port },
      }),
    );
    const server = launch();
    expect(await server.ended()).toBe(1);
    taken.close();
    expect(server.errors.trim()).toBe(
      `TCP port ${port} on 127.0.0.1, where the lab has its SMS centre, is taken by another program. ` +
        'Change lab.smppPort in ringthrough.yaml, or set RINGTHROUGH_LAB_SMPP_PORT, or do without the lab: ' +
        'RINGTHROUGH_LAB_ENABLED=false.',
    );
  });

  it('leaves the data to the one that runs already', async () => {
    await launch().started();
    const second = launch();
    expect(await second.ended()).toBe(1);
    expect(second.errors).toMatch(
      /^The data folder cannot be used: .*data is in use by another Ringthrough\. .*RINGTHROUGH_DATA_DIR/,
    );
  });

  it('says which key of the file is wrong, and in which line', async () => {
    writeFileSync(join(folder, 'ringthrough.yaml'), 'http:\n  port: 0\n  prot: 1\n');
    const server = launch();
    expect(await server.ended()).toBe(1);
    expect(server.errors).toBe('ringthrough.yaml:3: http.prot: no setting has this name\n');
  });
});
