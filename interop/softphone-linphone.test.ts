import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Linphone } from './support/linphone.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { tonesIn, writeTone } from './support/tones.ts';
import { Trunk } from './support/trunk.ts';

const CALLER_HZ = 1000;
const SOFTPHONE_HZ = 600;
const listenFor = [CALLER_HZ, SOFTPHONE_HZ];

describe.skipIf(!hasPeer('linphonec') || !TestAuthority.available)('a softphone: linphonec', () => {
  let folder: string;
  let authority: TestAuthority;
  let server: Ringthrough;
  let trunk: Trunk;
  let speaks: string;
  let tlsPort: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'linphone-test-'));
    tlsPort = await freePort();
    authority = await TestAuthority.create();
    const pem = await authority.issue('localhost');
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await Promise.all([writeFile(cert, pem.cert), writeFile(key, pem.key)]);
    server = await Ringthrough.start({
      // The test asks all the time.
      config: {
        http: { requestsPerAddressPerMinute: 100_000 },
        sip: { tls: { port: tlsPort, cert, key } },
        calls: { ringTimeoutSeconds: 20 },
      },
    });
    speaks = await writeTone(join(folder, 'speaks.wav'), { hz: SOFTPHONE_HZ });
    trunk = await Trunk.open(server);
  });

  afterAll(async () => {
    await trunk?.close();
    await server?.stop();
    await authority?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  describe.each(['udp', 'tcp', 'tls'] as const)('over %s', (transport) => {
    const number = { udp: '+14155550101', tcp: '+14155550102', tls: '+14155550103' }[transport];
    let phone: Linphone;
    let person: Person;

    beforeAll(async () => {
      [person] = await Person.signUp(server, number);
      const { sip } = await person.addSoftphone('Desk phone');
      const at = { host: '127.0.0.1', port: transport === 'tls' ? tlsPort : server.sipPort };
      phone = await Linphone.start({ sip, server: at, transport, speaks });
    });
    afterAll(() => phone?.stop());
    afterEach(async () => {
      for (const name of ['ringthrough_media_legs', 'ringthrough_calls_active']) {
        await until(async () => (await server.gauge(name)) === 0, {
          describe: () => `${name} stays above 0`,
        });
      }
    });

    /** A call that it has accepted, in which the caller has heard it. */
    async function talk() {
      const call = await trunk.call({ called: number, listenFor });
      await phone.rings();
      await call.status(180);
      await phone.answer();
      await call.status(200);
      call.media.speak(CALLER_HZ);
      await call.hears(SOFTPHONE_HZ, 1000);
      return call;
    }

    /** Waits until the newest call has come to this in the log. */
    const logged = (outcome: string) =>
      until(async () => {
        const [entry] = await person.call<Array<{ outcome: string | null }>>('GET', '/api/calls?limit=1');
        return entry?.outcome === outcome;
      });

    it('both hear each other; the caller hangs up', async () => {
      const call = await talk();
      call.hangUp();
      expect(await call.ended()).toBe('us');
      await phone.sees(/Call \d+ with .* ended/);
      const heard = await until(async () => {
        const tones = await tonesIn(phone.heard, listenFor).catch(() => undefined);
        return tones && (tones.get(CALLER_HZ) ?? 0) > 600 ? tones : undefined;
      });
      expect(heard.get(SOFTPHONE_HZ)).toBe(0);
      await logged('answered');
    });

    it('the softphone hangs up', async () => {
      const call = await talk();
      phone.hangUp();
      expect(await call.ended()).toBe('peer');
      await phone.sees(/Call \d+ with .* ended/);
    });

    it('the caller gives up: it sees the CANCEL', async () => {
      const call = await trunk.call({ called: number });
      await phone.rings();
      await call.status(180);
      call.hangUp();
      await phone.sees(/Call \d+ with .* ended/);
      expect(await call.ended()).toBe('rejection');
      expect(call.statuses.at(-1)).toBe(487);
    });

    it('it declines: voicemail answers', async () => {
      const call = await trunk.call({ called: number });
      await phone.rings();
      phone.hangUp();
      await phone.sees(/Call declined/);
      await call.status(200);
      call.hangUp();
      await call.ended();
      await logged('declined');
    });

    it('ends, and is not registered any more', async () => {
      await phone.stop();
      await until(async () => {
        const devices = await person.call<Array<{ registered: boolean }>>('GET', '/api/devices');
        return devices.every(({ registered }) => !registered);
      });
    });
  });
});
