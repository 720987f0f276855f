import { describe, expect, it } from 'vitest';
import { EmbeddedMediaPlane } from './embedded-media-plane.ts';
import { WorkerClient } from './worker-client.ts';

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
