import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CarrierServer } from '../testing/carrier-server.ts';
import { HttpClient } from './http-client.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const { available } = TestAuthority;
let authority: TestAuthority;
let stranger: TestAuthority;
let server: CarrierServer;
let ca: string;

beforeEach(async ({ skip }) => {
  skip(!available, 'no openssl on this machine');
  authority = await TestAuthority.create();
  stranger = await TestAuthority.create();
  const own = await authority.issue('xcap.carrier.example', 'IP:127.0.0.1');
  server = new CarrierServer((listener) =>
    createServer({ ...own, ca: authority.ca, requestCert: true, rejectUnauthorized: true }, listener),
  );
  server.answer = () => ({ status: 200, body: 'hello' });
  await server.listen();
  ca = join(authority.folder, 'ca.pem');
});

afterEach(async () => {
  await server?.close();
  await authority?.remove();
  await stranger?.remove();
});

async function certificateOf(issuer: TestAuthority): Promise<{ cert: string; key: string }> {
  const files = { cert: join(issuer.folder, 'us.pem'), key: join(issuer.folder, 'us.key') };
  const pair = await issuer.issue('ringthrough.example');
  writeFileSync(files.cert, pair.cert);
  writeFileSync(files.key, pair.key);
  return files;
}

const ask = (tls: { ca?: string; cert?: string; key?: string }) =>
  new HttpClient({ timeoutSeconds: 10, tls }).send(
    { method: 'GET', url: `https://127.0.0.1:${server.port}/` },
    new AbortController().signal,
  );

it('mutual TLS: both sides prove who they are, or nothing is said', async () => {
  const ours = await certificateOf(authority);
  expect(await ask({ ca, ...ours })).toMatchObject({ status: 200, body: 'hello' });
  const failed = expect.objectContaining({ code: 'no-answer', retry: true });
  await expect(ask({ ca })).rejects.toEqual(failed);
  await expect(ask({ ca, ...(await certificateOf(stranger)) })).rejects.toEqual(failed);
  await expect(ask({ ca: join(stranger.folder, 'ca.pem'), ...ours })).rejects.toEqual(failed);
  await expect(ask({ ...ours })).rejects.toEqual(failed);
  expect(server.seen).toHaveLength(1);
});
