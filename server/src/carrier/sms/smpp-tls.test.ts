import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TestAuthority } from '@ringthrough/sip/testing';
import smpp, { type PDU, type Server, type Session } from 'smpp';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SmsHouse } from './testing/sms-house.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const until = (condition: () => Promise<boolean> | boolean) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 40_000, interval: 5 });

let authority: TestAuthority;
let server: Server;
let taken: string[];
const sessions = new Set<Session>();
let house: SmsHouse | undefined;

beforeEach(async ({ skip }) => {
  skip(!TestAuthority.available, 'no openssl on this machine');
  taken = [];
  authority = await TestAuthority.create();
  const { cert, key } = await authority.issue('smsc', 'DNS:smsc.test');
  server = smpp.createServer({ cert, key }, (session) => {
    sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => sessions.delete(session));
    session.on('pdu', (pdu: PDU) => {
      if (pdu.isResponse()) return;
      if (pdu.command === 'submit_sm') taken.push((pdu.short_message as { message: string }).message);
      session.send(pdu.response({ message_id: '1' }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  await house?.close();
  house = undefined;
  for (const session of sessions) session.destroy();
  if (server?.listening) await new Promise((resolve) => server.close(resolve));
  await authority?.remove();
});

const portOf = () => (server.address() as AddressInfo).port;
const caFile = () => join(authority.folder, 'ca.pem');

it('goes over TLS to an SMS centre whose certificate is believed', async () => {
  house = await SmsHouse.open({ port: portOf(), tls: { ca: caFile(), serverName: 'smsc.test' } });
  await house.sms.send('us', '+14155550101', 'hello');
  await until(() => house!.isSent());
  expect(taken).toEqual(['hello']);
});

it.each([
  ['of nobody who is believed', () => ({ serverName: 'smsc.test' })],
  ['for another name', () => ({ ca: caFile(), serverName: 'other.test' })],
])('sends nothing to one with a certificate %s', async (_, tls) => {
  house = await SmsHouse.open({ port: portOf(), tls: tls() });
  await house.sms.send('us', '+14155550101', 'hello');
  await until(() => house!.logLines.some((line) => line.includes('no connection to the SMS centre')));
  expect(taken).toEqual([]);
  expect(house.logLines.join('')).toMatch(/CERT|ALTNAME|UNABLE_TO/);
});
