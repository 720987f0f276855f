import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Baresip } from './support/baresip.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { TcpProxy } from './support/tcp-proxy.ts';
import { writeTone } from './support/tones.ts';
import { Trunk } from './support/trunk.ts';

const NUMBER = '+14155550101';
const PHONE_HZ = 600;

describe.skipIf(!hasPeer('baresip'))(
  'two flows of one telephone (RFC 5626): baresip over TCP and UDP',
  () => {
    let folder: string;
    let server: Ringthrough;
    let network: TcpProxy;
    let trunk: Trunk;
    let phone: Baresip;
    let person: Person;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'outbound-'));
      server = await Ringthrough.start();
      network = await TcpProxy.open(server.sipPort);
      [person] = await Person.signUp(server, NUMBER);
      const { sip } = await person.addSoftphone('Desk phone');
      const speaks = await writeTone(join(folder, 'speaks.wav'), { hz: PHONE_HZ });
      const flows = [
        { port: network.port, transport: 'tcp' as const },
        { port: server.sipPort, transport: 'udp' as const },
      ];
      const at = { host: '127.0.0.1', port: server.sipPort };
      phone = await Baresip.start({ sip, server: at, speaks, flows });
      trunk = await Trunk.open(server);
    });
    afterAll(async () => {
      await phone?.stop();
      await trunk?.close();
      await network?.close();
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    /** A call that it takes; resolves when it is over. */
    async function talk(nth: number): Promise<void> {
      const call = await trunk.call({ called: NUMBER, listenFor: [PHONE_HZ] });
      await phone.event('CALL_INCOMING', nth);
      await call.status(180);
      phone.accept();
      await call.status(200);
      await call.hears(PHONE_HZ, 1000);
      call.hangUp();
      await phone.event('CALL_CLOSED', nth);
      await until(async () => (await server.gauge('ringthrough_calls_active')) === 0);
    }

    const rang = () => phone.events.filter(({ type }) => type === 'CALL_INCOMING').length;

    it('it rings once, and over the other flow when one is gone', async () => {
      await phone.process.waitFor(/\[2 bindings\]/);
      await talk(1);
      expect(rang()).toBe(1);
      await network.close();
      await talk(2);
      expect(rang()).toBe(2);
      const [device] = (
        await person.call<Array<{ name: string; registered: boolean }>>('GET', '/api/devices')
      ).filter(({ name }) => name === 'Desk phone');
      expect(device?.registered).toBe(true);
    });
  },
);
