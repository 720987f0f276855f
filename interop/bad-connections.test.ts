import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Besieged, Line, noise, offer, take, truncated } from './support/besieged.ts';
import { until } from './support/process.ts';
import { sipRequest } from './support/udp-stranger.ts';

describe('bad connections', { timeout: 90_000 }, () => {
  let house: Besieged;
  beforeAll(async () => {
    house = await Besieged.open();
  });
  afterAll(() => house?.close());

  it('SIP over TCP: noise is answered or closed', async () => {
    for (const bytes of take(20, noise(4))) {
      const line = new Line(house.server.sipPort);
      line.socket.end(bytes);
      await line.isClosed();
    }
    const invite = sipRequest('INVITE', { callId: randomUUID(), from: 1, body: offer });
    for (const part of truncated(invite)) {
      const line = new Line(house.server.sipPort);
      line.socket.end(part);
      await line.isClosed();
    }
    const negative = new Line(house.server.sipPort);
    negative.socket.write(invite.replace(/Content-Length: \d+/, 'Content-Length: -5'));
    await negative.isClosed();
  });

  it('SIP over TCP: a header of 10 MB is cut short, and memory does not follow', async () => {
    const before = { resident: house.residentBytes(), read: house.readBytes() };
    const lines = Array.from({ length: 20 }, () => new Line(house.server.sipPort));
    const chunk = Buffer.alloc(65_536, 'a');
    await Promise.all(
      lines.map(async (line) => {
        line.socket.write('REGISTER sip:localhost SIP/2.0\r\nX-Long: ');
        for (let sent = 0; sent < 10_000_000 && !line.closed; sent += chunk.length) {
          await new Promise<void>((resolve) => {
            line.socket.once('close', resolve);
            line.socket.write(chunk, () => {
              line.socket.off('close', resolve);
              resolve();
            });
          });
        }
        await line.isClosed();
      }),
    );
    await house.stranger.knock(house.server.sipPort);
    // Of 200 million bytes that were to come.
    expect(house.readBytes() - before.read).toBeLessThan(20_000_000);
    expect(house.residentBytes() - before.resident).toBeLessThan(60_000_000);
  });

  it('SIP over WebSocket: noise, too much, the wrong protocol, a foreign page', async () => {
    const url = `ws://127.0.0.1:${house.server.httpPort}/sip`;
    for (const message of [
      'garbage',
      Buffer.from([0, 1, 2, 255]),
      '\r\n'.repeat(50),
      'x'.repeat(1_000_000),
    ]) {
      const socket = new WebSocket(url, 'sip');
      const over = new Promise<void>((resolve) => socket.on('close', () => resolve()));
      socket.on('error', () => undefined);
      socket.on('open', () => {
        socket.send(message);
        socket.close();
      });
      await over;
    }
    const refusal = (protocol: string, origin?: string) =>
      new Promise<number | undefined>((resolve) => {
        const socket = new WebSocket(url, protocol, origin ? { origin } : {});
        socket.on('unexpected-response', (_, response) => {
          resolve(response.statusCode);
          socket.terminate();
        });
        socket.on('error', () => undefined);
        socket.on('open', () => {
          resolve(undefined);
          socket.terminate();
        });
      });
    expect(await refusal('chat')).toBe(400);
    expect(await refusal('sip', 'http://evil.example')).toBe(403);
    const broken = new Line(house.server.httpPort);
    broken.socket.write(
      'GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n',
    );
    await until(() => broken.text.includes('101'));
    broken.socket.write(Buffer.from('ffffffffffffffffffff', 'hex'));
    await broken.isClosed();
  });

  it('after all that the same process carries a call, and nothing has leaked', () => house.stands());
});
