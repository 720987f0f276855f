/**
 * Walks a newcomer's way through the built client on the real server and says what it measured:
 * `npx vite build client`, then `node client/scripts/walk.ts [folder for pictures]`. Needs /usr/bin/chromium.
 */
import type { Page } from 'playwright-core';
import { Ringthrough } from '../../interop/support/ringthrough.ts';
import { heard, launchBrowser, newPage, newProfile, say, shoot as shootInto, timed } from './walk-browser.ts';

const out = process.argv[2] ?? 'client/screenshots';
const password = 'correct horse 7';
const first = '+14155550101';
const second = '+447700900123';

const shoot = (page: Page, name: string) => shootInto(page, out, name);

const server = await Ringthrough.start();
const browser = await launchBrowser();
const origin = `http://localhost:${server.httpPort}`;

async function typeCode(page: Page, number: string, work: () => Promise<void>): Promise<void> {
  const before = server.sms.received.filter((sms) => sms.to === number).length;
  await work();
  const sms = await server.sms.next(number, before);
  await page.getByLabel('6-digit code').fill(/\b\d{6}\b/.exec(sms.text)?.[0] ?? '');
}

try {
  const context = await newProfile(browser);
  const page = await newPage(context);
  await page.goto(origin);
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('Phone number').fill('(415) 555-0101');
  await typeCode(page, first, () => page.getByRole('button', { name: 'Continue' }).click());
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await timed('sign-up → this device will ring', page.getByText('This device will ring').waitFor());
  await shoot(page, 'home');

  await page.getByRole('link', { name: 'Numbers' }).click();
  await page.getByRole('link', { name: 'Link another number' }).click();
  await page.getByLabel('Phone number').fill(second);
  await typeCode(page, second, () => page.getByRole('button', { name: 'Continue' }).click());
  await page.getByTestId('forwarding-command').waitFor();
  await shoot(page, 'forward');

  await page.goto(`${origin}/#/settings/devices/add`);
  await page.getByLabel('Name of the softphone').fill('Desk phone');
  await page.getByRole('button', { name: 'Create credentials' }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByText('Not registered').waitFor();
  await shoot(page, 'devices');

  const other = await newPage(await newProfile(browser));
  await other.goto(`${origin}/#/log-in`);
  await other.getByLabel('Phone number').fill(second);
  await other.getByLabel('Password', { exact: true }).fill(password);
  await other.getByRole('button', { name: 'Log in', exact: true }).click();
  await timed('log-in → this device will ring', other.getByText('This device will ring').waitFor());
  await page.locator('[data-testid=device][data-registered=true]').nth(1).waitFor();
  say('the first device sees the second one registered');

  await timed(
    'reload → registered',
    page
      .reload()
      .then(() => page.goto(`${origin}/#/home`))
      .then(() => page.getByText('This device will ring').waitFor()),
  );

  await page.getByRole('button', { name: 'Start audio test' }).click();
  await timed('audio test → connected', page.getByText('Connected', { exact: true }).waitFor());
  await page.waitForTimeout(1500);
  await shoot(page, 'audio-test');
  say(`audio test heard: ${JSON.stringify(await heard(page))}`);
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByText('Call ended').waitFor();

  await context.setOffline(true);
  await timed('network lost → offline', page.getByText('Offline', { exact: true }).waitFor());
  await context.setOffline(false);
  await timed('network back → registered', page.getByText('This device will ring').waitFor());

  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await context.setOffline(true);
  await page.reload();
  await timed(
    'reload without network → the shell is there',
    page.getByText('Offline', { exact: true }).waitFor(),
  );
  await shoot(page, 'offline');
  const cached = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map((entry) => new URL(entry.url).pathname);
  });
  say(`cached: ${cached.length} files, of /api: ${cached.filter((path) => path.startsWith('/api')).length}`);
  await context.setOffline(false);
  await timed('network back → registered', page.getByText('This device will ring').waitFor());

  await timed('… and the lists are there', page.getByRole('main').getByText('+44 7700 900123').waitFor());
  await server.process.stop();
  await page.getByText('Reconnecting…').waitFor();
  await shoot(page, 'reconnecting');
  await server.restart();
  await timed('server started again → registered', page.getByText('This device will ring').waitFor());

  await page.goto(`${origin}/#/settings/devices`);
  await page.getByRole('button', { name: /Sign out Chrome/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await timed(
    'remote sign-out → the other device is out',
    other.getByRole('link', { name: 'Create an account' }).waitFor(),
  );

  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('link', { name: 'Create an account' }).waitFor();
  say('logged out');
} catch (error) {
  say(`${error}\n${server.process.output.slice(-3000)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await server.stop();
}
