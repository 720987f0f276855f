import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

/** By a command to dial. */
const us = '+14155550101';
/** By the carrier's platform. */
const uk = '+447700900123';

/** Forwarding in the client, with the real server and the carriers of the lab. */
describe.skipIf(!hasPeer('chromium'))('forwarding in the client', () => {
  let server: Ringthrough;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    server = await Ringthrough.start({
      lab: true,
      config: { http: { requestsPerAddressPerMinute: 100_000 } },
    });
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
    });
    context = await browser.newContext({ locale: 'en-US', permissions: ['microphone'] });
    page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
    await show('sign-up');
    await prove(us);
    await page.getByLabel('Password', { exact: true }).fill('correct horse 7');
    await page.keyboard.press('Enter');
    await page.getByText('This device will ring').waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    expect(errors).toEqual([]);
  });

  async function lab<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${server.url}/lab/api/${path}`, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }
  const handset = (number: string, rest = '') => `handsets/${encodeURIComponent(number)}${rest}`;
  const show = (path: string) => page.goto(`http://localhost:${server.httpPort}/#/${path}`);

  async function prove(number: string): Promise<void> {
    await lab('DELETE', handset(number, '/inbox'));
    await page.getByLabel('Phone number').fill(number);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Type the code' }).waitFor();
    const code = await until(
      async () => {
        const { inbox } = await lab<{ inbox: Array<{ text: string }> }>('GET', handset(number));
        return inbox.map(({ text }) => /\b\d{6}\b/.exec(text)?.[0]).find(Boolean);
      },
      { describe: () => `no code for ${number}` },
    );
    await page.getByLabel('6-digit code').fill(code);
  }

  const check = async (seen: string) => {
    await page.getByRole('button', { name: 'Check with a test call' }).click();
    await page.getByText('Test call under way').waitFor();
    await page.locator(`[data-testid=forwarding-check][data-seen=${seen}]`).waitFor({ timeout: 50_000 });
  };

  it('shows the command, which works when it is dialled; the test call comes back', async () => {
    await show(`numbers/${encodeURIComponent(us)}/forward`);
    const command = (await page.getByTestId('forwarding-command').textContent())?.trim() ?? '';
    expect(command).toMatch(/^\*\*004\*\+1\d{10}#$/);
    expect(await page.locator('.qr').getAttribute('data-text')).toBe(`tel:${command.replace('#', '%23')}`);
    // A computer has no dialler of its own.
    expect(await page.getByText('Dial it on this phone').count()).toBe(0);
    await lab('POST', handset(us, '/dial'), { number: command });
    await page.getByRole('button', { name: 'I have dialled it' }).click();
    await page.getByText('Forwarding is on').waitFor();
    await lab('PUT', handset(us, '/coverage'), { coverage: 'no-coverage' });
    await check('came-back');
    await page.getByText(/^Verified /).waitFor();
  });

  it('says what was seen when the call does not come back', async () => {
    await lab('PUT', handset(us, '/coverage'), { coverage: 'covered' });
    await lab('POST', handset(us, '/dial'), { number: '##004#' });
    await check('rang');
    await page.getByText('The phone rang and the call was not forwarded.').waitFor();
    expect(await page.getByText(/^Verified /).count()).toBe(0);
  });

  it('is switched on by the carrier’s platform, off, and on again with another time', async () => {
    await show('numbers/link');
    await page.getByLabel('Country').selectOption('GB');
    await prove(uk);
    await page.getByText('switches the forwarding for us').waitFor();
    await page.getByText('Forwarding is on').waitFor();
    await page.getByText('says the carrier').waitFor();
    await page.getByRole('button', { name: 'Switch off' }).click();
    await page.getByText('Forwarding is off').waitFor();
    await page.getByLabel('Nobody picks up').selectOption({ label: '15 seconds' });
    await page.getByText('Forwarding is on').waitFor();
    expect(await page.getByLabel('Nobody picks up').inputValue()).toBe('15');
  });
});
