import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

const own = '+14155550101';
const second = '+447700900123';
const password = 'correct horse 7';

interface Handset {
  state: string;
  inbox: Array<{ text: string; from: string }>;
}

/** The client in a real browser, with the real server and the handsets of the lab. */
describe.skipIf(!hasPeer('chromium'))('proving a number in the client', () => {
  let server: Ringthrough;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const errors: string[] = [];

  beforeAll(async () => {
    server = await Ringthrough.start({
      lab: true,
      config: {
        http: { loginsPerAddressPerMinute: 1000, requestsPerAddressPerMinute: 100_000 },
        validation: { sendsPerNumberPerHour: 100, sendsPerAddressPerHour: 100, sendsPerAccountPerHour: 100 },
      },
    });
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
    });
  });
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
    expect(errors.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function lab<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${server.url}/lab/api/${path}`, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }
  const handset = (number: string) => lab<Handset>('GET', `handsets/${encodeURIComponent(number)}`);
  const act = (number: string, what: string, body?: object) =>
    lab('POST', `handsets/${encodeURIComponent(number)}/${what}`, body);
  const emptyInbox = (number: string) => lab('DELETE', `handsets/${encodeURIComponent(number)}/inbox`);

  /** What an SMS to the handset holds. */
  async function received(number: string, pattern: RegExp): Promise<string> {
    return until(
      async () => {
        for (const { text } of (await handset(number)).inbox) {
          const found = pattern.exec(text)?.[0];
          if (found) return found;
        }
        return undefined;
      },
      { describe: () => `no SMS with ${pattern} on ${number}` },
    );
  }
  const rings = (number: string) =>
    until(async () => (await handset(number)).state === 'ringing', {
      describe: () => `${number} does not ring`,
    });

  async function open(path: string, locale = 'en-US'): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      locale,
      permissions: ['microphone'],
    });
    contexts.push(context);
    const page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
    await page.goto(`http://localhost:${server.httpPort}/#/${path}`);
    return page;
  }

  const inside = (page: Page) => page.getByText('This device will ring').waitFor();

  it('signs up in less than a minute, by the keyboard alone', async () => {
    await emptyInbox(own);
    const page = await open('');
    await page.getByRole('heading', { level: 1 }).waitFor();
    const startedAt = performance.now();
    const focused = () =>
      page.evaluate<string>('document.activeElement.textContent || document.activeElement.id');
    // The title has the focus; the next stop but one is the way in.
    for (let stop = 0; stop < 5 && (await focused()) !== 'Create an account'; stop++) {
      await page.keyboard.press('Tab');
    }
    expect(await focused()).toBe('Create an account');
    await page.keyboard.press('Enter');
    await page.getByLabel('Phone number').waitFor();
    expect(await page.title()).toBe('Which number should ring? – Ringthrough');
    await page.keyboard.type('(415) 555-0101');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Type the code' }).waitFor();
    await page.keyboard.type(await received(own, /\b\d{6}\b/));
    await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    await inside(page);
    const seconds = (performance.now() - startedAt) / 1000;
    console.info(`signed up by keyboard in ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(60);
  });

  it('keeps what was typed when the person goes back, and sends no second SMS', async () => {
    await emptyInbox(second);
    const page = await open('sign-up');
    await page.getByLabel('Country').selectOption('GB');
    await page.getByLabel('Phone number').fill('07700 900123');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Type the code' }).waitFor();
    await received(second, /\b\d{6}\b/);
    await page.goBack();
    expect(await page.getByLabel('Phone number').inputValue()).toBe('07700 900123');
    expect(await page.getByLabel('Country').inputValue()).toBe('GB');
    await page.reload();
    expect(await page.getByLabel('Phone number').inputValue()).toBe('07700 900123');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Type the code' }).waitFor();
    expect((await handset(second)).inbox).toHaveLength(1);
  });

  /** To the screen of another way than the best one. */
  async function proveBy(way: string, title: string): Promise<Page> {
    // The call of the test before says goodbye first.
    await until(async () => (await handset(own)).state === 'idle', { describe: () => `${own} is busy` });
    const page = await open('log-in/code');
    await page.getByLabel('Phone number').fill(own);
    await page.keyboard.press('Enter');
    await page.getByText('Another way', { exact: true }).click();
    await page.getByRole('button', { name: way }).click();
    await page.getByRole('heading', { name: title }).waitFor();
    return page;
  }

  /** A browser that reads SMS (WebOTP): the phone's part is played by the test, through the browser's interface. */
  async function readingSms(): Promise<{ page: Page; deliver: (text: string) => Promise<void> }> {
    const page = await open('');
    await page.addInitScript(`
      window.OTPCredential ??= class {};
      navigator.credentials.get = ({ otp, signal }) => new Promise((resolve, reject) => {
        if (!otp?.transport.includes('sms')) reject(new DOMException('not asked for SMS', 'NotSupportedError'));
        signal.addEventListener('abort', () => reject(signal.reason));
        window.deliverSms = (text) => resolve({ code: /@localhost #(\\S+)\\s*$/.exec(text)[1] });
      });`);
    await page.goto(`http://localhost:${server.httpPort}/#/log-in/code`);
    await page.reload();
    await emptyInbox(own);
    await page.getByLabel('Phone number').fill(own);
    await page.keyboard.press('Enter');
    const deliver = async (text: string) => {
      await page.evaluate(`window.deliverSms(${JSON.stringify(text)})`);
    };
    return { page, deliver };
  }

  it('by a code that the browser reads out of the SMS by itself', async () => {
    const { page, deliver } = await readingSms();
    await page.getByRole('heading', { name: 'Type the code' }).waitFor();
    await deliver(await received(own, /@localhost #\d{6}$/));
    await inside(page);
  });

  it('by an SMS that the client confirms by itself', async () => {
    const { page, deliver } = await readingSms();
    await page.getByText('Another way', { exact: true }).click();
    await emptyInbox(own);
    await page.getByRole('button', { name: 'Get an SMS with a link' }).click();
    await page.getByText('This page reads it by itself').waitFor();
    await deliver(await received(own, /@localhost #\S+$/));
    await inside(page);
  });

  it('by keys that are pressed in a call', async () => {
    const page = await proveBy('Get a call and press keys', 'Answer and press the keys');
    await rings(own);
    await page.getByText('Your phone is ringing.').waitFor();
    await act(own, 'answer');
    await page.getByText('You have answered. Listen.').waitFor();
    const keys = (await page.locator('.keys-shown kbd').allTextContents()).join('');
    expect(keys).toMatch(/^\d{6,}$/);
    await act(own, 'keys', { keys });
    await inside(page);
  });

  it('by a call that reads out a code: says how the call fares, and what to do when nobody answers', async () => {
    const page = await proveBy('Get a call that reads out a code', 'Answer the call');
    await rings(own);
    await page.getByText('Your phone is ringing.').waitFor();
    await act(own, 'hangup');
    await page.getByText(/Let us call again, or choose another way/).waitFor();
    await page.getByRole('button', { name: 'Start again' }).click();
    await rings(own);
    await act(own, 'answer');
    await page.getByText('You have answered. Listen.').waitFor();
    await page.getByLabel('6-digit code').waitFor();
    await act(own, 'hangup');
  });

  it('by an SMS that the person sends', async () => {
    const page = await proveBy('Send an SMS', 'Send this SMS');
    await page.getByText('Waiting for your SMS…').waitFor();
    const code = await page.locator('.qr').getAttribute('data-text');
    const [, to = '', text = ''] = /^SMSTO:(\+\d+):(.+)$/.exec(code ?? '') ?? [];
    await act(own, 'sms', { to, text });
    await inside(page);
  });

  it('by a missed call', async () => {
    const page = await proveBy('Place a call that nobody answers', 'Call this number');
    await page.getByText('Waiting for your call…').waitFor();
    const code = await page.locator('.qr').getAttribute('data-text');
    expect(code).toMatch(/^tel:\+\d+$/);
    await act(own, 'dial', { number: code?.slice(4) });
    await inside(page);
  });

  it('by the link of an SMS, opened in another tab of this browser', async () => {
    await emptyInbox(own);
    const page = await proveBy('Get an SMS with a link', 'Wait for the SMS');
    const link = await received(own, /http\S+#\/confirm\/\S+/);
    const tab = await page.context().newPage();
    await tab.goto(`http://localhost:${server.httpPort}/${link.slice(link.indexOf('#'))}`);
    await inside(tab);
  });

  it('does not take the link of an SMS that another browser asked for', async () => {
    await emptyInbox(own);
    await proveBy('Get an SMS with a link', 'Wait for the SMS');
    const link = await received(own, /http\S+#\/confirm\/\S+/);
    const stranger = await open(link.slice(link.indexOf('#/') + 2));
    await stranger.getByText('This link belongs to another browser or device.').waitFor();
  });

  it('in German, Spanish, French and Hindi, chosen by the browser and kept when changed', async () => {
    const titles = {
      'de-CH': 'Ihre Nummern klingeln hier',
      es: 'Tus números suenan aquí',
      fr: 'Vos numéros sonnent ici',
      hi: 'आपके नंबर यहाँ बजते हैं',
    };
    for (const [locale, title] of Object.entries(titles)) {
      const page = await open('', locale);
      await page.getByRole('heading', { name: title }).waitFor();
      expect(await page.evaluate<string>('document.documentElement.lang')).toBe(locale);
    }
    const page = await open('', 'de');
    await page.getByLabel('Sprache').selectOption('fr');
    await page.getByRole('heading', { name: titles.fr }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: titles.fr }).waitFor();
    await page.getByLabel('Langue').selectOption('system');
    await page.getByRole('heading', { name: titles['de-CH'] }).waitFor();
  });

  it('asks for the SMS in the language of the screen', async () => {
    await emptyInbox(own);
    const page = await open('log-in/code', 'de');
    await page.getByLabel('Telefonnummer').fill(own);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Code eingeben' }).waitFor();
    expect(await received(own, /.*\d{6}.*/)).toMatch(/Ihr|Code lautet/);
  });
});
