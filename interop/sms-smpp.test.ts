import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCarriers, Lab } from '@ringthrough/lab';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SmsHouse } from '../server/src/carrier/sms/testing/sms-house.ts';
import { hasPeer } from './support/peers.ts';
import { freePort } from './support/ports.ts';
import { Process, until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

const us = '+14155550101';
const uk = '+447700900123';

describe('the process, and the SMS centres of the lab', () => {
  let server: Ringthrough;
  beforeEach(async () => {
    server = await Ringthrough.start({ lab: true });
  });
  afterEach(() => server.stop());

  interface Sms {
    to: string;
    text: string;
    state: string;
    receipt: string;
  }
  async function lab<T>(method: string, path: string, body?: object): Promise<T> {
    const headers = body ? { 'content-type': 'application/json' } : {};
    const answer = await fetch(`${server.url}/lab/api${path}`, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
  const inbox = async (number: string) => lab<Sms[]>('GET', `/handsets/${encodeURIComponent(number)}/inbox`);
  const sms = () => lab<Sms[]>('GET', '/sms');
  async function askForCode(number: string): Promise<void> {
    const answer = await fetch(`${server.url}/api/validations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number, purpose: 'sign-up', mechanism: 'sms-code' }),
    });
    if (answer.status !== 201) throw new Error(`no code: ${answer.status} ${await answer.text()}`);
  }
  const isUp = (number: 0 | 1) => until(async () => (await upOf('lab-gsm')) === number || undefined);
  async function upOf(carrier: string): Promise<number> {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^ringthrough_sms_up\\{carrier="${carrier}"\\} (\\d)$`, 'm').exec(text)?.[1]);
  }

  it('codes go out by SMPP and by HTTP, and receipts come back', async () => {
    await askForCode(us);
    await askForCode(uk);
    await until(async () => (await sms()).filter(({ receipt }) => receipt === 'returned').length === 2);
    expect((await inbox(us))[0]?.text).toMatch(/\d{6}/);
    expect((await inbox(uk))[0]?.text).toMatch(/\d{6}/);
  });

  it('SMS of handsets come in by SMPP and by HTTP', async () => {
    await isUp(1);
    for (const [number, to] of [
      [us, '+14155559001'],
      [uk, '+447700900998'],
    ] as const)
      await lab('POST', `/handsets/${encodeURIComponent(number)}/sms`, {
        to,
        text: `${'long '.repeat(60)}नमस्ते`,
      });
    await until(async () => (await server.gauge('ringthrough_sms_received_total')) === 2 || undefined);
    await until(async () => (await sms()).every(({ state }) => state === 'delivered') || undefined);
  });

  it('a link that is cut comes back', async () => {
    await isUp(1);
    for (let round = 1; round <= 3; round += 1) {
      expect(await lab('DELETE', '/carriers/lab-gsm/sms-link')).toEqual({ dropped: 1 });
      await askForCode(us);
      await until(async () => (await inbox(us)).length >= round || undefined);
      await isUp(1);
    }
  });

  it('what waits for a carrier that is away is sent after kill -9, once', async () => {
    await isUp(1);
    await lab('PATCH', '/carriers/lab-gsm', { sms: 'down' });
    await isUp(0);
    const numbers = [us, '+12125550199'];
    for (const number of numbers) await askForCode(number);
    expect(await server.gauge('ringthrough_sms_waiting')).toBe(2);
    await server.kill();
    await server.restart();
    for (const number of numbers) await until(async () => (await inbox(number)).length === 1 || undefined);
    await until(async () => (await server.gauge('ringthrough_sms_waiting')) === 0 || undefined);
    for (const number of numbers) expect(await inbox(number)).toHaveLength(1);
    expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'ok' });
  });

  it('a carrier that has too much is left alone for a while, and gets everything', async () => {
    await isUp(1);
    await lab('PATCH', '/carriers/lab-gsm', { sms: 'throttled' });
    await askForCode(us);
    const throttled = 'ringthrough_sms_throttled_total{carrier="lab-gsm"}';
    await until(async () => (await server.gauge(throttled)) > 0 || undefined);
    expect(await inbox(us)).toEqual([]);
    await lab('PATCH', '/carriers/lab-gsm', { sms: 'up' });
    await until(async () => (await inbox(us)).length === 1 || undefined);
  });
});

