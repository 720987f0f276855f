import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Dnsmasq } from './support/dnsmasq.ts';
import { LabHandset } from './support/lab.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

const closing: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(options: Parameters<typeof Ringthrough.start>[0]): Promise<Ringthrough> {
  const server = await Ringthrough.start(options);
  closing.push(() => server.stop());
  return server;
}

interface Linked {
  number: string;
  carrier: { id: string } | null;
  forwarding: { mode: string; state: string; noReplySeconds: number | null } | null;
}

async function linked(person: Person, number: string): Promise<Linked | undefined> {
  const { numbers } = await person.call<{ numbers: Linked[] }>('GET', '/api/account');
  return numbers.find((one) => one.number === number);
}

function becomes(person: Person, number: string, wanted: Partial<Linked['forwarding']>): Promise<unknown> {
  let last: unknown;
  return until(
    async () => {
      const forwarding = (await linked(person, number))?.forwarding;
      last = forwarding;
      return Object.entries(wanted ?? {}).every(([key, value]) => forwarding?.[key as 'state'] === value);
    },
    { timeoutMs: 30_000, describe: () => `forwarding stayed ${JSON.stringify(last)}` },
  );
}

const ask = (person: Person, number: string, body: object) =>
  person.call('POST', `/api/account/numbers/${number}/forwarding`, body);

describe('Lab Mobile UK, which is integrated out of the box', () => {
  const uk = '+447700900123';
  const cNumber = '+447700900999';

  async function signUpInLab(server: Ringthrough): Promise<[Person, LabHandset]> {
    const person = new Person(server);
    const handset = new LabHandset(server, uk);
    const { id } = await person.call<{ id: string }>('POST', '/api/validations', {
      number: uk,
      purpose: 'sign-up',
      mechanism: 'sms-code',
    });
    const text = await until(async () => (await handset.view()).inbox[0]?.text, { timeoutMs: 20_000 });
    const code = /\b\d{6}\b/.exec(text)?.[0];
    const { proof } = await person.call<{ proof: string }>('POST', `/api/validations/${id}/check`, { code });
    const device = { name: 'Test', system: 'test' };
    await person.call('POST', '/api/accounts', { proof, password: 'correct horse 7', device });
    return [person, handset];
  }

  it('forwards by XCAP what the switch then does, and shows what a handset dials', {
    timeout: 120_000,
  }, async () => {
    const server = await start({ lab: true });
    const [person, handset] = await signUpInLab(server);
    await becomes(person, uk, { mode: 'auto', state: 'active' });
    const { forwardings } = await handset.view();
    expect(Object.keys(forwardings).toSorted()).toEqual(['busy', 'no-reply', 'not-reachable']);
    for (const one of Object.values(forwardings)) expect(one).toMatchObject({ to: cNumber, active: true });

    const dial = (number: string) =>
      fetch(`${server.url}/lab/api/handsets/${uk}/dial`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ number }),
      });
    await dial('##004#');
    await ask(person, uk, { action: 'refresh' });
    await becomes(person, uk, { state: 'inactive' });

    await ask(person, uk, { action: 'activate', noReplySeconds: 15 });
    await becomes(person, uk, { state: 'active', noReplySeconds: 15 });
    expect((await handset.view()).forwardings['no-reply']).toMatchObject({ noReplySeconds: 15 });

    await fetch(`${server.url}/lab/api/carriers/lab-mobile-uk`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ provisioning: 'down' }),
    });
    await ask(person, uk, { action: 'deactivate' });
    await becomes(person, uk, { state: 'pending' });
    // After a power cut the lab's machines are in order again, and the command is still there.
    await server.kill();
    await server.restart();
    await becomes(person, uk, { state: 'inactive' });
    await until(async () => Object.keys((await handset.view()).forwardings).length === 0);
  });
});

/** The platform of a carrier, with the webhook; answers when it is let. */
async function startPlatform(): Promise<{
  server: Server;
  url: string;
  asked: IncomingMessage[];
  open: () => void;
}> {
  const gate = Promise.withResolvers<void>();
  const asked: IncomingMessage[] = [];
  const server = createServer(async (request, response) => {
    asked.push(request);
    await gate.promise;
    response.writeHead(200).end('{"state":"active"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/forwarding`;
  return { server, url, asked, open: gate.resolve };
}

describe('carriers of a file, found by ENUM', () => {
  const ported = '+12125550142';
  const moved = '2.4.1.0.5.5.5.2.1.2.1.npd.test';
  const routing = (rn: string) =>
    `naptr-record=${moved},10,10,u,E2U+pstn:tel,!^.*$!tel:${ported};npdi;rn=${rn}!`;

  it('a ported number is its new carrier’s, and a command survives kill -9', {
    timeout: 120_000,
  }, async () => {
    const dns = await Dnsmasq.start([routing('+12155550199')]);
    closing.push(() => dns.stop());
    const platform = await startPlatform();
    const folder = mkdtempSync(join(tmpdir(), 'ringthrough-carriers-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'carriers.yaml');
    writeFileSync(file, 'carriers: []\n');
    const lookup = { enum: { zone: 'npd.test', servers: [dns.address] }, timeoutMs: 3000, cacheSeconds: 1 };
    const server = await start({ config: { catalogue: { file, portability: lookup } } });
    const { url, token } = server.sms;
    const carrier = {
      id: 'new-carrier',
      name: 'New Carrier',
      country: 'US',
      family: 'gsm',
      routingNumbers: ['+1215555'],
      cNumber: '+12155559000',
      provisioning: { adapter: 'http', url: platform.url },
      sms: { url, token },
    };
    writeFileSync(file, stringify({ carriers: [carrier] }));
    // SMS centres are opened at the start.
    await server.restart();

    const [person] = await Person.signUp(server, ported);
    expect(await linked(person, ported)).toMatchObject({ carrier: { id: 'new-carrier' } });
    await becomes(person, ported, { mode: 'auto', state: 'pending' });
    await until(() => platform.asked.length > 0);
    await server.kill();
    platform.open();
    await server.restart();
    await becomes(person, ported, { state: 'active' });
    const keys = new Set(platform.asked.map(({ headers }) => headers['idempotency-key']));
    expect(platform.asked.length).toBeGreaterThan(1);
    expect(keys.size).toBe(1);

    // Nobody knows any more: the range decides.
    await dns.silence();
    const [other] = await Person.signUp(server, '+12125550143');
    expect(await linked(other, '+12125550143')).toMatchObject({ carrier: { id: 'test-carrier' } });
  });
});
