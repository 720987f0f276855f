/**
 * Calls from the lab to two browsers of one person, on the real server: ringing, answered elsewhere, audio both
 * ways, keys, decline to voicemail, a caller who gives up, a tab that comes back while it rings.
 * `npx vite build client`, then `node client/scripts/walk-call.ts [folder for pictures]`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { freePort, freeRange } from '../../interop/support/ports.ts';
import { Process } from '../../interop/support/process.ts';
import { heard, launchBrowser, newPage, newProfile, say, shoot, timed } from './walk-browser.ts';

const out = process.argv[2] ?? 'client/screenshots';
const own = '+14155550101';
const caller = '+12125550199';
const password = 'correct horse 7';

const [httpPort, sipPort, webrtcPort, trunk] = [
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
];
const rtpStart = await freeRange(200);
const folder = mkdtempSync(join(tmpdir(), 'ringthrough-walk-'));
writeFileSync(
  join(folder, 'ringthrough.yaml'),
  `dataDir: ${folder}/data
http: { port: ${httpPort} }
sip: { port: ${sipPort} }
media: { webrtcPort: ${webrtcPort}, rtpPorts: { min: ${rtpStart}, max: ${rtpStart + 199} } }
lab: { enabled: true, smsToken: walk-walk-walk-walk-walk }
carriers:
  - { id: lab-gsm, name: Lab GSM, country: US, family: gsm, prefixes: ['+1'], cNumber: '+14155559000',
      trunks: [{ host: 127.0.0.1, port: ${trunk} }], sms: { url: /lab/api/sms, token: walk-walk-walk-walk-walk } }
`,
);
const main = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const server = new Process(process.execPath, [main], { cwd: folder });
const origin = `http://localhost:${httpPort}`;

async function lab<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${origin}/lab/api/${path}`, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

async function code(): Promise<string> {
  for (let round = 0; round < 100; round++) {
    const [newest] = await lab<Array<{ text: string }>>('GET', `handsets/${own}/inbox`);
    const found = /\b\d{6}\b/.exec(newest?.text ?? '');
    if (found) return found[0];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no SMS');
}

async function signUp(page: Page): Promise<void> {
  await page.goto(`${origin}/#/sign-up`);
  await page.getByLabel('Phone number').fill(own);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('6-digit code').fill(await code());
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('This device will ring').waitFor();
}

async function logIn(page: Page): Promise<void> {
  await page.goto(`${origin}/#/log-in`);
  await page.getByLabel('Phone number').fill(own);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await page.getByText('This device will ring').waitFor();
}

const ringing = (page: Page) =>
  page.getByRole('alertdialog', { name: '+1 212-555-0199' }).or(page.getByRole('alertdialog'));
const outcome = (page: Page, words: string) => page.getByTestId('call-outcome').getByText(words).waitFor();
const dial = () => lab('POST', `handsets/${caller}/dial`, { number: own });
const callerHangsUp = () => lab('POST', `handsets/${caller}/hangup`);

const browser = await launchBrowser();
try {
  await server.waitFor(new RegExp(`:${httpPort}/`), 20_000);
  const [one, two] = [await newPage(await newProfile(browser)), await newPage(await newProfile(browser))];
  await signUp(one);
  await logIn(two);

  await one.goto(`${origin}/#/numbers/${encodeURIComponent(own)}/forward`);
  const command = (await one.getByTestId('forwarding-command').textContent())?.trim() ?? '';
  await lab('POST', `handsets/${own}/dial`, { number: command });
  await lab('PUT', `handsets/${own}/coverage`, { coverage: 'no-coverage' });
  await one.goto(`${origin}/#/home`);

  await dial();
  await timed('call 1: both ring', Promise.all([ringing(one).waitFor(), ringing(two).waitFor()]));
  await shoot(one, out, 'ringing');
  const accepted = performance.now();
  await two.getByRole('button', { name: 'Accept' }).click();
  await outcome(one, 'Answered elsewhere');
  say(`call 1: accept on two → answered elsewhere on one: ${Math.round(performance.now() - accepted)} ms`);
  await two.getByText('Connected', { exact: true }).waitFor();
  say(`call 1: accept → audio connected: ${Math.round(performance.now() - accepted)} ms`);
  await lab('POST', `handsets/${caller}/speak`, { toneHz: 1000, durationMs: 3000 });
  await two.waitForTimeout(1500);
  say(`call 1: browser hears ${JSON.stringify(await heard(two))}`);
  await two.getByRole('button', { name: 'Keypad' }).click();
  await two.getByRole('button', { name: '5', exact: true }).click();
  await two.waitForTimeout(500);
  const tones = await two.evaluate(() => {
    const { connections } = window as never as { connections: RTCPeerConnection[] };
    return connections.at(-1)?.getSenders()[0]?.dtmf?.canInsertDTMF;
  });
  say(`call 1: keys go as RFC 4733 events: ${tones}`);
  say(`call 1: caller hears ${JSON.stringify(await lab('GET', `handsets/${caller}/hears`))}`);
  await shoot(two, out, 'in-call');
  await callerHangsUp();
  await timed('call 1: caller hangs up → ended', two.getByText('Call ended').waitFor());
  await one
    .getByText(/Answered elsewhere, on/)
    .first()
    .waitFor();
  await shoot(one, out, 'log-answered-elsewhere');
  say('call 1: the log of one says answered elsewhere');

  await dial();
  await Promise.all([ringing(one).waitFor(), ringing(two).waitFor()]);
  await one.getByRole('button', { name: 'Silence here' }).click();
  await ringing(one).waitFor({ state: 'detached' });
  await two.waitForTimeout(300);
  say(`call 2: silenced on one, two still rings: ${await ringing(two).isVisible()}`);
  await callerHangsUp();
  await timed('call 2: caller gives up → told', outcome(two, 'The caller hung up'));

  await dial();
  await Promise.all([ringing(one).waitFor(), ringing(two).waitFor()]);
  await one.getByRole('button', { name: 'Send to voicemail' }).click();
  await outcome(one, 'Sent to voicemail');
  await timed('call 3: declined on one → two is told', outcome(two, 'Declined on another device'));
  await one.goto(`${origin}/#/voicemail`);
  // The greeting and the beep come first.
  await one.waitForTimeout(9000);
  await lab('POST', `handsets/${caller}/speak`, { prompt: 'message' });
  await one.waitForTimeout(4000);
  await callerHangsUp();
  await timed('call 3: caller hangs up → voicemail in the list', one.getByTestId('voicemail').waitFor());
  await one.getByRole('button', { name: 'Play message' }).click();
  await one.locator('[data-testid=voicemail][data-heard=true]').waitFor();
  await shoot(one, out, 'voicemail');
  say(
    `call 3: plays ${await one.locator('audio').evaluate((audio: HTMLAudioElement) => `${audio.duration.toFixed(1)} s, error ${audio.error?.code ?? 'none'}`)}`,
  );

  await dial();
  await ringing(two).waitFor();
  await timed(
    'call 4: reload while it rings → rings again',
    two.reload().then(() => ringing(two).waitFor()),
  );
  await two.getByRole('button', { name: 'Accept' }).click();
  await two.getByText('Connected', { exact: true }).waitFor();
  await two.getByRole('button', { name: 'Hang up' }).click();
  await two.getByText('Call ended').waitFor();
  say('call 4: answered after the reload and hung up');
} catch (error) {
  say(`${error}\n${server.output.slice(-3000)}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
