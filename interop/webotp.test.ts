import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LabHandset } from './support/lab.ts';
import { hasPeer } from './support/peers.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

const number = '+14155550101';

/**
 * Chromium has WebOTP on a desk, too, and no telephone to read from. Its own interface takes the request of the page, keeps
 * it, and ends it with the page's signal; the SMS, which Android would hand over, comes from here instead.
 */
const phone = `{
  const get = CredentialsContainer.prototype.get;
  globalThis.asked = [];
  CredentialsContainer.prototype.get = function (options) {
    const own = get.call(this, options);
    if (!options?.otp) return own;
    const entry = { transport: options.otp.transport, state: 'pending' };
    globalThis.asked.push(entry);
    own.then(() => (entry.state = 'answered'), (error) => (entry.state = error.name));
    const read = globalThis.phoneReads(location.hostname).then((code) => ({ type: 'otp', code }));
    return Promise.race([own, read]);
  };
}`;

/** As a telephone does it: by the last line, for the host that it names alone (WICG, origin-bound one-time codes). */
function codeFor(host: string, text: string): string | undefined {
  const [, bound, code] = /^@([a-z0-9.-]+) #([^#\s]+)$/.exec(text.split('\n').at(-1) ?? '') ?? [];
  return bound === host ? code : undefined;
}

describe.skipIf(!hasPeer('chromium'))('the client reads SMS by itself (WebOTP)', () => {
  let server: Ringthrough;
  let handset: LabHandset;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let inHand: boolean;

  beforeAll(async () => {
    server = await Ringthrough.start({ lab: true, config: { validation: { sendsPerNumberPerHour: 50 } } });
    handset = new LabHandset(server, number);
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const newest = async () => (await handset.view()).inbox[0]?.text;

  beforeEach(async () => {
    inHand = true;
    const before = await newest();
    context = await browser.newContext({ locale: 'en-US' });
    await context.exposeFunction('phoneReads', (host: string) =>
      until(
        async () => {
          const text = await newest();
          return inHand && text !== undefined && text !== before ? codeFor(host, text) : undefined;
        },
        { timeoutMs: 60_000, describe: () => `no SMS for ${host}` },
      ).catch(() => new Promise(() => {})),
    );
    await context.addInitScript(phone);
    page = await context.newPage();
    await page.goto(`http://localhost:${server.httpPort}/`);
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('Phone number').fill('(415) 555-0101');
  });
  afterEach(() => context?.close());

  const asked = () => page.evaluate<Array<{ transport: string[]; state: string }>>('globalThis.asked');
  const chooseLink = async () => {
    await page.getByText('Another way').click();
    await page.getByRole('button', { name: 'Get an SMS with a link' }).click();
  };

  it('a code: nobody types it', async () => {
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Password', { exact: true }).waitFor();
    expect(await asked()).toMatchObject([{ transport: ['sms'] }]);
  });

  it('a token of 131 bits: nobody does anything', async () => {
    inHand = false;
    await page.getByRole('button', { name: 'Continue' }).click();
    await chooseLink();
    await page.getByRole('heading', { name: 'Wait for the SMS' }).waitFor();
    await until(async () => /#\/confirm\//.test((await newest()) ?? '') || undefined, {
      timeoutMs: 30_000,
      describe: () => 'no SMS with a link',
    });
    inHand = true;
    await page.getByLabel('Password', { exact: true }).waitFor();
  });

  it('the browser ends the request of a page that the person leaves', async () => {
    inHand = false;
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('6-digit code').waitFor();
    await until(async () => (await asked())[0]?.state === 'pending' || undefined, {
      timeoutMs: 30_000,
      describe: () => 'the page asked for no SMS',
    });
    await page.getByRole('button', { name: 'Use another number' }).click();
    await until(async () => (await asked())[0]?.state === 'AbortError' || undefined, {
      timeoutMs: 30_000,
      describe: () => 'the request was not ended',
    });
  });

  it('without it, the link in the SMS confirms in the browser that asked, and in no other', async () => {
    inHand = false;
    await page.getByRole('button', { name: 'Continue' }).click();
    await chooseLink();
    const link = await until(async () => /\S+#\/confirm\/\S+/.exec((await newest()) ?? '')?.[0], {
      timeoutMs: 30_000,
      describe: () => 'no SMS with a link',
    });
    const here = link.replace(/^https?:\/\/[^/]+/, `http://localhost:${server.httpPort}`);
    const checks: string[] = [];
    const stranger = await browser.newContext({ locale: 'en-US' });
    const theirs = await stranger.newPage();
    theirs.on('request', (request) => checks.push(request.url()));
    await theirs.goto(here);
    await theirs.getByRole('heading').first().waitFor();
    expect(checks.filter((url) => url.endsWith('/check'))).toEqual([]);
    await stranger.close();

    const tab = await context.newPage();
    await tab.goto(here);
    await Promise.any([page, tab].map((one) => one.getByLabel('Password', { exact: true }).waitFor()));
  });
});
