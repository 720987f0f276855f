import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabHandset } from './support/lab.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { C_NUMBER, Ringthrough } from './support/ringthrough.ts';
import { writeTone } from './support/tones.ts';
import { WebDevice } from './support/web-device.ts';

const number = '+14155550101';
const password = 'correct horse 7';
const voice = { caller: 1000, browser: 600 };

/** No proxy in front: TLS ends in the process. */
describe.skipIf(!hasPeer('chromium') || !hasPeer('openssl'))('the real client over HTTPS and WSS', () => {
  const believed = getCACertificates('default');
  let folder: string;
  let authority: TestAuthority;
  let server: Ringthrough;
  let browser: WebDevice;
  let certificate: X509Certificate;
  let cert: string;
  let key: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'https-'));
    authority = await TestAuthority.create();
    setDefaultCACertificates([...believed, authority.ca]);
    [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await issue('first');
    server = await Ringthrough.start({ lab: true, config: { http: { tls: { cert, key } } } });
    const microphone = await writeTone(join(folder, 'voice.wav'), {
      hz: voice.browser,
      sampleRate: 48_000,
      pulsed: true,
    });
    browser = await WebDevice.open({
      origin: `https://localhost:${server.httpPort}`,
      microphone,
      believedKey: fingerprint(certificate),
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await authority?.remove();
    setDefaultCACertificates(believed);
    await rm(folder, { recursive: true, force: true });
  });

  async function issue(name: string): Promise<void> {
    const pair = await authority.issue(name, 'DNS:localhost', 'IP:127.0.0.1');
    await writeFile(key, pair.key);
    await writeFile(cert, pair.cert);
    certificate = new X509Certificate(pair.cert);
  }

  const fingerprint = ({ publicKey }: X509Certificate) =>
    createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64');

  /** The code comes over the lab's SMS centre, which is this server itself. */
  async function signUp(): Promise<void> {
    const person = new Person(server);
    const handset = new LabHandset(server, number);
    const { id } = await person.call<{ id: string }>('POST', '/api/validations', {
      number,
      purpose: 'sign-up',
    });
    const code = await until(async () => {
      const texts = (await handset.view()).inbox.map(({ text }) => text);
      return /code is (\d{6})/.exec(texts.join('\n'))?.[1];
    });
    const { proof } = await person.call<{ proof: string }>('POST', `/api/validations/${id}/check`, { code });
    const device = { name: 'First', system: 'test' };
    await person.call('POST', '/api/accounts', { proof, password, device });
  }

  /** Dials the command that the client shows. */
  async function forwardAll(): Promise<void> {
    const answer = await fetch(`${server.url}/lab/api/handsets/${number}/dial`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number: `**004*${C_NUMBER}#` }),
    });
    expect(answer.status).toBe(200);
    const { forwardings } = await new LabHandset(server, number).view();
    expect(Object.keys(forwardings)).toHaveLength(3);
  }

  /** CN of the certificate that a new connection is shown. */
  async function shown(): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port: server.httpPort });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  }

  it('registers, rings, talks, and stays registered when the certificate is renewed', async () => {
    await signUp();
    const sockets: string[] = [];
    browser.page.on('websocket', (socket) => sockets.push(socket.url()));
    await browser.logIn(number, password);
    expect(sockets).toContain(`wss://localhost:${server.httpPort}/sip`);
    const cookies = await browser.context.cookies(`${browser.origin}/api/account`);
    expect(cookies.map(({ secure }) => secure)).toEqual([true]);

    await issue('second');
    server.process.child.kill('SIGHUP');
    await until(async () => (await shown()) === 'second');

    await forwardAll();
    await new LabHandset(server, number).setCoverage('no-coverage');
    const caller = new LabHandset(server, '+12125550199');
    const call = await caller.dial(number);
    await browser.rings('+1 415 555 0101');
    await browser.press('Accept', true);
    await call.becomes('a conversation', ({ state }) => state === 'active');
    await caller.say({ toneHz: voice.caller, durationMs: 20_000 });
    await browser.hears(voice.caller);
    await call.hears(voice.browser);
    await caller.hangUp();
    await browser.silent();
    expect(sockets).toHaveLength(1);
    expect(browser.errors).toEqual([]);
  });
});
