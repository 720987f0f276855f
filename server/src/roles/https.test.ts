import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SipRequest, SipStack } from '@ringthrough/sip';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { stringify } from 'yaml';
import { parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { AllInOne } from './all-in-one.ts';
import { device, goodPassword, SmsCentre } from './testing.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

interface Answer {
  status: number | undefined;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** CN of the certificate that was shown. */
  shown: string | undefined;
}

let authority: TestAuthority;
let files: { cert: string; key: string };
let smsCentre: SmsCentre;
let house: AllInOne;
const open: Array<() => unknown> = [];
const logLines: string[] = [];
const log = createLogger({ level: 'info', destination: 'none' }, { write: (line) => logLines.push(line) });

const { available } = TestAuthority;
beforeEach(async ({ skip }) => {
  skip(!available, 'no openssl on this machine');
  authority = await TestAuthority.create();
  files = { cert: join(authority.folder, 'cert.pem'), key: join(authority.folder, 'key.pem') };
  smsCentre = new SmsCentre();
  await smsCentre.listen();
  open.push(() => authority.remove());
  open.push(() => smsCentre.close());
  logLines.length = 0;
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function write(name: string, ...altNames: string[]): Promise<void> {
  const pair = await authority.issue(name, 'IP:127.0.0.1', 'DNS:localhost', ...altNames);
  writeFileSync(files.key, pair.key);
  writeFileSync(files.cert, pair.cert);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** @param sms where the carrier takes SMS; default: over the test's own webhook */
async function start(http: object = {}): Promise<void> {
  const { url, token } = smsCentre;
  const config = parseConfig(
    stringify({
      http: { port: 0, tls: files, ...http },
      sip: { port: 0 },
      media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
      lab: { enabled: false },
      accounts: { argon2MemoryKib: 8192, argon2Passes: 1 },
      carriers: [
        {
          id: 'test',
          name: 'Test',
          country: 'US',
          family: 'gsm',
          prefixes: ['+1'],
          cNumber: '+14155559000',
          trunks: [{ host: '127.0.0.1', port: 5999 }],
          sms: { url, token },
        },
      ],
    }),
  );
  config.dataDir = join(authority.folder, 'data');
  house = await AllInOne.start({ config, log, version: '0.0.0' });
  open.push(() => house.close());
}

const httpPort = () => Number(house.addresses.http.split(':').at(-1));

function ask(path: string, options: RequestOptions = {}, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const at = { host: '127.0.0.1', port: httpPort(), path, ca: authority.ca, agent: false, ...options };
    const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...options.headers };
    const asked = request({ ...at, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const { socket } = answer;
      const shown = 'getPeerCertificate' in socket ? certificateName(socket) : undefined;
      answer.on('end', () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: text, shown }),
      );
    });
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

function certificateName(socket: object): string {
  return (socket as { getPeerCertificate(): { subject: { CN: string } } }).getPeerCertificate().subject.CN;
}

interface SipAccount {
  user: string;
  password: string;
  domain: string;
}

async function signUp(): Promise<{ sip: SipAccount; cookie: string }> {
  const post = (path: string, body: object) =>
    ask(path, { method: 'POST', headers: { 'x-requested-with': 'ringthrough' } }, body);
  const started = await post('/api/validations', { number: '+14155550101', purpose: 'sign-up' });
  await smsCentre.count(1);
  const code = /code is (\d+)/.exec(smsCentre.received[0]?.text ?? '')?.[1];
  const { id } = JSON.parse(started.body) as { id: string };
  const { proof } = JSON.parse((await post(`/api/validations/${id}/check`, { code })).body) as {
    proof: string;
  };
  const made = await post('/api/accounts', { proof, password: goodPassword, device });
  const { sip } = JSON.parse(made.body) as { sip: SipAccount };
  return { sip, cookie: String(made.headers['set-cookie']) };
}

/** A browser's SIP, over a real secure WebSocket. */
async function dial(): Promise<{ socket: WebSocket; phone: SipStack; heard: string[] }> {
  const socket = new WebSocket(`wss://127.0.0.1:${httpPort()}/sip`, 'sip', { ca: authority.ca });
  open.push(() => socket.terminate());
  await once(socket, 'open');
  const phone = new SipStack({
    userAgent: 'test',
    listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
  });
  await phone.start();
  open.push(() => phone.close());
  const heard: string[] = [];
  socket.on('message', (data) => heard.push(String(data)));
  return { socket, phone, heard };
}

describe('http.tls', () => {
  it('serves pages and SIP over TLS; a certificate is swapped while a device is registered', async () => {
    await write('one');
    await start();
    expect(house.addresses.http).toBe(`https://localhost:${httpPort()}`);
    const health = await ask('/healthz');
    expect([health.status, health.shown]).toEqual([200, 'one']);
    // The word of RFC 6797 would count for all of localhost.
    expect(health.headers['strict-transport-security']).toBeUndefined();
    const { sip, cookie } = await signUp();
    expect(cookie).toContain('Secure');

    const { socket, phone, heard } = await dial();
    const flow = phone.attachWebSocket(socket, { host: '127.0.0.1', port: httpPort() }, { secure: true });
    const aor = `<sip:${sip.user}@${sip.domain}>`;
    const register = () =>
      phone.request(
        new SipRequest('REGISTER', `sip:${sip.domain}`, {
          headers: [
            ['From', aor],
            ['To', aor],
            ['Contact', `<sip:${sip.user}@x.invalid;transport=ws>;expires=300`],
          ],
        }),
        { flow },
        { credentials: { username: sip.user, password: sip.password } },
      );
    expect((await register()).status).toBe(200);
    // RFC 7118 section 5.2.1: the transport of a secure WebSocket in Via.
    expect(heard.at(-1)).toMatch(/^Via: SIP\/2\.0\/WSS /m);

    await write('two');
    process.emit('SIGHUP', 'SIGHUP');
    await expect.poll(async () => (await ask('/healthz')).shown, { timeout: 10_000 }).toBe('two');
    expect(socket.readyState).toBe(WebSocket.OPEN);
    expect((await register()).status).toBe(200);
    expect((await dial()).socket.protocol).toBe('sip');
    await house.close();
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });

  it('takes the name of the service from the certificate, and then has browsers keep to HTTPS', async () => {
    await write('ring.example', 'DNS:*.ring.example', 'DNS:ring.example');
    const port = await freePort();
    await start({ host: '0.0.0.0', port });
    // localhost is the first name in it, and is a name like any other here.
    expect(house.addresses.http).toBe(`https://localhost:${port}`);
    await house.close();
    const pair = await authority.issue('x', 'DNS:*.ring.example', 'DNS:ring.example', 'IP:127.0.0.1');
    writeFileSync(files.key, pair.key);
    writeFileSync(files.cert, pair.cert);
    await start({ host: '0.0.0.0', port });
    expect(house.addresses.http).toBe(`https://ring.example:${port}`);
    const { headers } = await ask('/healthz');
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    await house.close();
    await start({ host: '0.0.0.0', port, hstsSeconds: 0 });
    expect((await ask('/healthz')).headers['strict-transport-security']).toBeUndefined();
  });

  it('leads plain HTTP to HTTPS, and gives metrics on a port of their own', async () => {
    await write('one');
    const [redirectPort, metricsPort] = [await freePort(), await freePort()];
    await start({ tls: { ...files, redirectPort }, metrics: { port: metricsPort } });
    const plain = (port: number, path: string) =>
      new Promise<[number | undefined, string | undefined, string]>((resolve, reject) => {
        const asked = plainRequest({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
          let text = '';
          answer.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          answer.on('end', () => resolve([answer.statusCode, answer.headers.location, text]));
        });
        asked.on('error', reject).end();
      });
    expect((await plain(redirectPort, '/calls?x=1')).slice(0, 2)).toEqual([
      308,
      `https://127.0.0.1:${httpPort()}/calls?x=1`,
    ]);
    expect((await plain(metricsPort, '/metrics'))[2]).toContain('ringthrough_sip_flows 0');
    expect((await plain(metricsPort, '/api/status'))[0]).toBe(404);
    expect((await ask('/metrics')).status).toBe(404);
    await house.close();
    await expect(plain(redirectPort, '/')).rejects.toThrow();
    await expect(plain(metricsPort, '/metrics')).rejects.toThrow();
  });

  it('says which key of the configuration is wrong', async () => {
    const starting = () =>
      start().then(
        () => 'it started',
        ({ message }: Error) => message,
      );
    expect(await starting()).toBe(
      `The certificate of http.tls cannot be used: the file ${files.cert} is not there. ` +
        'Change http.tls.cert in ringthrough.yaml, or set RINGTHROUGH_HTTP_TLS_CERT.',
    );
    await write('one');
    writeFileSync(files.key, (await authority.issue('two')).key);
    expect(await starting()).toBe(
      `The certificate of http.tls cannot be used: the key in ${files.key} does not belong to the certificate in ` +
        `${files.cert}. Change http.tls.key in ringthrough.yaml, or set RINGTHROUGH_HTTP_TLS_KEY.`,
    );
    writeFileSync(files.key, 'nonsense');
    expect(await starting()).toContain(`${files.key} holds no key without a passphrase in PEM form`);
    await write('one');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    open.push(() => taken.close());
    const { port: redirectPort } = taken.address() as { port: number };
    await expect(start({ tls: { ...files, redirectPort } })).rejects.toThrow(
      `TCP port ${redirectPort} on 127.0.0.1 is taken by another program. Change http.tls.redirectPort`,
    );
  });
});
