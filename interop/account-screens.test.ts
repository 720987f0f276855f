import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { Person } from './support/person.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

// Browsers, on machines that are busy with something else.
vi.setConfig({ testTimeout: 120_000 });

const own = '+14155550101';
const other = '+14155550102';
const password = 'correct horse 7';
const another = 'quite another thing';

/** The screens of accounts, in a real browser with the real server, whose access tokens expire within two seconds. */
describe.skipIf(!hasPeer('chromium'))('the account in the client', () => {
  let server: Ringthrough;
  let browser: Browser;
  let contexts: BrowserContext[];
  let errors: string[];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
      ],
    });
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    contexts = [];
    errors = [];
    server = await Ringthrough.start({
      config: {
        accounts: { accessTokenMinutes: 2 / 60 },
        http: { loginsPerAddressPerMinute: 1000 },
        validation: { sendsPerNumberPerHour: 100, sendsPerAddressPerHour: 100 },
      },
    });
    await Person.signUp(server, own, password);
  });
  afterEach(async () => {
    for (const context of contexts) await context.close();
    await server.stop();
    expect(errors).toEqual([]);
  });

  /** A browser of its own. */
  async function profile(): Promise<BrowserContext> {
    const context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      locale: 'en-US',
      permissions: ['microphone'],
    });
    contexts.push(context);
    return context;
  }

  async function tab(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
    return page;
  }

  const show = (page: Page, path: string) =>
    page.goto(`${server.url.replace('127.0.0.1', 'localhost')}/#/${path}`);
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
  const says = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

  async function logIn(page: Page, secret = password): Promise<void> {
    await show(page, 'log-in');
    await page.getByLabel('Phone number').fill(own);
    await page.getByLabel('Password', { exact: true }).fill(secret);
    await press(page, 'Log in');
  }

  async function entered(page: Page, secret = password): Promise<void> {
    await logIn(page, secret);
    await says(page, 'This device will ring');
  }

  /** Types the code that the SMS brings, in the page's own steps. */
  async function proveOnPage(page: Page, number: string): Promise<void> {
    const before = server.sms.received.filter((sms) => sms.to === number).length;
    await page.getByLabel('Phone number').fill(number);
    await press(page, 'Continue');
    const sms = await server.sms.next(number, before);
    await page.getByLabel(/-digit code/).fill(/\b\d{6}\b/.exec(sms.text)?.[0] ?? '');
  }

  const accessTokenOf = async (context: BrowserContext) =>
    (await context.cookies(`${server.url.replace('127.0.0.1', 'localhost')}/api`)).find(
      ({ name }) => name === 'ringthrough_session',
    )?.value;

  it('goes on over many access tokens, in two tabs at once', async () => {
    const context = await profile();
    const [one, two] = [await tab(context), await tab(context)];
    await entered(one);
    await show(two, 'settings/devices');
    await says(two, 'This device');
    for (let round = 0; round < 3; round += 1) {
      const token = await accessTokenOf(context);
      const isOver = async () => {
        const answer = await fetch(`${server.url}/api/account`, {
          headers: { cookie: `ringthrough_session=${token}` },
        });
        return answer.status === 401;
      };
      await until(isOver, { describe: () => 'the access token goes on' });
      await Promise.all([one.reload(), two.reload()]);
      await says(one, 'This device will ring');
      await says(two, 'This device');
      expect(await accessTokenOf(context)).not.toBe(token);
    }
  });

  it('changes the password, and signs the other browser out at once', async () => {
    const [here, there] = [await profile(), await profile()];
    const [page, far] = [await tab(here), await tab(there)];
    await entered(far);
    await entered(page);
    await show(page, 'settings');
    await page.getByRole('link', { name: /Password/ }).click();
    await page.getByLabel('Present password').fill('not this one');
    await page.getByLabel('New password').fill(another);
    await page.getByLabel(/Sign out all other devices/).check();
    await press(page, 'Change the password');
    await says(page, 'This is not your password. Try again.');
    await page.getByLabel('Present password').fill(password);
    await press(page, 'Change the password');
    await says(page, /2 other devices were signed out/);
    // Signed out without asking: it is told, and the way back is there.
    await far.getByRole('link', { name: 'Log in' }).waitFor();
    await logIn(far);
    await says(far, 'Number and password do not match.');
    await entered(far, another);
  });

  it('helps who has forgotten the password', async () => {
    const page = await tab(await profile());
    await show(page, 'log-in');
    await page.getByRole('link', { name: 'Forgot the password?' }).click();
    await proveOnPage(page, own);
    await says(page, 'Choose another password');
    await page.getByLabel('New password').fill('short');
    await press(page, 'Set the password');
    await says(page, /Use at least 8 characters/);
    await page.getByLabel('New password').fill(another);
    await press(page, 'Set the password');
    await says(page, 'This device will ring');
    await says(page, /The password was set anew by proving/);
    await show(page, 'settings/devices');
    await expect.poll(() => page.getByTestId('device').count()).toBe(1);
  });

  it('shows each device with its login, and signs others out', async () => {
    const [here, there] = [await profile(), await profile()];
    const [page, far] = [await tab(here), await tab(there)];
    await entered(far);
    await entered(page);
    await show(page, 'settings/devices');
    await says(page, /logged in since/);
    await expect.poll(() => page.getByTestId('device').count()).toBe(3);
    await press(page, 'Sign out all other devices');
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out all other devices' }).click();
    await says(page, /2 other devices were signed out/);
    await expect.poll(() => page.getByTestId('device').count()).toBe(1);
    await far.getByRole('link', { name: 'Log in' }).waitFor();
  });

  it('keeps the last number, and says what to do when it went to somebody else', async () => {
    const page = await tab(await profile());
    await entered(page);
    await show(page, 'numbers');
    await says(page, 'This is your only number.');
    expect(await page.getByRole('button', { name: /^Remove/ }).count()).toBe(0);
    await Person.signUp(server, own, password);
    await says(page, 'Your account has no number');
    await show(page, 'home');
    await says(page, /has left your account/);
    await show(page, 'numbers/link');
    await proveOnPage(page, other);
    await says(page, /is linked/);
    await show(page, 'numbers');
    await page.locator(`[data-number="${other}"]`).waitFor();
  });

  it.each(['password', 'proof'])('closes the account with %s, and says what was deleted', async (way) => {
    const page = await tab(await profile());
    await entered(page);
    await show(page, 'settings');
    await page.getByRole('link', { name: /Close the account/ }).click();
    await says(page, '2 devices, which are signed out');
    if (way === 'password') {
      await page.getByLabel('Your password').fill(password);
      await press(page, 'Close the account for good');
    } else {
      await page.getByRole('link', { name: 'Prove a number instead' }).click();
      await proveOnPage(page, own);
    }
    await says(page, 'Your account is closed. Deleted: 1 number, 2 devices, 0 voice messages, 0 calls.');
    await page.getByRole('link', { name: 'Log in' }).waitFor();
    expect(await page.evaluate('localStorage.getItem("ringthrough.device")')).toBeNull();
    await logIn(page);
    await says(page, 'Number and password do not match.');
  });
});
