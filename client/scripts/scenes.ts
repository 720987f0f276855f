/** Every screen of the client, put up on the stage: for pictures of them, and for tests of each. */
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type * as Api from '../src/api/types.ts';
import { now, origin, type Stage, StageCall, type StageOptions, setStage } from './stage.ts';

const caller = '+442071838750';

interface Actors {
  page: Page;
  context: BrowserContext;
  stage: Stage;
}

export interface Scene extends StageOptions {
  name: string;
  route?: string;
  /** Permissions not given yet: the setup card shows. */
  fresh?: boolean;
  /** Worth seeing whole, below the edge of the screen as well. */
  full?: boolean;
  act?: (actors: Actors) => Promise<void>;
}

/** An offer of a real peer connection in another page, which also takes the answer: so the call has audio. */
async function remotePeer(context: BrowserContext) {
  const page = await context.newPage();
  await page.route(`${origin}/**`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<p>peer</p>' }),
  );
  await page.goto(`${origin}/peer`);
  // As text: what runs in the page has other types than this file.
  const offer = await page.evaluate<string>(`(async () => {
    const peer = new RTCPeerConnection();
    window.peer = peer;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) peer.addTrack(track, stream);
    await peer.setLocalDescription();
    await new Promise((resolve) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
    });
    return peer.localDescription.sdp;
  })()`);
  const take = (sdp: string) =>
    page.evaluate(`window.peer.setRemoteDescription({ type: 'answer', sdp: ${JSON.stringify(sdp)} })`);
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

const minute = 60_000;

/** Number typed and sent, up to the title of the next step. */
const prove =
  (title: string) =>
  async ({ page }: Actors) => {
    await typeNumber(page);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: title }).waitFor();
  };

const proofScene = (
  name: string,
  challenge: Api.Challenge,
  title: string,
  detail?: Api.ValidationDetail,
): Scene => ({
  name: `prove-${name}`,
  signedIn: false,
  route: 'sign-up',
  challenge,
  full: true,
  ...(detail ? { detail } : {}),
  act: prove(title),
});

const proofScenes: Scene[] = [
  {
    name: 'prove-carrier',
    signedIn: false,
    route: 'sign-up',
    askCarrier: true,
    act: async (actors) => {
      await prove('Which carrier is it?')(actors);
      await actors.page.getByLabel('Lab CDMA').check();
    },
  },
  proofScene('spoken-code', { kind: 'enter-code', digits: 6, by: 'call' }, 'Answer the call', 'ringing'),
  proofScene('keys', { kind: 'press-keys', keys: '407392' }, 'Answer and press the keys', 'answered'),
  proofScene('sms-confirm', { kind: 'confirm-sms' }, 'Wait for the SMS', 'sending'),
  proofScene(
    'sms-from-client',
    { kind: 'send-sms', to: '+14155559001', text: 'RINGTHROUGH 8K3M7Q' },
    'Send this SMS',
  ),
  proofScene('missed-call', { kind: 'place-call', to: '+14155559002' }, 'Call this number'),
  {
    name: 'prove-other-ways',
    signedIn: false,
    route: 'sign-up',
    full: true,
    act: async (actors) => {
      await prove('Type the code')(actors);
      await actors.page.getByText('Another way', { exact: true }).click();
    },
  },
];

const forwardRoute = `numbers/${encodeURIComponent('+14155550101')}/forward`;
const forwardingScene = (name: string, forwarding: Partial<Api.Forwarding>, words: string): Scene => ({
  name: `forward-${name}`,
  signedIn: true,
  route: forwardRoute,
  forwarding,
  full: true,
  act: ({ page }) => page.getByText(words).first().waitFor(),
});

const forwardingScenes: Scene[] = [
  forwardingScene('by-hand', {}, 'Open the dialler'),
  forwardingScene(
    'verified',
    {
      state: 'active',
      source: 'check',
      changedAt: now - 3 * minute,
      check: { state: 'verified', seen: 'came-back', at: now - 3 * minute },
    },
    'Verified',
  ),
  forwardingScene(
    'check-failed',
    { check: { state: 'failed', seen: 'carrier-voicemail', at: now - minute } },
    'own voicemail',
  ),
  forwardingScene('checking', { check: { state: 'running', seen: null, at: now } }, 'under way'),
  forwardingScene(
    'automatic',
    { mode: 'auto', state: 'active', source: 'carrier', changedAt: now - 90 * minute },
    'Forwarding is on',
  ),
  forwardingScene('pending', { mode: 'auto', state: 'pending' }, 'being asked'),
  forwardingScene(
    'failed',
    { mode: 'auto', state: 'failed', error: 'refused', changedAt: now },
    'did not do it',
  ),
  {
    name: 'forward-unknown',
    signedIn: true,
    route: forwardRoute,
    unknownCarrier: true,
    act: ({ page }) => page.getByText('Choose the carrier').waitFor(),
  },
];

