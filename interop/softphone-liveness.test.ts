import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Baresip } from './support/baresip.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { writeTone } from './support/tones.ts';

/** What R-REG-LOST allows, and some time for a busy machine to be asked over HTTP. */
const behindMs = 30_000;
const askedMs = 1_000;

describe.skipIf(!hasPeer('baresip'))('a softphone on UDP, asked whether it lives: baresip', () => {
  let folder: string;
  let server: Ringthrough;
  let person: Person;
  let phone: Baresip;
  let devices = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'liveness-'));
    // As shipped: SIPp is not here.
    const http = { requestsPerAddressPerMinute: 100_000 };
    server = await Ringthrough.start({ config: { http, registration: { softphonePingSeconds: 15 } } });
    [person] = await Person.signUp(server, '+14155550101');
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    devices += 1;
    const { sip } = await person.addSoftphone(`Phone ${devices}`);
    const speaks = await writeTone(join(folder, `speaks${devices}.wav`), { hz: 600 });
    phone = await Baresip.start({ sip, server: { host: '127.0.0.1', port: server.sipPort }, speaks });
  });
  afterEach(async () => {
    phone.process.child.kill('SIGCONT');
    await phone.stop();
  });

  /** Resolves with how long it took until the device list says so. */
  async function shown(registered: boolean, timeoutMs: number): Promise<number> {
    const startedAt = performance.now();
    await until(
      async () => {
        const list = await person.call<Array<{ name: string; registered: boolean }>>('GET', '/api/devices');
        const device = list.find(({ name }) => name === `Phone ${devices}`);
        return device?.registered === registered || undefined;
      },
      { timeoutMs, describe: () => `the device does not become ${registered ? '' : 'un'}registered` },
    );
    return performance.now() - startedAt;
  }

  it.each(['SIGSTOP', 'SIGKILL'] as const)(
    '%s: not registered within 30 s',
    { timeout: 90_000 },
    async (signal) => {
      await shown(true, 5_000);
      phone.process.child.kill(signal);
      expect(await shown(false, behindMs + askedMs)).toBeLessThan(behindMs + askedMs);
      if (signal === 'SIGKILL') return;
      phone.process.child.kill('SIGCONT');
      await shown(true, behindMs);
    },
  );

  it('lives, and stays registered', { timeout: 90_000 }, async () => {
    await shown(true, 5_000);
    // It was asked twice by then, and has not yet renewed its registration of 60 s.
    await expect(shown(false, 35_000)).rejects.toThrow('does not become');
  });
});
