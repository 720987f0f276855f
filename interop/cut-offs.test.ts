import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Availability } from './support/availability.ts';
import { BackgroundTabs } from './support/background-tab.ts';
import { Baresip } from './support/baresip.ts';
import { canMakeNetworks, Network, type NetworkHost } from './support/network.ts';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import type { Process } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';
import { writeTone } from './support/tones.ts';
import { WebDevice } from './support/web-device.ts';

/** What R-REG-LOST allows, and the time that a busy machine takes to be asked over HTTP. */
const behindMs = 30_000 + 1_000;
const number = '+14155550101';
const password = 'correct horse 7';

/** A way to cut a device off; without `mend` there is no way back. */
interface Cut {
  how: string;
  cut: () => unknown;
  mend?: (() => unknown) | undefined;
}

/** What happened to a device, in order. */
interface Outcome {
  device: string;
  how: string;
  /** From the cut until the server says "not available". */
  goneMs: number;
  /** From the end of the cut until it is available again, by itself. */
  backMs: number | undefined;
}

const enough = canMakeNetworks() && hasPeer('baresip') && hasPeer('chromium');

/** All devices live and are cut off at the same time; each has a network of its own. */
describe.skipIf(!enough)('a device that is cut off is not available within 30 s', () => {
  let folder: string;
  let network: Network;
  let server: Ringthrough;
  let person: Person;
  let availability: Availability;
  let speaks: string;
  const stops: Array<() => unknown> = [];
  const outcomes: Outcome[] = [];

  const devices: Record<string, (name: string) => Promise<Cut[]>> = {
    'baresip on UDP, 1': (name) =>
      baresip(name, 'udp', ({ process }) => [suspended(process), ended(process)]),
    'baresip on UDP, 2': (name) =>
      baresip(name, 'udp', ({ process, host }) => [silent(host), killed(process)]),
    'baresip on TCP, 1': (name) =>
      baresip(name, 'tcp', ({ process }) => [suspended(process), ended(process)]),
    'baresip on TCP, 2': (name) =>
      baresip(name, 'tcp', ({ process, host }) => [reset(host), killed(process)]),
    // It comes back when its next registration has been given up: after more than a minute.
    'baresip on TCP, 3': (name) => baresip(name, 'tcp', ({ host }) => [{ ...silent(host), mend: undefined }]),
    'JsSIP, 1': (name) => jssip(name, ({ process, host }) => [unplugged(host), ended(process)]),
    'JsSIP, 2': (name) =>
      jssip(name, ({ process, host }) => [resetOnPacket(host), suspended(process), killed(process)]),
    'Chromium, 1': (name) =>
      browser(name, ({ host, signal }) => [silent(host), { how: 'killed', cut: () => signal('SIGKILL') }]),
    'Chromium, 2': (name) =>
      browser(name, ({ host, signal, close }) => [
        reset(host),
        { how: 'suspended', cut: () => signal('SIGSTOP'), mend: () => signal('SIGCONT') },
        { how: 'tab closed', cut: close },
      ]),
    'tab, 1': (name) => backgroundTab(name, { told: true }),
    'tab, 2': (name) => backgroundTab(name, { told: false }),
  };
  const running = new Map<string, Promise<unknown>>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cut-offs-'));
    speaks = await writeTone(join(folder, 'speaks.wav'), { hz: 600, seconds: 1 });
    network = Network.create();
    server = await Ringthrough.start({
      host: network.address,
      // As shipped: SIPp is not here.
      config: { http: { requestsPerAddressPerMinute: 100_000 }, registration: { softphonePingSeconds: 15 } },
    });
    [person] = await Person.signUp(server, number, password);
    availability = new Availability(person);
    for (const [name, start] of Object.entries(devices)) {
      const cuts = start(name).then((cuts) => goThrough(name, cuts));
      running.set(
        name,
        cuts.catch((error: unknown) => error),
      );
    }
  }, 120_000);

  afterAll(async () => {
    await Promise.all(running.values());
    console.table(outcomes);
    await Promise.all(stops.map((stop) => stop()));
    await availability?.close();
    await server?.stop();
    network?.close();
    await rm(folder, { recursive: true, force: true });
  }, 180_000);

  it.each(Object.keys(devices))('%s', { timeout: 180_000 }, async (name) => {
    expect(await running.get(name)).toBeUndefined();
    const ways = outcomes.filter(({ device }) => device === name);
    expect(ways).not.toEqual([]);
    for (const { goneMs } of ways) expect(goneMs).toBeLessThan(behindMs);
  });

  async function goThrough(device: string, cuts: Cut[]): Promise<void> {
    for (const { how, cut, mend } of cuts) {
      await availability.becomes(device, true, 60_000);
      await cut();
      const goneMs = await availability.becomes(device, false, behindMs);
      await mend?.();
      const backMs = mend && (await availability.becomes(device, true, 90_000));
      outcomes.push({ device, how, goneMs, backMs });
    }
  }

  async function baresip(
    name: string,
    transport: 'udp' | 'tcp',
    cuts: (parts: { process: Process; host: NetworkHost }) => Cut[],
  ): Promise<Cut[]> {
    const { sip } = await person.addSoftphone(name);
    const host = network.host();
    const at = { host: network.address, port: server.sipPort };
    const phone = await Baresip.start({
      sip,
      server: at,
      speaks,
      transport,
      registerSeconds: transport === 'udp' ? 60 : 30,
      on: host,
    });
    stops.push(() => phone.stop());
    return cuts({ process: phone.process, host });
  }

  async function jssip(
    name: string,
    cuts: (parts: { process: Process; host: NetworkHost }) => Cut[],
  ): Promise<Cut[]> {
    const { sip } = await person.addSoftphone(name);
    const host = network.host();
    const script = fileURLToPath(new URL('support/jssip-device.mjs', import.meta.url));
    const url = `ws://${network.address}:${server.httpPort}/sip`;
    const device = host.run(process.execPath, [script, url, sip.user, sip.domain], {
      env: { ...process.env, SIP_PASSWORD: sip.password },
    });
    stops.push(() => device.stop());
    await device.waitFor(/^registered/m);
    return cuts({ process: device, host });
  }

  /** The real client in a browser on a host of its own. */
  async function browser(
    name: string,
    cuts: (parts: {
      host: NetworkHost;
      signal: (name: NodeJS.Signals) => void;
      close: () => Promise<void>;
    }) => Cut[],
  ): Promise<Cut[]> {
    const host = network.host();
    const id = join(folder, `${name}.pid`);
    const executable = join(folder, `${name}.sh`);
    const command = host.command('/usr/bin/chromium', []).join(' ');
    await writeFile(executable, `#!/bin/sh\necho $$ > "${id}"\nexec ${command} "$@"\n`);
    await chmod(executable, 0o755);
    const device = await WebDevice.open({ origin: server.url, microphone: speaks, executable });
    // All processes of this browser: Playwright gives it a group of its own.
    const group = Number(await readFile(id, 'utf8'));
    const signal = (what: NodeJS.Signals) => void process.kill(-group, what);
    stops.push(() => device.close());
    await device.page.goto(server.url);
    await device.page.evaluate(logIn(name));
    await device.page.reload();
    return cuts({ host, signal, close: () => device.page.close() });
  }

  async function backgroundTab(name: string, { told }: { told: boolean }): Promise<Cut[]> {
    const tabs = await tabsOpen();
    const deaf = `addEventListener('freeze', (event) => event.stopImmediatePropagation(), { capture: true });`;
    const tab = await tabs.tab(server.url, told ? '' : deaf);
    await tab.evaluate(logIn(name));
    await tab.evaluate('location.reload()');
    const hangMs = 35_000;
    const frozen = { cut: () => tab.freeze(), mend: () => tab.thaw() };
    if (told)
      return [
        { how: 'frozen, and told', ...frozen },
        { how: 'hangs', cut: () => tab.hang(hangMs), mend: () => {} },
      ];
    return [
      { how: 'frozen, and not told', ...frozen },
      { how: 'frozen once more', ...frozen },
    ];
  }

  let tabs: Promise<BackgroundTabs> | undefined;
  function tabsOpen(): Promise<BackgroundTabs> {
    tabs ??= BackgroundTabs.open().then((opened) => {
      stops.push(() => opened.close());
      return opened;
    });
    return tabs;
  }
});

