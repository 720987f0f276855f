/**
 * Pictures of every screen, phone and desktop, light and dark: `npx vite build client`, then
 * `node client/scripts/screenshots.ts <folder> [part of a name]`. Needs /usr/bin/chromium and no server.
 */
import { mkdir } from 'node:fs/promises';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { origin, type Stage, StageCall, setStage } from './stage.ts';

const out = process.argv[2] ?? 'client/screenshots';
const only = process.argv[3] ?? '';
const caller = '+442071838750';

const complain = (text: string) => process.stderr.write(`${text}\n`);

interface Scene {
  name: string;
  signedIn: boolean;
  route?: string;
  empty?: boolean;
  wrongCode?: boolean;
  /** Permissions already given; without them the setup card shows. */
  fresh?: boolean;
  act?: (stage: { page: Page; context: BrowserContext; stage: Stage }) => Promise<void>;
}

/** An offer of a real peer connection in another page, which also takes the answer: so the call has audio. */
async function remotePeer(context: BrowserContext) {
  const page = await context.newPage();
  await page.route(`${origin}/**`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<p>peer</p>' }),
  );
  await page.goto(`${origin}/peer`);
  const offer = await page.evaluate(async () => {
    const peer = new RTCPeerConnection();
    Object.assign(window, { peer });
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) peer.addTrack(track, stream);
    await peer.setLocalDescription();
    await new Promise<void>((resolve) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
    });
    return peer.localDescription?.sdp ?? '';
  });
  const take = (sdp: string) =>
    page.evaluate(
      (answer) =>
        (window as never as { peer: RTCPeerConnection }).peer.setRemoteDescription({
          type: 'answer',
          sdp: answer,
        }),
      sdp,
    );
  return { offer, take };
}

async function ring(
  { page, context, stage }: { page: Page; context: BrowserContext; stage: Stage },
  id = 'call1',
  from = caller,
) {
  const peer = await remotePeer(context);
  await page.bringToFront();
  const call = new StageCall(stage, id, from);
  await call.invite(peer.offer);
  const rings = page.getByText('Incoming call').or(page.getByText('Another call is waiting'));
  await rings
    .first()
    .waitFor({ timeout: 10_000 })
    .catch((error) => {
      throw new Error(`it does not ring; the page sent:\n${stage.received.join('\n')}`, { cause: error });
    });
  return { peer, call };
}

async function talk(scene: { page: Page; context: BrowserContext; stage: Stage }) {
  const { peer, call } = await ring(scene);
  await scene.page.getByRole('button', { name: 'Accept' }).click();
  await peer.take(await call.answer());
  await scene.page.getByText('Connected', { exact: true }).waitFor();
  await scene.page.waitForTimeout(1200);
}

const typeNumber = async (page: Page) => {
  await page.getByLabel('Phone number').fill('(415) 555-0101');
  await page.getByText('Understood:').waitFor();
};

