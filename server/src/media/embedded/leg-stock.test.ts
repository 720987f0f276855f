import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import type { CodecName, MediaLeg, OpenLegOptions } from '../media-plane.ts';
import { MediaPeer, until } from '../test-support/media-peer.ts';
import { EmbeddedMediaPlane } from './embedded-media-plane.ts';
import { WorkerClient } from './worker-client.ts';

const lawA: readonly CodecName[] = ['PCMA', 'PCMU'];
const lawMu: readonly CodecName[] = ['PCMU', 'PCMA'];
const wanting = (codecs: readonly CodecName[]): OpenLegOptions => ({ callId: 'call', kind: 'rtp', codecs });

const cleanUp: Array<() => unknown> = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

/** A plane, and what its worker is asked. */
async function open(rtpPorts = { min: 0, max: 0 }) {
  const workers: WorkerClient[] = [];
  const asked: string[] = [];
  const filled: Array<Promise<unknown>> = [];
  const warned: string[] = [];
  const log = { debug() {}, info() {}, warn: (_: unknown, text: string) => warned.push(text), error() {} };
  const options = { host: '127.0.0.1', webrtcPort: 0, rtpPorts, silenceTimeoutSeconds: 10, log };
  const plane = await EmbeddedMediaPlane.start(options, async (config, hooks) => {
    const worker = await WorkerClient.start(config, hooks);
    const request = worker.request.bind(worker);
    worker.request = (command, args) => {
      asked.push(command);
      const answer = request(command, args);
      if (command === 'stockLegs') filled.push(answer);
      return answer;
    };
    workers.push(worker);
    return worker;
  });
  cleanUp.push(() => plane.close());
  /** Whatever was asked for is in the stock. */
  const stocked = async () => {
    while (filled.length > 0) await filled.shift()?.catch(() => undefined);
  };
  return { plane, workers, warned, stocked, news: () => asked.splice(0) };
}

/** A range of so many pairs of ports that nobody else has now; `others` of them are taken. */
async function portRange(pairs: number, others = 0): Promise<{ min: number; max: number }> {
  for (;;) {
    const min = 2 * Math.floor(10_000 + Math.random() * 6_000);
    const sockets: Socket[] = [];
    try {
      for (let port = min; port < min + 2 * pairs; port++) sockets.push(await bound(port));
    } catch {
      for (const socket of sockets) socket.close();
      continue;
    }
    for (const socket of sockets.splice(2 * others)) socket.close();
    cleanUp.push(() => sockets.forEach((socket) => void socket.close()));
    return { min, max: min + 2 * pairs - 1 };
  }
}

