import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { until } from './support/process.ts';
import { Ringthrough } from './support/ringthrough.ts';

const screens = fileURLToPath(new URL('../lab/screens/', import.meta.url));
const axeSource = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** `UPDATE_SCREENS=1` takes the pictures of lab/screens anew. */
const updates = process.env.UPDATE_SCREENS !== undefined;

const own = '+14155550101';
const caller = '+12125550199';

const sizes = [
  { name: 'phone', viewport: { width: 390, height: 844 } },
  { name: 'desk', viewport: { width: 1280, height: 800 } },
] as const;

interface AxeResults {
  violations: Array<{ id: string; nodes: Array<{ target: string[]; failureSummary: string }> }>;
}

describe.skipIf(!hasPeer('chromium'))('the page of the lab', () => {
  let server: Ringthrough;
  let browser: Browser;
  let axe: string;

  beforeAll(async () => {
    axe = await readFile(axeSource, 'utf8');
    server = await Ringthrough.start({ lab: true });
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        '--autoplay-policy=no-user-gesture-required',
      ],
    });
    if (updates) mkdirSync(screens, { recursive: true });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function api<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${server.url}/lab/api/${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }
  interface Handset {
    state: string;
    inbox: Array<{ text: string }>;
    forwardings: Record<string, { to: string; noReplySeconds: number }>;
    carrierVoicemail: { on: boolean };
  }
  const handset = (number: string) => api<Handset>('GET', `handsets/${number}`);
  const becomes = (number: string, state: string) =>
    until(async () => (await handset(number)).state === state, { describe: () => `never ${state}` });

  describe.each(sizes)('$name', ({ name, viewport }) => {
    let context: BrowserContext;
    let page: Page;
    const errors: string[] = [];
    /** Where there is room for one phone only, the others are behind buttons. */
    const narrow = viewport.width < 640;

    beforeEach(async () => {
      await api('POST', 'scenarios/fresh');
      context = await browser.newContext({
        viewport,
        locale: 'en-GB',
        timezoneId: 'UTC',
        reducedMotion: 'reduce',
        permissions: ['microphone', 'clipboard-read', 'clipboard-write'],
      });
      page = await context.newPage();
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().includes('status of 4'))
          errors.push(message.text());
      });
      errors.length = 0;
      await open();
    });

    afterEach(async () => {
      await context.close();
      expect(errors).toEqual([]);
    });

    async function open(rest = ''): Promise<void> {
      await page.goto('about:blank');
      await page.goto(`${server.url}/lab/${rest}`);
      await page.getByRole('tablist', { name: 'Carriers' }).waitFor();
    }

    const phone = (owner: string) => page.getByRole('article', { name: owner });
    const press = (owner: string, button: string) =>
      phone(owner).getByRole('button', { name: button, exact: true }).click();
    const screen = (owner: string) => phone(owner).getByRole('region', { name: `Screen of ${owner}` });
    const dialField = (owner: string) => phone(owner).getByLabel(`Number or code to dial on ${owner}`);

    /** Brings a handset into view. */
    async function take(owner: string, carrier = 'Lab GSM'): Promise<void> {
      const tab = page.getByRole('tab', { name: carrier });
      if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
      if (narrow) await page.getByRole('group', { name: 'Shown handset' }).getByText(owner).click();
      await phone(owner).waitFor();
    }

    async function dial(owner: string, number: string): Promise<void> {
      await dialField(owner).fill(number);
      await press(owner, 'Dial');
    }

    const watch = (tab: string) =>
      page
        .getByRole('tab', { name: new RegExp(`^${tab}`) })
        .last()
        .click();

    /** No violation of WCAG 2.2 AA, in both colour schemes; nothing wider than the window; and a picture. */
    async function check(screen: string): Promise<void> {
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate(axe);
        const { violations } = await page.evaluate<AxeResults>(
          `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
        );
        const found = violations.map(
          ({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`,
        );
        expect(found, `${screen}, ${colorScheme}`).toEqual([]);
        if (updates && colorScheme === 'dark' && screen === 'start') await picture(`${screen}-dark`);
      }
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      expect(width, `${screen} is wider than the window`).toBeLessThanOrEqual(viewport.width);
      if (updates) await picture(screen);
    }

    const picture = (screen: string) =>
      page.screenshot({ path: `${screens}${screen}-${name}.png`, animations: 'disabled' });

    it('shows each carrier with its handsets', async () => {
      await check('start');
      for (const [carrier, owner] of [
        ['Lab Mobile UK', 'Your UK SIM'],
        ['Lab CDMA', 'Your CDMA phone'],
        ['Lab Mobil', 'Your German SIM'],
      ] as const) {
        await page
          .getByRole('tab', { name: new RegExp(`^${carrier} `) })
          .or(page.getByRole('tab', { name: carrier, exact: true }))
          .first()
          .click();
        await phone(owner).waitFor();
      }
      // With the keyboard alone: the arrows go round.
      await page.keyboard.press('ArrowRight');
      await phone('Your US SIM').waitFor();
      await page.keyboard.press('End');
      await phone('Your German SIM').waitFor();
    });

    it('rings, is answered, is heard, sends keys and hangs up', async () => {
      await take('Caller in New York');
      await dial('Caller in New York', own);
      await becomes(own, 'ringing');
      await take('Your US SIM');
      await phone('Your US SIM').getByText('Incoming call').waitFor();
      await check('ringing');
      await press('Your US SIM', 'Answer');
      await becomes(own, 'in-call');
      await press('Your US SIM', 'Speak and listen');
      await phone('Your US SIM').getByText('Microphone on').waitFor();
      await api('POST', `handsets/${caller}/speak`, { toneHz: 1000, durationMs: 20_000 });
      // The meter shows what is heard.
      const meter = phone('Your US SIM').locator('.meter span');
      await expect
        .poll(
          async () => Number(/scaleX\((.*)\)/.exec((await meter.getAttribute('style')) ?? '')?.[1] ?? 0),
          { timeout: 15_000 },
        )
        .toBeGreaterThan(0.5);
      // Answered on the called handset, the keypad is open.
      for (const key of ['4', '2', '#']) await press('Your US SIM', key);
      await phone('Your US SIM').getByText('Keys pressed: 42#').waitFor();
      await check('in-call');
      await watch('Calls');
      await page.getByRole('button', { name: /START DTMF 4/ }).waitFor();
      await press('Your US SIM', 'Hang up');
      await becomes(own, 'idle');
      await page
        .getByText(/Call ended/)
        .first()
        .waitFor();
    });

    it('shows what the network answers to codes, and the switch’s table', async () => {
      await press('Your US SIM', 'Forward');
      await expect.poll(() => dialField('Your US SIM').inputValue()).toBe('**004*+14155559000#');
      await press('Your US SIM', 'Dial');
      await phone('Your US SIM').getByText('Registration was successful.').waitFor();
      await dial('Your US SIM', '**61*+14155559000**10#');
      await press('Your US SIM', 'Status');
      await press('Your US SIM', 'Dial');
      await phone('Your US SIM').getByText('When unanswered: +14155559000 after 10 s').waitFor();
      await watch('Carriers');
      const row = page.getByRole('row', { name: /^Your US SIM/ });
      expect(await row.getByRole('cell').allTextContents()).toEqual([
        '–',
        'Ringthrough',
        'Ringthrough after 10 s',
        'Ringthrough',
        expect.any(String),
      ]);
      await check('switches');
      await press('Your US SIM', 'Stop');
      await press('Your US SIM', 'Dial');
      await phone('Your US SIM').getByText('Erasure was successful.').waitFor();
      await row.locator('.flash').first().waitFor();
      await take('Your CDMA phone', 'Lab CDMA');
      await press('Your CDMA phone', 'Forward');
      await press('Your CDMA phone', 'Dial');
      await phone('Your CDMA phone').getByText('Confirmation tone.').waitFor();
      expect((await handset('+13125550142')).forwardings.busy?.to).toBe('+13125559000');
      await page.getByLabel('Voicemail of Lab CDMA for Your CDMA phone').check();
      await until(async () => (await handset('+13125550142')).carrierVoicemail.on);
    });

    it('sends SMS, shows those that come with their links and codes, and all in a list', async () => {
      await press('Your US SIM', 'SMS');
      await press('Your US SIM', 'Caller in New York');
      const text = `Long: ${'a sentence that does not end and '.repeat(8)}नमस्ते 👋`;
      await phone('Your US SIM').getByLabel('Text of the SMS of Your US SIM').fill(text);
      await press('Your US SIM', 'Send');
      await until(async () => (await handset(caller)).inbox[0]?.text === text);
      const code = `Your Ringthrough code is 135790.\nOr open ${server.url}/#/confirm/abc/def`;
      await api('POST', `handsets/${caller}/sms`, { to: own, text: code });
      await phone('Your US SIM')
        .getByRole('link', { name: /#\/confirm/ })
        .waitFor();
      const opened = context.waitForEvent('page');
      await phone('Your US SIM')
        .getByRole('link', { name: /#\/confirm/ })
        .click();
      expect((await opened).url()).toBe(`${server.url}/#/confirm/abc/def`);
      await press('Your US SIM', 'Copy 135790');
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe('135790');
      await check('sms');
      await take('Caller in New York');
      await phone('Caller in New York').getByText('नमस्ते 👋').waitFor();
      await watch('SMS');
      await page.locator('.sms-records').getByText('Delivered').nth(1).waitFor();
      await check('sms-list');
    });

    it('tells of an SMS that waits, and of its delivery', async () => {
      await phone('Your US SIM').getByText('Off', { exact: true }).click();
      await becomes(own, 'off');
      await api('POST', `handsets/${caller}/sms`, { to: own, text: 'Later' });
      await phone('Your US SIM').getByText('1 SMS waiting').waitFor();
      await watch('SMS');
      await page.locator('.sms-records').getByText('Stored').waitFor();
      await phone('Your US SIM').getByText('In coverage', { exact: true }).click();
      await phone('Your US SIM').getByText('Later').waitFor();
      await page.locator('.sms-records li', { hasText: 'Later' }).getByText('Delivered').waitFor();
    });

    it('places a missed call', async () => {
      await take('Caller in New York');
      await dialField('Caller in New York').fill(own);
      await press('Caller in New York', 'Let it ring once, and hang up');
      await becomes(own, 'ringing');
      await becomes(own, 'idle');
      await take('Your US SIM');
      await screen('Your US SIM').getByText('Missed call').waitFor();
    });

    it('takes over what a link hands to a handset', async () => {
      await open('#dial=tel:+14155559002&handset=+447700900123');
      await expect.poll(() => dialField('Your UK SIM').inputValue()).toBe('+14155559002');
      expect(page.url()).not.toContain('dial=');
      await open(`#sms=${encodeURIComponent('sms:+14155559001?body=RT%20ABC123')}`);
      await expect
        .poll(() => phone('Your US SIM').getByLabel('Text of the SMS of Your US SIM').inputValue())
        .toBe('RT ABC123');
      await expect
        .poll(() => phone('Your US SIM').getByLabel('Number that gets the SMS').inputValue())
        .toBe('+14155559001');
    });

    it('gives the ladder of a call away, and lets older calls be chosen', async () => {
      await take('Caller in New York');
      for (const number of ['+19995550000', own]) {
        await dial('Caller in New York', number);
        if (number === own) await press('Caller in New York', 'Hang up');
      }
      await watch('Calls');
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'PCAP' }).click(),
      ]);
      expect(file.suggestedFilename()).toMatch(/^call-.*\.pcap$/);
      await page.getByLabel('Shown call').selectOption({ index: 2 });
      await page.getByRole('button', { name: /no such number/ }).waitFor();
      const entry = page.getByRole('button', { name: /SETUP/ }).first();
      await entry.focus();
      await page.keyboard.press('Enter');
      await page.getByText('Called number +19995550000').waitFor();
      await check('ladder');
    });

    it('loads a scenario by URL and by hand, and says so where there is none', async () => {
      await open('?scenario=no-coverage');
      await page
        .getByRole('status')
        .getByText(/out of coverage/)
        .waitFor();
      await phone('Your US SIM').getByText('No network').waitFor();
      expect(page.url()).not.toContain('scenario');
      await check('no-coverage');
      await page.getByRole('combobox', { name: 'Scenario' }).selectOption('Busy');
      await page.getByRole('button', { name: 'Load scenario' }).click();
      await phone('Your US SIM').getByText('In call').waitFor();
      await check('busy');
      await open('?scenario=no-such');
      await page.getByText(/no scenario of this name. There are: fresh/).waitFor();
    });

    it('says when the lab is gone, and goes on when it is back', async () => {
      await context.setOffline(true);
      await press('Your US SIM', 'Forward');
      await press('Your US SIM', 'Dial');
      await page
        .getByText(/The lab (does not answer|is gone)/)
        .first()
        .waitFor();
      await context.setOffline(false);
      await press('Your US SIM', 'Dial');
      await phone('Your US SIM').getByText('Registration was successful.').waitFor();
      errors.length = 0;
    });
  });
});
