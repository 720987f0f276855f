import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { until } from './process.ts';

const ear = fileURLToPath(new URL('web-device-ear.js', import.meta.url));

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
];

export interface WebDeviceOptions {
  /** Where the client is: http://localhost:port. */
  origin: string;
  /** What its microphone hears, again and again: 48 kHz WAV. */
  microphone: string;
  /** What starts the browser; default: Debian's Chromium, here. */
  executable?: string;
  /** Of the certificate that the browser is to believe: SHA-256 of its public key, base64. */
  believedKey?: string;
}

/** A browser of its own with the real client, whose microphone is a file and whose loudspeaker is measured. */
export class WebDevice {
  readonly origin: string;
  readonly browser: Browser;
  readonly context: BrowserContext;
  page!: Page;
  /** Errors that the page reported. */
  readonly errors: string[] = [];

  private constructor(origin: string, browser: Browser, context: BrowserContext) {
    this.origin = origin;
    this.browser = browser;
    this.context = context;
  }

  static async open({ origin, microphone, executable, believedKey }: WebDeviceOptions): Promise<WebDevice> {
    const browser = await chromium.launch({
      executablePath: executable ?? '/usr/bin/chromium',
      args: [
        ...flags,
        `--unsafely-treat-insecure-origin-as-secure=${origin}`,
        ...(believedKey ? [`--ignore-certificate-errors-spki-list=${believedKey}`] : []),
        `--use-file-for-fake-audio-capture=${microphone}`,
      ],
    });
    const context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      locale: 'en-US',
      permissions: ['microphone', 'notifications'],
    });
    await context.addInitScript({ path: ear });
    const device = new WebDevice(origin, browser, context);
    await device.newTab();
    return device;
  }

  /** Another tab of the same profile; cookies and storage are there. */
  async newTab(): Promise<void> {
    this.page = await this.context.newPage();
    this.page.on('pageerror', (error) => this.errors.push(error.stack ?? error.message));
  }

  async show(path: string): Promise<void> {
    await this.page.goto(`${this.origin}/#/${path}`);
  }

  async registered(timeout = 15_000): Promise<void> {
    await this.page.getByText('This device will ring').waitFor({ timeout });
  }

  async logIn(number: string, password: string): Promise<void> {
    await this.show('log-in');
    await this.page.getByLabel('Phone number').fill(number);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.press('Log in', true);
    await this.registered();
  }

  async press(name: string, exact = false): Promise<void> {
    await this.page.getByRole('button', { name, exact }).click();
  }

  /** Waits until it rings, for this number. */
  async rings(called: string): Promise<void> {
    await this.page.getByRole('alertdialog').getByText(`to ${called}`).waitFor();
  }

  async silent(): Promise<void> {
    await this.page.getByRole('alertdialog').waitFor({ state: 'detached' });
  }

  /** How a call that was not taken here ended, in the client's words. */
  async wasTold(words: string): Promise<void> {
    await this.page.getByTestId('call-outcome').getByText(words, { exact: true }).waitFor();
  }

  /** Waits until this tone was the loudest thing in the received audio for so many looks at its spectrum (50 ms each). */
  async hears(hz: number, times = 8): Promise<void> {
    await until(async () => ((await this.heard())[hz] ?? 0) >= times, {
      describe: () => `the browser did not hear ${hz} Hz`,
    });
  }

  /** How often each frequency, in steps of 50 Hz, was the loudest since the last call began. */
  heard(): Promise<Record<number, number>> {
    return this.page.evaluate('heard');
  }

  /** MIME type of the codec that is being received, from the browser's own statistics. */
  codec(): Promise<string> {
    return this.page.evaluate('receivedCodec()');
  }

  async close(): Promise<void> {
    await this.browser.close();
  }
}
