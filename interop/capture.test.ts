import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { SipRequest, SipStack } from '@ringthrough/sip';
import { afterEach, describe, expect, it } from 'vitest';
import { Capture } from './support/capture.ts';
import { hasPeer } from './support/peers.ts';
import { freePort } from './support/ports.ts';

const loopback = '127.0.0.1';

/** That a run of all tests is flawless is worth what the reader of its capture is worth: these say that it can find fault. */
describe.skipIf(!hasPeer('tshark'))('a capture read by tshark', () => {
  const open: Array<() => unknown> = [];
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close();
  });

  async function capture(): Promise<Capture> {
    const one = await Capture.start();
    open.push(() => one.remove());
    return one;
  }

  it('has nothing against a call of two stacks with PRACK, session timers, UPDATE and a re-INVITE, over UDP and TCP', async () => {
    const running = await capture();
    const ports = [await freePort(), await freePort()];
    const stacks = ports.map(
      (port) =>
        new SipStack({
          userAgent: 'Captured',
          reliableProvisional: 'supported',
          sessionTimer: { expiresSeconds: 1_800, minSeconds: 90 },
          listeners: [
            { protocol: 'udp', host: loopback, port },
            { protocol: 'tcp', host: loopback, port },
          ],
        }),
    );
    for (const stack of stacks) {
      await stack.start();
      open.push(() => stack.close());
    }
    const [alice, bob] = stacks as [SipStack, SipStack];
    const sdp =
      'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n';
    bob.on('invite', (session) => {
      session.on('reinvite', ({ accept }) => accept(sdp));
      session.progress(183, { body: sdp });
      session.accept({ sdp });
    });
    for (const protocol of ['udp', 'tcp'] as const) {
      const target = { protocol, host: loopback, port: ports[1] ?? 0 };
      const call = alice.invite({
        request: new SipRequest('INVITE', 'sip:bob@127.0.0.1', { body: sdp }),
        target,
      });
      await new Promise((resolve) => call.on('accepted', resolve));
      expect((await call.reinvite(sdp)).status).toBe(200);
      expect((await call.sendRequest('UPDATE')).status).toBe(200);
      call.bye();
      expect((await alice.request(new SipRequest('OPTIONS', 'sip:bob@127.0.0.1'), target)).status).toBe(200);
    }
    const { sipFrames, byTransport, complaints } = await running.judge(
      ports.map((port) => ({ port, kind: 'sip' })),
    );
    expect(complaints).toEqual([]);
    // Two messages may share a TCP segment, and then a frame.
    expect(sipFrames).toBeGreaterThanOrEqual(20);
    expect(Object.keys(byTransport).sort()).toEqual(['tcp', 'udp']);
  });

  it('finds a header that is wrong, and a message that is cut off', async () => {
    const running = await capture();
    const port = await freePort();
    const socket = createSocket('udp4').bind(port, loopback);
    open.push(() => socket.close());
    await once(socket, 'listening');
    const lines = [
      'OPTIONS sip:a@127.0.0.1 SIP/2.0',
      `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKx`,
      'From: <sip:a@127.0.0.1>;tag=a',
      'To: <sip:a@127.0.0.1>',
      'Call-ID: bad',
      'CSeq: 1 OPTIONS',
      'A header without a colon',
      'Content-Length: 0',
    ];
    const sent = [[...lines, '', ''].join('\r\n'), lines.slice(0, 4).join('\r\n').slice(0, -1)];
    for (const text of sent) await new Promise((resolve) => socket.send(text, port, loopback, resolve));
    await once(socket, 'message');
    const { complaints } = await running.judge([{ port, kind: 'sip' }]);
    expect(complaints.map(({ message }) => message)).toEqual([
      expect.stringContaining('sip: Header has no colon'),
      'malformed',
    ]);
  });
});