const ended = (process: Process): Cut => ({
  how: 'ended in order',
  cut: () => process.child.kill('SIGTERM'),
});

const killed = (process: Process): Cut => ({ how: 'killed', cut: () => process.child.kill('SIGKILL') });

const suspended = (process: Process): Cut => ({
  how: 'suspended',
  cut: () => process.child.kill('SIGSTOP'),
  mend: () => process.child.kill('SIGCONT'),
});

const silent = (host: NetworkHost): Cut => ({
  how: 'packets lost',
  cut: () => host.lose(),
  mend: () => host.mend(),
});

const reset = (host: NetworkHost): Cut => ({
  how: 'reset',
  cut: () => host.reset(),
  mend: () => host.mend(),
});

const resetOnPacket = (host: NetworkHost): Cut => ({
  how: 'reset on a packet',
  cut: () => host.resetOnPacket(),
  mend: () => host.mend(),
});

const unplugged = (host: NetworkHost): Cut => ({
  how: 'cable pulled',
  cut: () => host.linkDown(),
  mend: () => host.linkUp(),
});

/** Signs a browser's profile in as the client does, as a device of that name. */
const logIn = (name: string) => `(async () => {
  const answer = await fetch('/api/sessions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-requested-with': 'ringthrough' },
    body: JSON.stringify(${JSON.stringify({ number, password, device: { name, system: 'test' } })}),
  });
  const { sip } = await answer.json();
  localStorage.setItem('ringthrough.device', JSON.stringify(sip));
})()`;
