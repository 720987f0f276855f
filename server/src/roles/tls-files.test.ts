import { once } from 'node:events';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { AllInOne } from './all-in-one.ts';
import { readTlsFiles, type TlsMaterial, watchTlsFiles } from './tls-files.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let authority: TestAuthority;
let files: { cert: string; key: string };
const logLines: string[] = [];
const log = createLogger({ level: 'info', destination: 'none' }, { write: (line) => logLines.push(line) });
const open: Array<() => unknown> = [];

const { available } = TestAuthority;
beforeEach(async ({ skip }) => {
  skip(!available, 'no openssl on this machine');
  authority = await TestAuthority.create();
  files = { cert: join(authority.folder, 'cert.pem'), key: join(authority.folder, 'key.pem') };
  logLines.length = 0;
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  await authority?.remove();
});

async function write(name: string): Promise<{ cert: string; key: string }> {
  const pair = await authority.issue(name, 'IP:127.0.0.1');
  writeFileSync(files.key, pair.key);
  writeFileSync(files.cert, pair.cert);
  return pair;
}

it('refuses files that are not there, are no certificate, or do not belong together', async () => {
  const refusal = expect.objectContaining({
    name: 'StartError',
    message: expect.stringContaining('sip.tls'),
  });
  await expect(readTlsFiles(files, 'sip.tls')).rejects.toEqual(refusal);
  const pair = await write('one');
  expect((await readTlsFiles(files, 'sip.tls')).cert.toString()).toBe(pair.cert);
  writeFileSync(files.key, (await authority.issue('two')).key);
  await expect(readTlsFiles(files, 'sip.tls')).rejects.toEqual(refusal);
  writeFileSync(files.cert, 'nonsense');
  await expect(readTlsFiles(files, 'sip.tls')).rejects.toEqual(refusal);
});

it('sees files that change, also behind a link; passes over what does not fit together yet', async () => {
  await write('one');
  // The way of certbot: what is configured is a link, and the link is replaced.
  const link = join(authority.folder, 'live.pem');
  symlinkSync(files.cert, link);
  const seen: TlsMaterial[] = [];
  const apply = (material: TlsMaterial) => void seen.push(material);
  const watched = { cert: link, key: files.key };
  open.push(watchTlsFiles({ files: watched, setting: 'sip.tls', log, apply, intervalMs: 20 }));
  const two = await authority.issue('two');
  writeFileSync(files.key, two.key);
  await expect.poll(() => logLines.join(''), { timeout: 10_000 }).toContain('not usable');
  expect(seen).toEqual([]);
  const next = join(authority.folder, 'next.pem');
  writeFileSync(next, two.cert);
  symlinkSync(next, `${link}.new`);
  renameSync(`${link}.new`, link);
  await expect.poll(() => seen.at(-1)?.cert.toString(), { timeout: 10_000 }).toBe(two.cert);
});

it('the service answers over TLS, and takes a renewed certificate into use on SIGHUP', async () => {
  await write('one');
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const config = parseConfig(
    stringify({
      http: { port: 0 },
      sip: { port: 0, tls: { port, ...files } },
      media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
      lab: { enabled: false },
    }),
  );
  config.dataDir = join(authority.folder, 'data');
  const house = await AllInOne.start({ config, log, version: '0.0.0' });
  open.push(() => house.close());
  const shown = async () => {
    const socket = connect({ host: '127.0.0.1', port, ca: authority.ca });
    open.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    socket.write('\r\n\r\n');
    const [pong] = (await once(socket, 'data')) as [Buffer];
    return [socket.getPeerCertificate().subject.CN, pong.toString()];
  };
  expect(await shown()).toEqual(['one', '\r\n']);
  await write('two');
  process.emit('SIGHUP', 'SIGHUP');
  await expect.poll(async () => (await shown())[0], { timeout: 10_000 }).toBe('two');
  await house.close();
  expect(process.listenerCount('SIGHUP')).toBe(0);
});
