import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person, type SipCredentials } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { writeTone } from './support/tones.ts';
import { Trunk } from './support/trunk.ts';
import { WebDevice } from './support/web-device.ts';
import { WebPage } from './support/web-page.ts';

const CALLER_HZ = 1000;
const DEVICE_HZ = 600;
const listenFor = [CALLER_HZ, DEVICE_HZ];

describe.skipIf(!hasPeer('chromium')).each([
  { library: 'jssip', number: '+14155550101' },
  { library: 'sipjs', number: '+14155550102' },
])('a page with $library, not ours', ({ library, number }) => {
  let folder: string;
  let page: WebPage;
  let server: Ringthrough;
  let trunk: Trunk;
  let person: Person;
  let sip: SipCredentials;
  let browser: WebDevice;
  /** How many events of the page were waited for already. */
  let seen = 0;
  /** By CRLF and by OPTIONS, whether the page lives. */
  let questions = 0;
  /** Its REGISTERs that were answered with 200. */
  let registrations = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'web-libraries-'));
    page = await WebPage.open();
    server = await Ringthrough.start({
      config: {
        http: { allowedOrigins: [page.origin], requestsPerAddressPerMinute: 100_000 },
        // One of them answers CRLF, the other is asked by OPTIONS.
        registration: { softphonePingSeconds: 1, softphonePatienceSeconds: 5, webSocketPingSeconds: 1 },
      },
    });
    trunk = await Trunk.open(server);
    [person] = await Person.signUp(server, number);
    ({ sip } = await person.addSoftphone('Somebody’s page'));
    const microphone = await writeTone(join(folder, 'microphone.wav'), {
      hz: DEVICE_HZ,
      sampleRate: 48_000,
      pulsed: true,
    });
    browser = await WebDevice.open({ origin: page.origin, microphone });
    browser.page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (/^SIP\/2\.0 200 .*^CSeq: \d+ REGISTER/ms.test(String(payload))) registrations += 1;
        if (/^(OPTIONS |\r\n\r\n$)/.test(String(payload))) questions += 1;
      }),
    );
    await browser.page.goto(`${page.origin}/?library=${library}`);
    await until(() => browser.page.evaluate('window.phone !== undefined') as Promise<boolean>);
  }, 120_000);

  afterEach(async () => {
    for (const name of ['ringthrough_media_legs', 'ringthrough_calls_active']) {
      await until(async () => (await server.gauge(name)) === 0, { describe: () => `${name} stays above 0` });
    }
  });

  afterAll(async () => {
    expect(browser?.errors ?? []).toEqual([]);
    await browser?.close();
    await trunk?.close();
    await server?.stop();
    await page?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const tell = (call: string) => browser.page.evaluate(`void phone.${call}`);

  /** Waits for the page's next event that matches. */
  async function happens(pattern: RegExp): Promise<void> {
    let events: string[] = [];
    await until(
      async () => {
        events = await browser.page.evaluate('phone.events');
        const at = events.slice(seen).findIndex((event) => pattern.test(event));
        if (at >= 0) seen += at + 1;
        return at >= 0;
      },
      { describe: () => `no ${pattern} among ${events.slice(seen).join(', ')}` },
    );
  }

  const registered = async () => {
    const devices = await person.call<Array<{ registered: boolean }>>('GET', '/api/devices');
    return devices.some((device) => device.registered);
  };

  async function talk() {
    const call = await trunk.call({ called: number, listenFor });
    await happens(/incoming/);
    await call.status(180);
    await tell('answer()');
    await call.status(200);
    await happens(/established/);
    call.media.speak(CALLER_HZ);
    await Promise.all([call.hears(DEVICE_HZ), browser.hears(CALLER_HZ)]);
    return call;
  }

  it('registers with the challenge answered, and again', async () => {
    const { user, password, domain } = sip;
    const url = `ws://127.0.0.1:${server.httpPort}/sip`;
    await tell(`register(${JSON.stringify({ url, user, password, domain })})`);
    await happens(/^registered/);
    expect(await registered()).toBe(true);
    const before = registrations;
    await tell('refresh()');
    await until(() => registrations > before);
    expect(await registered()).toBe(true);
  });

  it('is called, both are heard, the caller hangs up', async () => {
    const call = await talk();
    expect(await browser.codec()).toBe('audio/opus');
    call.hangUp();
    await happens(/ended/);
    expect(await call.ended()).toBe('us');
  });

  it('is called, and hangs up', async () => {
    const call = await talk();
    await tell('hangUp()');
    await happens(/ended/);
    expect(await call.ended()).toBe('peer');
  });

  it('the caller gives up', async () => {
    const call = await trunk.call({ called: number });
    await happens(/incoming/);
    await call.status(180);
    call.hangUp();
    await happens(/ended/);
    await call.ended();
    expect(call.statuses.at(-1)).toBe(487);
  });

  it('declines: voicemail answers', async () => {
    const call = await trunk.call({ called: number });
    await happens(/incoming/);
    await tell('reject()');
    await happens(/ended/);
    await call.status(200);
    call.hangUp();
    await call.ended();
  });

  it('answers that it lives', async () => {
    const before = questions;
    await until(() => questions >= before + 4, { timeoutMs: 30_000 });
    expect(await registered()).toBe(true);
  });

  it('unregisters', async () => {
    await tell('unregister()');
    await happens(/unregistered/);
    await until(async () => !(await registered()));
  });
});
