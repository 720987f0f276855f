/** What both walks need: Chromium with a fake microphone, pages that report errors, and an ear on the audio. */
import { mkdir } from 'node:fs/promises';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

export const say = (text: string) => process.stdout.write(`${text}\n`);

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  });
}

/** A browser profile of its own: a device of its own. */
export function newProfile(browser: Browser): Promise<BrowserContext> {
  return browser.newContext({
    viewport: { width: 390, height: 844 },
    locale: 'en-US',
    permissions: ['microphone', 'notifications'],
  });
}

export async function newPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const Real = RTCPeerConnection;
    const connections: RTCPeerConnection[] = [];
    Object.assign(window, { connections });
    window.RTCPeerConnection = class extends Real {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        connections.push(this);
      }
    };
  });
  page.on('pageerror', (error) => say(`page error: ${error.stack}`));
  page.on('console', (message) => message.type() === 'error' && say(`console: ${message.text()}`));
  return page;
}

/** What came in on the last peer connection: packets, and the energy of the sound in them. */
export function heard(page: Page): Promise<{ packets: number; energy: number; codec: string }> {
  return page.evaluate(async () => {
    const { connections } = window as never as { connections: RTCPeerConnection[] };
    const stats = [...((await connections.at(-1)?.getStats())?.values() ?? [])];
    const inbound = stats.find((entry) => entry.type === 'inbound-rtp');
    const codec = stats.find((entry) => entry.id === inbound?.codecId)?.mimeType;
    return {
      packets: inbound?.packetsReceived ?? 0,
      energy: inbound?.totalAudioEnergy ?? 0,
      codec: codec ?? '',
    };
  });
}

export async function timed<T>(what: string, work: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work;
  say(`${what}: ${Math.round(performance.now() - start)} ms`);
  return result;
}

let shots = 0;

/** Pictures named in the order in which they were taken. */
export async function shoot(page: Page, folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/walk-${String(shots++).padStart(2, '0')}-${name}.png` });
}