async function bound(port: number): Promise<Socket> {
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

it('once it is filled, an offer comes without waiting for the worker; its leg carries audio', async () => {
  const { plane, stocked, news } = await open();
  const first = await plane.openOfferingLeg(wanting(lawA));
  expect(news()).toEqual(['stockLegs', 'openOfferingLeg']);
  await stocked();
  const { leg, sdp } = await plane.openOfferingLeg(wanting(lawA));
  expect(news()).toEqual(['adoptLeg']);
  expect(sdp).toMatch(/m=audio \d+ RTP\/AVP 8 0 101\r\n/);
  expect(sdp).not.toBe(first.sdp);
  const peer = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA' });
  cleanUp.push(() => peer.close());
  peer.wire.setRemote(sdp, 'answerer');
  await leg.acceptAnswer(peer.sdp('active'));
  const heard = new Promise<void>((resolve) => leg.on('media', resolve));
  peer.speak(1000);
  await heard;
  await leg.play({ toneHz: 440, durationMs: 400 });
  await until('the peer hears 440 Hz', () => peer.heard.heardMs(440) >= 200);
  // The next offer of the same leg is a new version of the same session.
  const versionOf = (text: string) => /^o=\S+ (\d+ \d+) /m.exec(text)?.[1]?.split(' ').map(Number) ?? [];
  const [id, version = 0] = versionOf(sdp);
  expect(versionOf(await leg.createOffer())).toEqual([id, version + 1]);
});

it('a second order of codecs gets its offers, though those of the first are not used up', async () => {
  const { plane, stocked, news } = await open();
  await plane.openOfferingLeg(wanting(lawA));
  await stocked();
  await plane.openOfferingLeg(wanting(lawMu));
  await stocked();
  news();
  const { sdp } = await plane.openOfferingLeg(wanting(lawMu));
  expect(news()).toEqual(['adoptLeg']);
  expect(sdp).toMatch(/m=audio \d+ RTP\/AVP 0 8 101\r\n/);
  expect((await plane.openOfferingLeg(wanting(lawA))).sdp).toMatch(/m=audio \d+ RTP\/AVP 8 0 101\r\n/);
  expect(news()).toEqual(['adoptLeg']);
});

it('is filled again before it is empty', async () => {
  const { plane, stocked, news } = await open();
  await plane.openOfferingLeg(wanting(lawA));
  await stocked();
  for (let calls = 0; calls < 100; calls++) {
    await plane.openOfferingLeg(wanting(lawA));
    await stocked();
  }
  expect(news().filter((command) => command === 'openOfferingLeg')).toHaveLength(1);
  expect((await plane.stats()).legs).toBe(101);
});

it('what waits in it counts as free, and is no leg', async () => {
  const { plane, stocked } = await open();
  const before = await plane.stats();
  const { leg } = await plane.openOfferingLeg(wanting(lawA));
  await stocked();
  expect(await plane.stats()).toEqual({ legs: 1, rtpPortsFree: before.rtpPortsFree - 2 });
  const next = await plane.openOfferingLeg(wanting(lawA));
  await stocked();
  expect(await plane.stats()).toEqual({ legs: 2, rtpPortsFree: before.rtpPortsFree - 4 });
  await Promise.all([leg.close(), next.leg.close()]);
  expect(await plane.stats()).toEqual(before);
});

it.each<[string, (plane: EmbeddedMediaPlane, peer: MediaPeer) => Promise<MediaLeg>]>([
  [
    'answer',
    async (plane, peer) => {
      const { leg, answer } = plane.openAnsweringLeg(wanting(lawA), peer.sdp());
      expect(await answer).toContain('m=audio ');
      return leg;
    },
  ],
  ['offer codecs it does not know', async (plane) => (await plane.openOfferingLeg(wanting(['PCMU']))).leg],
  ['are described later', (plane) => plane.openLeg(wanting(lawA))],
])('its ports are the last ones, also for legs that %s', async (_, openOne) => {
  const { plane, stocked } = await open(await portRange(20));
  const peer = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA' });
  cleanUp.push(() => peer.close());
  for (const codecs of [['opus'], ['PCMA'], lawA, lawMu] as const) {
    await (await plane.openOfferingLeg(wanting(codecs))).leg.close();
    await stocked();
  }
  const before = await plane.stats();
  expect(before).toEqual({ legs: 0, rtpPortsFree: 40 });
  const legs: MediaLeg[] = [];
  for (let pair = 0; pair < 20; pair++) {
    legs.push(await openOne(plane, peer));
    await stocked();
  }
  await expect(openOne(plane, peer)).rejects.toMatchObject({ code: 'no-free-port' });
  expect(await plane.stats()).toEqual({ legs: 20, rtpPortsFree: 0 });
  expect(await legs[19]?.createOffer()).toContain('m=audio ');
  await Promise.all(legs.map((leg) => leg.close()));
  expect(await plane.stats()).toEqual(before);
});

it('a leg that was opened before the ports of others were met is not lost', async () => {
  // One pair can be opened, more seem to be free.
  const { plane, stocked } = await open(await portRange(20, 19));
  const opening = await Promise.allSettled([plane.openOfferingLeg(wanting(lawA))]);
  await stocked();
  const leg =
    opening[0]?.status === 'fulfilled'
      ? opening[0].value.leg
      : (await plane.openOfferingLeg(wanting(lawA))).leg;
  expect((await plane.stats()).legs).toBe(1);
  await leg.close();
});

it('is gone with its worker; the next worker has its own', async () => {
  const { plane, workers, stocked, news } = await open();
  await plane.openOfferingLeg(wanting(lawA));
  await stocked();
  await expect(workers[0]!.request('bogus' as never, {} as never)).rejects.toMatchObject({ code: 'closed' });
  news();
  const { leg, sdp } = await plane.openOfferingLeg(wanting(lawA));
  expect(news()).toContain('openOfferingLeg');
  expect(await leg.createOffer()).toContain(/m=audio \d+/.exec(sdp)?.[0]);
  await stocked();
  news();
  const next = await plane.openOfferingLeg(wanting(lawA));
  expect(news()).toEqual(['adoptLeg']);
  expect(await next.leg.createOffer()).toContain('m=audio ');
  expect(await plane.stats()).toMatchObject({ legs: 2 });
});

it('leaves nothing when the plane is closed, nor while it is being filled', async () => {
  const range = await portRange(60);
  const { plane, warned, stocked } = await open(range);
  await plane.openOfferingLeg(wanting(lawA));
  await stocked();
  await plane.close();
  const again = await open(range);
  const opening = again.plane.openOfferingLeg(wanting(lawA)).catch(() => undefined);
  await again.plane.close();
  await opening;
  // No thread had to be broken off, and all ports can be had.
  expect([...warned, ...again.warned]).toEqual([]);
  for (let port = range.min; port <= range.max; port++) (await bound(port)).close();
});

it('a leg may be used at once, while it is being opened: what is asked of it is done in order', async () => {
  const { plane } = await open();
  const before = await plane.stats();
  const peer = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA' });
  cleanUp.push(() => peer.close());
  const { leg, answer } = plane.openAnsweringLeg(wanting(lawA), peer.sdp());
  const played = leg.play({ silenceMs: 20 });
  expect(await answer).toContain('m=audio ');
  expect(await played).toBe('ended');
  await leg.close();
  const hasty = plane.openAnsweringLeg(wanting(lawA), peer.sdp());
  const gone = hasty.leg.close();
  await hasty.answer.catch(() => undefined);
  await gone;
  expect(await plane.stats()).toEqual(before);
});

it('a leg that is closed before the last ports are found takes none of them', async () => {
  const { plane, stocked } = await open(await portRange(20));
  const peer = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA' });
  cleanUp.push(() => peer.close());
  await (await plane.openOfferingLeg(wanting(lawA))).leg.close();
  await stocked();
  const legs = await Promise.all(Array.from({ length: 18 }, () => plane.openLeg(wanting(lawA))));
  const { leg, answer } = plane.openAnsweringLeg(wanting(lawA), peer.sdp());
  const refused = expect(answer).rejects.toMatchObject({ code: 'no-free-port' });
  await Promise.all([leg.close(), refused]);
  expect(await plane.stats()).toEqual({ legs: 18, rtpPortsFree: 4 });
  await Promise.all(legs.map((one) => one.close()));
});

it('a call that comes while a worker is being started waits for it', async () => {
  const { plane, workers } = await open();
  const peer = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA' });
  cleanUp.push(() => peer.close());
  await expect(workers[0]!.request('bogus' as never, {} as never)).rejects.toMatchObject({ code: 'closed' });
  const { leg, answer } = plane.openAnsweringLeg(wanting(lawA), peer.sdp());
  expect(await answer).toContain('m=audio ');
  expect(await leg.createOffer()).toContain('m=audio ');
  await leg.close();
  expect(await plane.stats()).toMatchObject({ legs: 0 });
});
