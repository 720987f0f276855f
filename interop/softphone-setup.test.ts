import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseWav, wavToMono } from '@ringthrough/rtp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Linphone } from './support/linphone.ts';
import { hasPeer } from './support/peers.ts';
import { type ApiError, Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { writeTone } from './support/tones.ts';

interface TestCall {
  state: string | null;
}

/** Of its samples, 32767 at most. */
async function loudest(file: string): Promise<number> {
  const audio = parseWav(await readFile(file));
  if (!audio) throw new Error('no WAV file');
  return wavToMono(audio).reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
}

describe.skipIf(!hasPeer('linphonec'))('a softphone that is set up by its QR code: linphonec', () => {
  let folder: string;
  let server: Ringthrough;
  let person: Person;
  let deviceId: string;
  let phone: Linphone;
  let path: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'softphone-setup-'));
    server = await Ringthrough.start({ config: { http: { requestsPerAddressPerMinute: 100_000 } } });
    [person] = await Person.signUp(server, '+14155550101');
    deviceId = (await person.addSoftphone('Desk phone')).device.id;
  });
  afterAll(async () => {
    await phone?.stop();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const testCall = () => person.call<TestCall>('GET', `/api/devices/${deviceId}/test-call`);
  const becomes = async (state: string) => {
    await until(async () => (await testCall()).state === state, {
      describe: () => `the test call is not ${state}; linphonec:\n${phone.process.output}`,
    });
  };
  const start = () => person.call<TestCall>('POST', `/api/devices/${deviceId}/test-call`, { language: 'en' });

  it('registers with what it finds at the address', async () => {
    ({ path } = await person.call<{ path: string }>('POST', `/api/devices/${deviceId}/set-up`));
    const speaks = await writeTone(join(folder, 'speaks.wav'), { hz: 600 });
    phone = await Linphone.setUp({ url: server.url + path, speaks });
    const devices = await person.call<Array<{ id: string; registered: boolean }>>('GET', '/api/devices');
    expect(devices.find(({ id }) => id === deviceId)).toMatchObject({ registered: true });
  });

  it('has used the address up', async () => {
    const again = await person.call('GET', path).catch((error: ApiError) => error.status);
    expect(again).toBe(404);
  });

  it('is rung by the test call, and hears the prompt', async () => {
    expect(await start()).toEqual({ state: 'calling' });
    await phone.rings();
    await becomes('ringing');
    await phone.answer();
    await becomes('completed');
    await phone.sees(/Call \d+ with .* ended/);
    expect(await loudest(phone.heard)).toBeGreaterThan(2000);
  });

  it('declines the test call', async () => {
    await start();
    await phone.rings();
    await becomes('ringing');
    phone.hangUp();
    await becomes('rejected');
  });

  it('does not fetch its configuration again when it starts the next time', async () => {
    await phone.quit();
    expect(phone.ownConfiguration).toContain('transient_provisioning=1');
    expect(phone.ownConfiguration).not.toContain('config-uri=http');
  });
});
