import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Baresip } from './support/baresip.ts';
import { Kamailio } from './support/kamailio.ts';
import { hasPeer } from './support/peers.ts';
import { Person, type SipCredentials } from './support/person.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { writeTone } from './support/tones.ts';
import { Trunk } from './support/trunk.ts';
import { WebDevice } from './support/web-device.ts';
import { WebPage } from './support/web-page.ts';

const CALLER_HZ = 1000;
const DEVICE_HZ = 600;
const listenFor = [CALLER_HZ, DEVICE_HZ];
const enough = hasPeer('kamailio') && hasPeer('baresip') && hasPeer('chromium');

describe.skipIf(!enough)('Kamailio as the edge proxy in front of the devices, with Path', () => {
  let folder: string;
  let server: Ringthrough;
  let edge: Kamailio;
  let trunk: Trunk;
  let devicesPort: number;
  let webSocketPort: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'edge-'));
    const coreSide = await freePort();
    [devicesPort, webSocketPort] = [await freePort(), await freePort()];
    server = await Ringthrough.start({
      config: {
        // The test asks all the time.
        http: { requestsPerAddressPerMinute: 100_000 },
        sip: { edges: [{ host: '127.0.0.1', port: coreSide }] },
        registration: { softphonePingSeconds: 1, softphonePatienceSeconds: 3 },
      },
    });
    edge = await Kamailio.start({
      example: 'edge',
      settings: {
        DEVICES_UDP: `udp:127.0.0.1:${devicesPort}`,
        DEVICES_TCP: `tcp:127.0.0.1:${devicesPort}`,
        DEVICES_WS: `tcp:127.0.0.1:${webSocketPort}`,
        CORE_SIDE: `udp:127.0.0.1:${coreSide}`,
        CORE: `"sip:127.0.0.1:${server.sipPort}"`,
      },
    });
    trunk = await Trunk.open(server);
  }, 120_000);

  afterEach(async () => {
    for (const name of ['ringthrough_media_legs', 'ringthrough_calls_active']) {
      await until(async () => (await server.gauge(name)) === 0, { describe: () => `${name} stays above 0` });
    }
  });

  afterAll(async () => {
    await trunk?.close();
    await edge?.stop();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function signUp(number: string): Promise<[Person, SipCredentials]> {
    const [person] = await Person.signUp(server, number);
    return [person, (await person.addSoftphone('Phone')).sip];
  }

  const becomes = (person: Person, registered: boolean) =>
    until(async () => {
      const devices = await person.call<Array<{ registered: boolean }>>('GET', '/api/devices');
      return devices.some((device) => device.registered) === registered;
    });

  /** The server asks along the Path whether the device lives. */
  const asked = (mark: number) =>
    until(() => (edge.logSince(mark).match(/to a device: OPTIONS/g)?.length ?? 0) >= 2);

  it.each([
    ['udp', '+14155550101'],
    ['tcp', '+14155550102'],
  ] as const)(
    'baresip registers through it over %s, and is called through it',
    { timeout: 90_000 },
    async (transport, number) => {
      const [person, sip] = await signUp(number);
      const speaks = await writeTone(join(folder, `${transport}.wav`), { hz: DEVICE_HZ });
      const phone = await Baresip.start({
        sip,
        server: { host: '127.0.0.1', port: server.sipPort },
        proxy: { host: '127.0.0.1', port: devicesPort },
        transport,
        speaks,
      });
      try {
        const { mark } = edge;
        await becomes(person, true);
        for (const [nth, who] of [
          [1, 'caller'],
          [2, 'device'],
        ] as const) {
          const call = await trunk.call({ called: number, listenFor });
          await phone.event('CALL_INCOMING', nth);
          await call.status(180);
          phone.accept();
          await call.status(200);
          call.media.speak(CALLER_HZ);
          await Promise.all([call.hears(DEVICE_HZ, 600), phone.hears(CALLER_HZ, 400)]);
          if (who === 'caller') call.hangUp();
          else phone.hangUp();
          await phone.event('CALL_CLOSED', nth);
          expect(await call.ended()).toBe(who === 'caller' ? 'us' : 'peer');
        }
        const given = await trunk.call({ called: number });
        await phone.event('CALL_INCOMING', 3);
        given.hangUp();
        await phone.event('CALL_CLOSED', 3);
        await given.ended();
        expect(edge.logSince(mark).match(/to a device: INVITE/g)).toHaveLength(3);
        await asked(edge.mark);
        await becomes(person, true);
        phone.process.child.kill('SIGSTOP');
        await becomes(person, false);
        phone.process.child.kill('SIGCONT');
        await becomes(person, true);
      } finally {
        phone.process.child.kill('SIGCONT');
        await phone.stop();
      }
      await becomes(person, false);
    },
  );

  it('a page over WebSocket (JsSIP)', { timeout: 120_000 }, async () => {
    const number = '+14155550103';
    const [person, { user, password, domain }] = await signUp(number);
    const page = await WebPage.open();
    const microphone = await writeTone(join(folder, 'microphone.wav'), {
      hz: DEVICE_HZ,
      sampleRate: 48_000,
      pulsed: true,
    });
    const browser = await WebDevice.open({ origin: page.origin, microphone });
    const happens = (event: string, times: number) =>
      until(async () => {
        const events: string[] = await browser.page.evaluate('phone.events');
        return events.filter((one) => one.startsWith(event)).length >= times;
      });
    try {
      await browser.page.goto(`${page.origin}/?library=jssip`);
      await until(() => browser.page.evaluate('window.phone !== undefined') as Promise<boolean>);
      const url = `ws://127.0.0.1:${webSocketPort}/sip`;
      await browser.page.evaluate(`phone.register(${JSON.stringify({ url, user, password, domain })})`);
      await becomes(person, true);
      const { mark } = edge;
      for (const [times, who] of [
        [1, 'caller'],
        [2, 'device'],
      ] as const) {
        const call = await trunk.call({ called: number, listenFor });
        await happens('incoming', times);
        await call.status(180);
        await browser.page.evaluate('phone.answer()');
        await call.status(200);
        call.media.speak(CALLER_HZ);
        await Promise.all([call.hears(DEVICE_HZ), browser.hears(CALLER_HZ)]);
        if (who === 'caller') call.hangUp();
        else await browser.page.evaluate('phone.hangUp()');
        await happens('ended', times);
        expect(await call.ended()).toBe(who === 'caller' ? 'us' : 'peer');
      }
      await asked(mark);
      await becomes(person, true);
      await browser.page.close();
      await becomes(person, false);
    } finally {
      await browser.close();
      await page.close();
    }
  });
});
