import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ToneGenerator, writeWav } from '@ringthrough/rtp';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedMediaPlane, type MediaLeg } from '../server/src/media/index.ts';
import { MediaPeer, until } from '../server/src/media/test-support/media-peer.ts';
import { hasPeer } from './support/peers.ts';

/** What the browser's microphone hears, and what the trunk sends. */
const BROWSER_HZ = 440;
const TRUNK_HZ = 1000;

const FLAGS = [
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
  '--autoplay-policy=no-user-gesture-required',
];

/** Runs in the page: one peer connection, and a spectrum of what it receives. */
const PAGE = `<!doctype html><title>WebRTC</title><script>
let pc, analyser, context, sender;
async function call() {
  pc = new RTCPeerConnection();
  context = new AudioContext();
  pc.ontrack = ({ track }) => {
    const stream = new MediaStream([track]);
    const audio = new Audio();
    audio.muted = true;
    audio.srcObject = stream;
    audio.play();
    analyser = context.createAnalyser();
    analyser.fftSize = 4096;
    context.createMediaStreamSource(stream).connect(analyser);
  };
}
async function microphone() {
  const constraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
  for (const track of stream.getTracks()) sender = pc.addTrack(track, stream);
}
async function offer(options) {
  await pc.setLocalDescription(await pc.createOffer(options));
  return pc.localDescription.sdp;
}
async function answer(sdp) {
  await pc.setRemoteDescription({ type: 'offer', sdp });
  await microphone();
  await pc.setLocalDescription(await pc.createAnswer());
  return pc.localDescription.sdp;
}
/** The loudest frequency, or 0 when all is quiet. */
function loudestHz() {
  if (!analyser) return 0;
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(spectrum);
  const peak = spectrum.indexOf(Math.max(...spectrum));
  return spectrum[peak] < -60 ? 0 : (peak * context.sampleRate) / analyser.fftSize;
}
</script>`;

