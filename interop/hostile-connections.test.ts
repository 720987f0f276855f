import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Besieged, Line } from './support/besieged.ts';
import { hasPeer } from './support/peers.ts';
import { freePort } from './support/ports.ts';
import { until } from './support/process.ts';
import { SipDevice } from './support/sip-device.ts';

const perAddress = 30;
/** What a head may hold before it is refused, less a little. */
const halfMessage = `REGISTER sip:localhost SIP/2.0\r\n${'X-Long: aaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(200)}`;

/** Strangers at real sockets of the real server, whose limits are tight and whose patience is short. */
describe.skipIf(!hasPeer('openssl'))('connections of strangers', { timeout: 90_000 }, () => {
  let authority: TestAuthority;
  let house: Besieged;
  let tlsPort: number;

  beforeAll(async () => {
    authority = await TestAuthority.create();
    const pair = await authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1');
    const [cert, key] = [join(authority.folder, 'cert.pem'), join(authority.folder, 'key.pem')];
    writeFileSync(cert, pair.cert);
    writeFileSync(key, pair.key);
    tlsPort = await freePort();
    const limits = {
      maxConnectionsPerAddress: perAddress,
      messageTimeoutMs: 1000,
      connectTimeoutMs: 1000,
      idleConnectionMs: 5000,
    };
    house = await Besieged.open({
      sip: {
        tls: { cert, key, port: tlsPort },
        limits,
        webSocketRegisterSeconds: 1,
        guard: { maxUdpAnswerRatio: 2, failures: 4 },
      },
      http: { maxConnectionsPerAddress: 2 * perAddress, requestTimeoutSeconds: 2 },
    });
  });
  afterAll(async () => {
    await house?.close();
    await authority?.remove();
  });

  const flows = () => house.server.gauge('ringthrough_sip_flows');

  it('over TCP with half a message: so many and no more, little memory each, closed in time', async () => {
    const before = house.residentBytes();
    const lines = Array.from({ length: perAddress + 20 }, () => new Line(house.server.sipPort));
    for (const { socket } of lines) socket.write(halfMessage);
    // A byte now and then: they never fall silent.
    const drip = setInterval(() => {
      for (const { socket } of lines) if (socket.writable) socket.write('a');
    }, 100);
    await until(() => lines.filter(({ closed }) => closed).length >= 20);
    expect(await flows()).toBeLessThanOrEqual(perAddress);
    expect(house.residentBytes() - before).toBeLessThan(30_000_000);
    await Promise.all(lines.map((line) => line.isClosed()));
    clearInterval(drip);
    expect(await flows()).toBe(0);
  });

  it('over TLS that never finish their handshake, and a flood of those that do', async () => {
    const half = Array.from({ length: perAddress + 5 }, () => new Line(tlsPort));
    for (const { socket } of half) socket.write(Buffer.from('16030100ff01', 'hex'));
    await Promise.all(half.map((line) => line.isClosed()));
    expect(await flows()).toBe(0);
    for (let wave = 0; wave < 5; wave++) {
      const sockets = Array.from({ length: perAddress + 10 }, () =>
        connectTls({ port: tlsPort, host: '127.0.0.1', ca: authority.ca }),
      );
      const secured = sockets.map(
        (socket) =>
          new Promise<boolean>((resolve) => {
            socket.on('secureConnect', () => resolve(true));
            socket.on('error', () => undefined);
            socket.on('close', () => resolve(false));
          }),
      );
      expect((await Promise.all(secured)).filter(Boolean).length).toBeLessThanOrEqual(perAddress);
      for (const socket of sockets) socket.destroy();
    }
    await until(async () => (await flows()) === 0);
  });

  it('over WebSocket: so many and no more; whoever does not register is closed', async () => {
    const url = `ws://127.0.0.1:${house.server.httpPort}/sip`;
    const refusals: number[] = [];
    const codes: number[] = [];
    const sockets = Array.from({ length: perAddress + 10 }, () => {
      const socket = new WebSocket(url, 'sip');
      socket.on('unexpected-response', (_request, response) => {
        refusals.push(response.statusCode ?? 0);
        socket.terminate();
      });
      socket.on('error', () => undefined);
      socket.on('close', (code) => codes.push(code));
      return socket;
    });
    await until(() => refusals.length === 10);
    expect(new Set(refusals)).toEqual(new Set([503]));
    expect(sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length).toBeLessThanOrEqual(
      perAddress,
    );
    await until(() => codes.filter((code) => code === 1008).length === perAddress);
    await until(async () => (await flows()) === 0);
  });

  it('over HTTP: a flood of upgrades and of half requests ends in time, with room for others', async () => {
    const refused = () => house.server.gauge('ringthrough_http_connections_refused_total');
    const before = await refused();
    const lines = Array.from({ length: 2 * perAddress + 20 }, () => new Line(house.server.httpPort));
    for (const [index, { socket }] of lines.entries()) {
      socket.write(
        index % 2 ? 'GET /sip HTTP/1.1\r\nUpgrade: websocket\r\n' : 'POST /api/sessions HTTP/1.1\r\n',
      );
    }
    await Promise.all(lines.map((line) => line.isClosed()));
    expect((await refused()) - before).toBeGreaterThanOrEqual(20);
    const upgrades = Array.from({ length: 20 }, () => connect(house.server.httpPort, '127.0.0.1'));
    for (const socket of upgrades) {
      socket.on('error', () => undefined);
      socket.resume();
      socket.write('GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    }
    await Promise.all(upgrades.map((socket) => once(socket, 'close')));
  });

  it('the same process carries a call, and nothing has leaked', () => house.stands());

  it('who guess passwords are banned, as the metrics tell; devices that are registered do not feel it', async () => {
    const bans = () => house.server.gauge('ringthrough_sip_bans_total');
    expect(await bans()).toBe(0);
    for (let guess = 0; guess < 4 && (await bans()) === 0; guess++) {
      const attempt = SipDevice.register(house.server, { ...house.sip, user: `dnobody${guess}` });
      await expect(attempt).rejects.toThrow('failed');
    }
    expect(await bans()).toBe(1);
    expect(await house.server.gauge('ringthrough_sip_banned')).toBe(1);
    await house.talk();
  });
});