const softphoneScenes: Scene[] = [
  { name: 'softphone-add', signedIn: true, route: 'settings/devices/add' },
  {
    name: 'softphone-set-up',
    signedIn: true,
    route: 'settings/devices/add',
    full: true,
    act: async ({ page }) => {
      await page.getByLabel('Name of the softphone').fill('Desk phone');
      await page.getByRole('button', { name: 'Create credentials' }).click();
      await page.locator('.qr path').waitFor();
    },
  },
  {
    name: 'softphone-test-call',
    signedIn: true,
    softphoneRegistered: true,
    testCall: 'ringing',
    route: 'settings/devices/d3',
    act: async ({ page }) => {
      await page.getByRole('button', { name: 'Start test call' }).click();
      await page.getByText('The softphone is ringing').waitFor();
    },
  },
];

export const scenes: Scene[] = [
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
  ...proofScenes,
  { name: 'log-in', signedIn: false, route: 'log-in' },
  { name: 'log-in-proof', signedIn: false, route: 'log-in/code' },
  { name: 'log-in-reset', signedIn: false, route: 'log-in/reset' },
  {
    name: 'home',
    signedIn: true,
    route: 'home',
    full: true,
    act: ({ page }) => page.getByText('This device will ring').waitFor(),
  },
  {
    name: 'home-fresh',
    signedIn: true,
    route: 'home',
    full: true,
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
  {
    name: 'home-notices',
    signedIn: true,
    route: 'home',
    notices: true,
    full: true,
    act: ({ page }) => page.getByText('no longer forwarded').waitFor(),
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
  ...forwardingScenes,
  { name: 'settings', signedIn: true, route: 'settings', full: true },
  { name: 'settings-password', signedIn: true, route: 'settings/password' },
  { name: 'settings-close', signedIn: true, route: 'settings/close' },
  { name: 'devices', signedIn: true, route: 'settings/devices' },
  ...softphoneScenes,
  { name: 'ringing', signedIn: true, route: 'home', act: async (scene) => void (await ring(scene)) },
  {
    name: 'ringing-no-microphone',
    signedIn: true,
    route: 'home',
    act: async (scene) => {
      await ring(scene);
      await scene.page.evaluate(
        `navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))`,
      );
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

export interface Look {
  size: 'phone' | 'desktop';
  scheme: 'light' | 'dark';
}

/** The looks that every screen has to be right in. */
export const looks: Look[] = (['phone', 'desktop'] as const).flatMap((size) =>
  (['light', 'dark'] as const).map((scheme) => ({ size, scheme })),
);

export const viewports = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

/** What Chromium has to be started with. */
export const browserArguments = [
  '--no-sandbox',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

/**
 * Puts a scene up. Its words are English ones, so a scene in another language is left where it begins.
 * @param complain gets what the page reports as errors
 */
export async function openScene(
  browser: Browser,
  scene: Scene,
  complain: (text: string) => void,
): Promise<{ page: Page; close: () => Promise<void> }> {
  const context = await browser.newContext({
    viewport: viewports.phone,
    locale: 'en-US',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    serviceWorkers: 'block',
    permissions: scene.fresh ? [] : ['microphone', 'notifications'],
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => complain(`${scene.name}: ${error.stack}`));
  page.on('console', (message) => {
    // Requests that the scene answers with an error are reported by the browser as well.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complain(`${scene.name}: ${message.text()}`);
    }
  });
  const stage = await setStage(context, page, scene);
  await page.goto(`${origin}/#/${scene.route ?? ''}`);
  await page.locator('h1').first().waitFor({ state: 'attached' });
  await page.evaluate('document.fonts.ready');
  if (!scene.fresh) await page.mouse.click(2, 2);
  if (!scene.language) await scene.act?.({ page, context, stage });
  // The library of numbers and the drawing of QR codes come later; afterwards the page is drawn once more.
  await stage.numbers;
  await page.waitForFunction(
    `[...document.querySelectorAll('.qr')].every((code) => code.querySelector('path'))`,
  );
  await page.evaluate('new Promise((done) => setTimeout(done, 50))');
  return { page, close: () => context.close() };
}

/** Changes size and colours of a page that is open. */
export async function take(page: Page, { size, scheme }: Look): Promise<void> {
  await page.setViewportSize(viewports[size]);
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
}