describe.skipIf(!hasPeer('chromium'))('media with Chromium on a page of http://localhost', () => {
  let plane: EmbeddedMediaPlane;
  let web: Server;
  let browser: Browser;
  let page: Page;
  let folder: string;
  const legs: MediaLeg[] = [];
  const peers: MediaPeer[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'webrtc-'));
    const microphone = join(folder, 'microphone.wav');
    const samples = new Int16Array(48_000);
    new ToneGenerator({ sampleRate: 48_000, frequencies: [BROWSER_HZ] }).fill(samples);
    await writeWav(microphone, { sampleRate: 48_000, channels: 1, samples });
    const log = { debug() {}, info() {}, warn() {}, error: console.error };
    plane = await EmbeddedMediaPlane.start({
      host: '127.0.0.1',
      webrtcPort: 0,
      rtpPorts: { min: 0, max: 0 },
      silenceTimeoutSeconds: 10,
      log,
    });
    web = createServer((_, response) => response.setHeader('content-type', 'text/html').end(PAGE));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [...FLAGS, `--use-file-for-fake-audio-capture=${microphone}`],
    });
  });

  afterEach(async () => {
    await page?.close();
    await Promise.all(legs.splice(0).map((leg) => leg.close()));
    await Promise.all(peers.splice(0).map((peer) => peer.close()));
    expect((await plane.stats()).legs).toBe(0);
  });

  afterAll(async () => {
    await browser?.close();
    web?.close();
    await plane?.close();
    await rm(folder, { recursive: true });
  });

  async function openPage(): Promise<void> {
    page = await browser.newPage();
    await page.goto(`http://localhost:${(web.address() as AddressInfo).port}/`);
    await page.evaluate('call()');
  }

  async function openTrunk(): Promise<{ peer: MediaPeer; leg: MediaLeg }> {
    const peer = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA', listenFor: [BROWSER_HZ, TRUNK_HZ] });
    peers.push(peer);
    const leg = await plane.openLeg({ callId: 'call', kind: 'rtp', codecs: ['PCMA', 'PCMU'] });
    legs.push(leg);
    await peer.offerTo(leg);
    return { peer, leg };
  }

  async function openBrowserLeg(): Promise<MediaLeg> {
    const leg = await plane.openLeg({ callId: 'call', kind: 'webrtc', codecs: ['opus', 'PCMU', 'PCMA'] });
    legs.push(leg);
    return leg;
  }

  const run = <T>(script: string) => page.evaluate(script) as Promise<T>;

  async function browserOffers(leg: MediaLeg, options = '{}'): Promise<void> {
    const answer = await leg.acceptOffer(await run<string>(`offer(${options})`));
    await run(`pc.setRemoteDescription({ type: 'answer', sdp: ${JSON.stringify(answer)} })`);
  }

  async function hearEachOther(trunk: MediaPeer): Promise<void> {
    trunk.speak(TRUNK_HZ);
    const before = trunk.heard.heardMs(BROWSER_HZ);
    await until('the trunk hears the browser', () => trunk.heard.heardMs(BROWSER_HZ) >= before + 400, 15_000);
    let loudest = 0;
    for (let heard = 0; heard < 5; ) {
      loudest = await run<number>('loudestHz()');
      heard = Math.abs(loudest - TRUNK_HZ) < 25 ? heard + 1 : 0;
      await page.waitForTimeout(50);
    }
    expect(trunk.heard.heardMs(TRUNK_HZ)).toBe(0);
  }

  it('carries speech both ways when the browser offers', async () => {
    await openPage();
    const [trunk, leg] = [await openTrunk(), await openBrowserLeg()];
    await run('microphone()');
    await browserOffers(leg);
    await plane.connect(trunk.leg, leg);
    await hearEachOther(trunk.peer);
    const report = await leg.close();
    expect(report).toMatchObject({ codec: 'opus', packetsLost: 0 });
  });

  it('carries speech both ways when the browser answers', async () => {
    await openPage();
    const [trunk, leg] = [await openTrunk(), await openBrowserLeg()];
    const answer = await run<string>(`answer(${JSON.stringify(await leg.createOffer())})`);
    await leg.acceptAnswer(answer);
    await plane.connect(trunk.leg, leg);
    await hearEachOther(trunk.peer);
  });

  it('goes on after an ICE restart and after hold, with the same browser', async () => {
    await openPage();
    const [trunk, leg] = [await openTrunk(), await openBrowserLeg()];
    await run('microphone()');
    await browserOffers(leg);
    await plane.connect(trunk.leg, leg);
    await hearEachOther(trunk.peer);
    await browserOffers(leg, '{ iceRestart: true }');
    await hearEachOther(trunk.peer);
    await run("pc.getTransceivers()[0].direction = 'sendonly'");
    await browserOffers(leg);
    const heard = trunk.peer.heard.heardMs(BROWSER_HZ);
    await until('the trunk still hears', () => trunk.peer.heard.heardMs(BROWSER_HZ) >= heard + 200);
    await run("pc.getTransceivers()[0].direction = 'sendrecv'");
    await browserOffers(leg);
    await hearEachOther(trunk.peer);
  });

  it('passes key presses of the browser on to the trunk', async () => {
    await openPage();
    const [trunk, leg] = [await openTrunk(), await openBrowserLeg()];
    const told: string[] = [];
    leg.on('dtmf', ({ key }) => told.push(key));
    await run('microphone()');
    await browserOffers(leg);
    await plane.connect(trunk.leg, leg);
    await hearEachOther(trunk.peer);
    await run("sender.dtmf.insertDTMF('5#', 150, 80)");
    await until('the keys have come', () => trunk.peer.keys.length >= 2 && told.length >= 2);
    expect(trunk.peer.keys).toEqual(['5', '#']);
    expect(told).toEqual(['5', '#']);
  });

  it('notices at once that the tab was closed', async () => {
    await openPage();
    const leg = await openBrowserLeg();
    const silent = new Promise<void>((resolve) => leg.on('silent', resolve));
    const media = new Promise<void>((resolve) => leg.on('media', resolve));
    await run('microphone()');
    await browserOffers(leg);
    await media;
    const closedAt = performance.now();
    await run('pc.close()');
    await silent;
    expect(performance.now() - closedAt).toBeLessThan(2000);
  });
});