describe.skipIf(!hasPeer('perl-net-smpp'))('an SMS centre by Net::SMPP', () => {
  const script = fileURLToPath(new URL('./support/smsc.pl', import.meta.url));
  let smsc: Process;
  let house: SmsHouse;

  beforeEach(async () => {
    const port = await freePort();
    smsc = new Process('perl', [script, String(port)]);
    await smsc.waitFor(/listening/);
    house = await SmsHouse.open({ port, enquireLinkSeconds: 1 });
    await until(() => house.sms.stats().carriers[0]?.up, { describe: () => smsc.output });
  });
  afterEach(async () => {
    await house.close();
    await smsc.stop();
  });
  const delivered = () =>
    until(async () => (await house.rows()).every(({ delivery }) => delivery === 'delivered') || undefined, {
      describe: () => smsc.output,
    });
  const submitted = () =>
    [...smsc.output.matchAll(/^submit (\S+) (\S+) (\d+) (\d+) ([0-9a-f]*)$/gm)].map(
      ([, from, to, esm, coding, hex = '']) => ({
        from,
        to,
        esm: Number(esm),
        coding: Number(coding),
        octets: Buffer.from(hex, 'hex'),
      }),
    );

  it('gets what we send in both alphabets, and its receipts are understood', async () => {
    await house.sms.send('us', us, 'Your code is 123456 [€]');
    await house.sms.send('us', us, 'आपका कोड');
    await delivered();
    const [gsm, ucs2] = submitted();
    expect(gsm).toMatchObject({ from: '14155559000', to: '14155550101', esm: 0, coding: 0 });
    // [ € ] in the extension table.
    expect(gsm?.octets.subarray(-6).toString('hex')).toBe('1b3c1b651b3e');
    expect(ucs2).toMatchObject({ coding: 8 });
    expect(ucs2?.octets.swap16().toString('utf16le')).toBe('आपका कोड');
  });

  it('gets long messages in parts, and every part has its receipt', async () => {
    const text = 'part '.repeat(100);
    await house.sms.send('us', us, text);
    await delivered();
    const parts = submitted();
    expect(parts.map(({ esm }) => esm)).toEqual([0x40, 0x40, 0x40, 0x40]);
    expect(parts.map(({ octets }) => [...octets.subarray(0, 3), octets[4], octets[5]])).toEqual(
      [1, 2, 3, 4].map((part) => [5, 0, 3, 4, part]),
    );
    expect(parts.map(({ octets }) => octets.subarray(6).toString('latin1')).join('')).toBe(text);
  });

  it('has its "too much" honoured, and its messages taken', async () => {
    await house.sms.send('us', us, 'throttle me');
    await house.sms.send('us', us, 'echo YES 123');
    await until(() => house.heard.length > 0 || undefined);
    expect(house.heard).toMatchObject([{ from: us, to: '+14155559000', text: 'echo YES 123' }]);
    await delivered();
    await smsc.waitFor(/throttled[\s\S]*submit/);
    expect(smsc.output).not.toMatch(/deliver_sm_resp [1-9]/);
  });

  it('hears our goodbye', async () => {
    await house.sms.close();
    await smsc.waitFor(/unbind/);
  });
});