const scenes: Scene[] = [
  { name: 'welcome', signedIn: false },
  { name: 'sign-up', signedIn: false, route: 'sign-up', act: ({ page }) => typeNumber(page) },
  {
    name: 'sign-up-code',
    signedIn: false,
    route: 'sign-up',
    wrongCode: true,
    act: async ({ page }) => {
      await typeNumber(page);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByLabel('6-digit code').fill('123456');
      await page.getByRole('alert').getByText('not the code').waitFor();
    },
  },
  {
    name: 'sign-up-password',
    signedIn: false,
    route: 'sign-up',
    act: async ({ page }) => {
      await typeNumber(page);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByLabel('6-digit code').fill('123456');
      await page.getByLabel('Password', { exact: true }).fill('correct horse');
    },
  },
  { name: 'log-in', signedIn: false, route: 'log-in' },
  {
    name: 'home',
    signedIn: true,
    route: 'home',
    act: ({ page }) => page.getByText('This device will ring').waitFor(),
  },
  {
    name: 'home-fresh',
    signedIn: true,
    route: 'home',
    fresh: true,
    empty: true,
    act: ({ page }) => page.getByText('This device will ring').waitFor(),
  },
  {
    name: 'home-offline',
    signedIn: true,
    route: 'home',
    act: async ({ page, context }) => {
      await page.getByText('This device will ring').waitFor();
      await context.setOffline(true);
      await page.getByText('Offline', { exact: true }).waitFor();
    },
  },
  {
    name: 'calls',
    signedIn: true,
    route: 'calls',
    act: async ({ page }) => {
      await page.getByText('Answered here').click();
    },
  },
  { name: 'calls-empty', signedIn: true, route: 'calls', empty: true },
  { name: 'voicemail', signedIn: true, route: 'voicemail' },
  {
    name: 'voicemail-delete',
    signedIn: true,
    route: 'voicemail',
    act: ({ page }) => page.getByRole('button', { name: 'Delete message' }).first().click(),
  },
  { name: 'numbers', signedIn: true, route: 'numbers' },
  { name: 'numbers-link', signedIn: true, route: 'numbers/link' },
  { name: 'numbers-forward', signedIn: true, route: `numbers/${encodeURIComponent('+14155550101')}/forward` },
  { name: 'settings', signedIn: true, route: 'settings' },
  { name: 'devices', signedIn: true, route: 'settings/devices' },
  {
    name: 'devices-credentials',
    signedIn: true,
    route: 'settings/devices/add',
    act: async ({ page }) => {
      await page.getByLabel('Name of the softphone').fill('Desk phone');
      await page.getByRole('button', { name: 'Create credentials' }).click();
      await page.getByText('pear-lantern').waitFor();
    },
  },
  { name: 'ringing', signedIn: true, route: 'home', act: async (scene) => void (await ring(scene)) },
  {
    name: 'ringing-no-microphone',
    signedIn: true,
    route: 'home',
    act: async (scene) => {
      await ring(scene);
      await scene.page.evaluate(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
      });
      await scene.page.getByRole('button', { name: 'Accept' }).click();
      await scene.page.getByRole('alert').getByText('The microphone is blocked').waitFor();
    },
  },
  {
    name: 'answered-elsewhere',
    signedIn: true,
    route: 'home',
    act: async (scene) => {
      const { call } = await ring(scene);
      await call.cancel(200);
      await scene.page.getByTestId('call-outcome').getByText('Answered elsewhere').waitFor();
    },
  },
  { name: 'in-call', signedIn: true, route: 'home', act: talk },
  {
    name: 'in-call-keypad',
    signedIn: true,
    route: 'home',
    act: async (scene) => {
      await talk(scene);
      await scene.page.getByRole('button', { name: 'Mute' }).click();
      await scene.page.getByRole('button', { name: 'Keypad' }).click();
      for (const key of ['1', '5', 'Hash'])
        await scene.page.getByRole('button', { name: key, exact: true }).click();
    },
  },
  {
    name: 'in-call-waiting',
    signedIn: true,
    route: 'home',
    act: async (scene) => {
      await talk(scene);
      await ring(scene, 'call2', '+4930901820');
    },
  },
  {
    name: 'in-call-minimised',
    signedIn: true,
    route: 'calls',
    act: async (scene) => {
      await talk(scene);
      await scene.page.getByRole('button', { name: 'Minimise' }).click();
    },
  },
];

async function shoot(browser: Browser, scene: Scene, look: { size: string; scheme: 'light' | 'dark' }) {
  const viewport = look.size === 'phone' ? { width: 390, height: 844 } : { width: 1280, height: 800 };
  const context = await browser.newContext({
    viewport,
    colorScheme: look.scheme,
    locale: 'en-US',
    serviceWorkers: 'block',
    permissions: scene.fresh ? [] : ['microphone', 'notifications'],
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => complain(`${scene.name}: ${error.stack}`));
  page.on('console', (message) => message.type() === 'error' && complain(`${scene.name}: ${message.text()}`));
  const stage = await setStage(context, page, scene);
  await page.goto(`${origin}/#/${scene.route ?? ''}`);
  await page.locator('h1').first().waitFor({ state: 'attached' });
  if (!scene.fresh) await page.mouse.click(2, 2);
  await scene.act?.({ page, context, stage });
  await page.waitForTimeout(250);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (width > viewport.width) complain(`${scene.name} ${look.size}: ${width} px wide, scrolls sideways`);
  const path = `${out}/${scene.name}-${look.size}-${look.scheme}.png`;
  await page.screenshot({
    path,
    fullPage: scene.name.startsWith('home') || scene.name === 'numbers-forward',
  });
  await context.close();
}

await mkdir(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    '--disable-features=WebRtcHideLocalIpsWithMdns',
  ],
});
for (const scene of scenes.filter((candidate) => candidate.name.includes(only))) {
  for (const size of ['phone', 'desktop']) {
    for (const scheme of ['light', 'dark'] as const) {
      await shoot(browser, scene, { size, scheme }).catch((error) => complain(`${scene.name}: ${error}`));
    }
  }
}
await browser.close();
