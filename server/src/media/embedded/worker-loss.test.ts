import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { EmbeddedMediaPlane } from './embedded-media-plane.ts';
import { WorkerClient } from './worker-client.ts';
import { WorkerEnd } from './worker-end.ts';

const offer = [
  'v=0',
  'o=- 1 1 IN IP4 127.0.0.1',
  's=-',
  'c=IN IP4 127.0.0.1',
  't=0 0',
  'm=audio 9 RTP/AVP 8',
  'a=rtpmap:8 PCMA/8000',
  '',
].join('\r\n');

const options = {
  host: '127.0.0.1',
  webrtcPort: 0,
  rtpPorts: { min: 0, max: 0 },
  silenceTimeoutSeconds: 10,
};

describe('EmbeddedMediaPlane', () => {
  it('outlives its worker: legs tell it, what is under way fails, new legs work on the same port', async () => {
    const logged: string[] = [];
    const ignore = () => undefined;
    const log = {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (_: unknown, text: string) => logged.push(text),
    };
    const workers: WorkerClient[] = [];
    const plane = await EmbeddedMediaPlane.start({ ...options, log }, async (config, hooks) => {
      const worker = await WorkerClient.start(config, hooks);
      workers.push(worker);
      return worker;
    });
    const port = plane.webrtcPort;
    const leg = await plane.openLeg({ callId: 'call', kind: 'rtp', codecs: ['PCMA'] });
    const silent = new Promise<void>((resolve) => leg.on('silent', resolve));
    // A command that does not exist breaks the worker's main loop, as a bug would.
    await expect(workers[0]!.request('bogus' as never, {} as never)).rejects.toMatchObject({
      code: 'closed',
    });
    await silent;
    await expect(leg.createOffer()).rejects.toMatchObject({ code: 'closed' });
    expect(await leg.close()).toMatchObject({ packetsSent: 0 });
    const next = await plane.openLeg({ callId: 'call', kind: 'webrtc', codecs: ['opus'] });
    expect(await next.createOffer()).toContain(`m=audio ${port} `);
    expect(await plane.stats()).toMatchObject({ legs: 1 });
    await plane.close();
    expect(workers).toHaveLength(2);
    expect(logged).toHaveLength(1);
  });

  it('ends its worker in order, with legs open that play and record', async () => {
    const warned: string[] = [];
    const log = { debug() {}, info() {}, warn: (_: unknown, text: string) => warned.push(text), error() {} };
    const folder = mkdtempSync(join(tmpdir(), 'ringthrough-media-'));
    const plane = await EmbeddedMediaPlane.start({ ...options, log });
    const caller = await plane.openLeg({ callId: 'call', kind: 'rtp', codecs: ['PCMA'] });
    const device = await plane.openLeg({ callId: 'call', kind: 'webrtc', codecs: ['opus'] });
    await device.createOffer();
    await caller.acceptOffer(offer);
    await caller.record({ path: join(folder, 'message.wav'), maxDurationMs: 60_000 });
    const playing = caller.play({ toneHz: 440, durationMs: 60_000 });
    await plane.close();
    expect(await playing).toBe('stopped');
    expect(warned).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('terminates a worker that does not end', async () => {
    let terminated = 0;
    const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
    await new WorkerEnd(worker, () => (terminated += 1)).reached(50);
    expect(terminated).toBe(1);
    const quick = new Worker('0', { eval: true });
    await new WorkerEnd(quick, () => (terminated += 1)).reached();
    expect(terminated).toBe(1);
  });

  it('says which port is taken, and which setting changes it', async () => {
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const first = await EmbeddedMediaPlane.start({ ...options, log });
    const again = EmbeddedMediaPlane.start({ ...options, log, webrtcPort: first.webrtcPort });
    await expect(again).rejects.toMatchObject({
      name: 'MediaListenError',
      code: 'EADDRINUSE',
      port: first.webrtcPort,
      message: expect.stringContaining('media.webrtcPort'),
    });
    await first.close();
  });
});