describe.skipIf(!hasPeer('bearerbox'))('Kannel at the SMS centre of the lab', () => {
  let folder: string;
  let lab: Lab;
  let boxes: Process[];
  let web: Server;
  let requests: string[];
  let sendPort: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kannel-'));
    requests = [];
    boxes = [];
    web = createServer((request, response) => {
      requests.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const carriers = defaultCarriers()
      .filter(({ id }) => id === 'lab-gsm')
      .map((carrier) => ({ ...carrier, sipPort: 0, smpp: { systemId: 'kannel', password: 'secret' } }));
    lab = new Lab({ server: { host: '127.0.0.1', port: 9 }, carriers, smppPort: 0 });
    await lab.start();
    const [adminPort, smsboxPort] = [await freePort(), await freePort()];
    sendPort = await freePort();
    const file = join(folder, 'kannel.conf');
    writeFileSync(
      file,
      configuration({ adminPort, smsboxPort, webPort: (web.address() as AddressInfo).port }),
    );
    boxes.push(new Process('/usr/sbin/bearerbox', ['-v', '1', file], { cwd: folder }));
    await until(() => lab.smsLink('lab-gsm').up || undefined, { describe: () => boxes[0]?.output ?? '' });
    boxes.push(new Process('/usr/sbin/smsbox', ['-v', '1', file], { cwd: folder }));
    await boxes[0]?.waitFor(/Client connected|Started to listen to sms box|smsbox/i);
  });
  afterEach(async () => {
    for (const box of boxes.reverse()) await box.stop();
    await lab.close();
    await new Promise((resolve) => web.close(resolve));
    rmSync(folder, { recursive: true });
  });

  const configuration = (ports: { adminPort: number; smsboxPort: number; webPort: number }) => `
group = core
admin-port = ${ports.adminPort}
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = ${ports.smsboxPort}
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"

group = smsc
smsc = smpp
smsc-id = lab
host = 127.0.0.1
port = ${lab.smppPort}
transceiver-mode = true
smsc-username = kannel
smsc-password = secret
system-type = ""
enquire-link-interval = 2
msg-id-type = 0x01

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = ${ports.smsboxPort}
sendsms-port = ${sendPort}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = tester
password = secret
max-messages = 10
concatenation = true

group = sms-service
keyword = default
concatenation = true
max-messages = 0
get-url = "http://127.0.0.1:${ports.webPort}/mo?from=%p&to=%P&text=%a"
`;

  async function send(text: string, more: Record<string, string> = {}): Promise<void> {
    const query = new URLSearchParams({
      ...{ username: 'tester', password: 'secret', from: 'Kannel', to: us, text, charset: 'UTF-8' },
      ...more,
    });
    await until(async () => {
      const answer = await fetch(`http://127.0.0.1:${sendPort}/cgi-bin/sendsms?${query}`).catch(
        () => undefined,
      );
      return answer?.status === 202 || undefined;
    });
  }
  const inbox = () => lab.handset(us).inbox.map(({ text }) => text);

  it('its messages arrive, in both alphabets and in parts', async () => {
    await send('Your code is [123456] €');
    await until(() => inbox().length === 1 || undefined);
    await send('नमस्ते, '.repeat(30).trim(), { coding: '2' });
    await until(() => inbox().length === 2 || undefined);
    await send('a long text '.repeat(30).trim());
    await until(() => inbox().length === 3 || undefined);
    expect(inbox().reverse()).toEqual([
      'Your code is [123456] €',
      'नमस्ते, '.repeat(30).trim(),
      'a long text '.repeat(30).trim(),
    ]);
  });

  it('it understands our receipts, also those that come later', async () => {
    lab.setCoverage(us, 'no-coverage');
    const { port } = web.address() as AddressInfo;
    await send('hello', { 'dlr-mask': '3', 'dlr-url': `http://127.0.0.1:${port}/dlr?type=%d` });
    await until(() => lab.handset(us).waitingSms === 1 || undefined);
    expect(requests).toEqual([]);
    lab.setCoverage(us, 'covered');
    await until(() => requests.includes('/dlr?type=1') || undefined, {
      describe: () => boxes[0]?.output ?? '',
    });
  });

  it('what handsets send reaches it, long texts too', async () => {
    await send('warm up');
    const text = `YES ${'and so on '.repeat(30)}`.trim();
    lab.sendSms(us, '+14155559001', text);
    await until(() => requests.length > 0 || undefined, { describe: () => boxes[0]?.output ?? '' });
    const url = new URL(requests[0] ?? '', 'http://x');
    expect(url.pathname).toBe('/mo');
    expect(url.searchParams.get('text')).toBe(text);
    expect(url.searchParams.get('from')?.replace(/^ /, '+')).toMatch(/14155550101$/);
    await until(
      () => lab.sms().some(({ origin, state }) => origin === 'handset' && state === 'delivered') || undefined,
    );
  });

  it('it comes back after its link was cut', async () => {
    expect(lab.dropSmsLink('lab-gsm')).toEqual({ dropped: 1 });
    await send('hello');
    await until(() => inbox().includes('hello') || undefined, { timeoutMs: 40_000 });
  });
});
