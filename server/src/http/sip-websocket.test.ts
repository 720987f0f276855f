import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { SipWebSocket, type WebSocketRemote } from './index.ts';

// Both ends of every socket are in this process, on machines that are busy with something else.
vi.setConfig({ testTimeout: 30_000 });

let http: Server;
let sip: SipWebSocket;
let attached: Array<{ socket: WebSocket; remote: WebSocketRemote }>;
let port: number;
let registered: boolean;
/** How often it was asked who has registered. */
let asked: number;

async function open(yaml = ''): Promise<void> {
  attached = [];
  registered = false;
  asked = 0;
  http = createServer();
  sip = new SipWebSocket({
    config: parseConfig(yaml),
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    attach: (socket, remote) => {
      attached.push({ socket, remote });
      return {
        registered: () => {
          asked += 1;
          return registered;
        },
      };
    },
  });
  sip.listen(http);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  port = (http.address() as AddressInfo).port;
}

beforeEach(() => open());
afterEach(async () => {
  await sip.close();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

/** @returns the socket once open, or the HTTP status that refused it */
function dial(
  path: string,
  protocols: string[],
  headers: Record<string, string> = {},
): Promise<WebSocket | number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
    socket.on('open', () => resolve(socket));
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    socket.on('error', reject);
  });
}

async function opened(...args: Parameters<typeof dial>): Promise<WebSocket> {
  const socket = await dial(...args);
  if (typeof socket === 'number') throw new Error(`refused with ${socket}`);
  return socket;
}

/** Of somebody who then says nothing, not even pong. */
const upgrade =
  'GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n';

const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.on('close', resolve));

describe('SipWebSocket', () => {
  it('takes the subprotocol sip and hands the socket over', async () => {
    const socket = await opened('/sip', ['xmpp', 'sip']);
    expect(socket.protocol).toBe('sip');
    expect(attached).toHaveLength(1);
    expect(attached[0]?.remote.address).toBe('127.0.0.1');
    expect(attached[0]?.remote.port).toBeGreaterThan(0);
    const message = new Promise<string>((resolve) =>
      attached[0]?.socket.on('message', (data) => resolve(String(data))),
    );
    socket.send('OPTIONS');
    expect(await message).toBe('OPTIONS');
  });

  it.each([
    ['no subprotocol', '/sip', [], {}, 400],
    ['another subprotocol', '/sip', ['xmpp'], {}, 400],
    ['a page of another site', '/sip', ['sip'], { origin: 'https://evil.example' }, 403],
    ['a sandboxed page', '/sip', ['sip'], { origin: 'null' }, 403],
    ['another path', '/sips', ['sip'], {}, 404],
  ])('refuses %s', async (_name, path, protocols, headers, status) => {
    expect(await dial(path, protocols, headers as Record<string, string>)).toBe(status);
    expect(attached).toEqual([]);
  });

  it('takes pages of its own host, and those that the configuration names', async () => {
    await opened('/sip?x=1', ['sip'], { origin: `http://127.0.0.1:${port}` });
    expect(await dial('/sip', ['sip'], { origin: 'https://ring.example' })).toBe(403);
    await sip.close();
    http.close();
    await open('http: { publicOrigin: "https://ring.example", allowedOrigins: ["https://app.example"] }');
    await opened('/sip', ['sip'], { origin: 'https://ring.example' });
    await opened('/sip', ['sip'], { origin: 'https://app.example' });
  });

  it('leaves other paths to others', async () => {
    http.on('upgrade', (request, socket) => {
      if (request.url === '/other') socket.end('HTTP/1.1 418 Teapot\r\n\r\n');
    });
    expect(await dial('/other', ['sip'])).toBe(418);
  });

  it('cuts off who sends too much', async () => {
    const socket = await opened('/sip', ['sip']);
    const code = closed(socket);
    socket.send('x'.repeat(70_000));
    expect(await code).toBe(1009);
  });

  it('cuts off who no longer answers pings, and keeps who does', async () => {
    await sip.close();
    http.close();
    await open('registration: { webSocketPingSeconds: 1 }');
    const alive = await opened('/sip', ['sip']);
    let pings = 0;
    alive.on('ping', () => {
      pings += 1;
    });
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => {});
    const gone = new Promise((resolve) => silent.on('close', resolve));
    silent.resume();
    silent.write(upgrade);
    await gone;
    expect(pings).toBeGreaterThan(0);
    expect(alive.readyState).toBe(WebSocket.OPEN);
    await vi.waitFor(() => expect(sip.connections).toBe(1), 10_000);
  });

  it('gives one client so many connections and no more, and a place again when one goes', async () => {
    await sip.close();
    http.close();
    await open('sip: { limits: { maxConnectionsPerAddress: 2 } }');
    const first = await opened('/sip', ['sip']);
    await opened('/sip', ['sip']);
    expect(await dial('/sip', ['sip'])).toBe(503);
    expect(attached).toHaveLength(2);
    first.close();
    await vi.waitFor(() => expect(sip.connections).toBe(1), 10_000);
    await opened('/sip', ['sip']);
  });

  it('counts the clients of a trusted proxy one by one, and itself not at all', async () => {
    await sip.close();
    http.close();
    await open(
      '{ sip: { limits: { maxConnectionsPerAddress: 1 } }, http: { trustedProxies: ["127.0.0.1"] } }',
    );
    const from = (address: string) => dial('/sip', ['sip'], { 'x-forwarded-for': address });
    await opened('/sip', ['sip']);
    await opened('/sip', ['sip']);
    expect(await from('192.0.2.1')).toBeInstanceOf(WebSocket);
    expect(await from('192.0.2.2')).toBeInstanceOf(WebSocket);
    expect(await from('192.0.2.1')).toBe(503);
    // What is to the left of the proxy's own word is the client's invention.
    expect(await from('192.0.2.9, 192.0.2.2')).toBe(503);
  });

  it('says who the client is; X-Forwarded-For is a trusted proxy’s word only, and an address', async () => {
    const forwarded = { 'x-forwarded-for': '192.0.2.9, 192.0.2.1' };
    await opened('/sip', ['sip'], forwarded);
    await sip.close();
    http.close();
    const untrusted = attached[0]?.remote.address;
    await open('http: { trustedProxies: ["127.0.0.1"] }');
    await opened('/sip', ['sip'], forwarded);
    await opened('/sip', ['sip'], { 'x-forwarded-for': 'unknown' });
    await opened('/sip', ['sip']);
    const trusted = attached.map(({ remote }) => remote.address);
    expect([untrusted, ...trusted]).toEqual(['127.0.0.1', '192.0.2.1', '127.0.0.1', '127.0.0.1']);
  });

  it('says who came over TLS; X-Forwarded-Proto is a trusted proxy’s word only', async () => {
    const forwarded = { 'x-forwarded-proto': 'https' };
    await opened('/sip', ['sip'], forwarded);
    await sip.close();
    http.close();
    const untrusted = attached[0]?.remote.secure;
    await open('http: { trustedProxies: ["127.0.0.1"] }');
    await opened('/sip', ['sip'], forwarded);
    await opened('/sip', ['sip'], { 'x-forwarded-proto': 'http' });
    expect([untrusted, ...attached.map(({ remote }) => remote.secure)]).toEqual([false, true, false]);
  });

  it('closes a connection on which nobody registers in time, also of one who does not answer', async () => {
    await sip.close();
    http.close();
    await open('sip: { webSocketRegisterSeconds: 0.05 }');
    const polite = await opened('/sip', ['sip']);
    expect(await closed(polite)).toBe(1008);
    const silent = connect(port, '127.0.0.1');
    const gone = once(silent, 'close');
    silent.write(upgrade);
    silent.resume();
    await gone;
    registered = true;
    const device = await opened('/sip', ['sip']);
    await vi.waitFor(() => expect(asked).toBe(3), 10_000);
    expect(device.readyState).toBe(WebSocket.OPEN);
  });

  it('says goodbye when the server stops', async () => {
    const socket = await opened('/sip', ['sip']);
    const code = closed(socket);
    await sip.close();
    expect(await code).toBe(1001);
    expect(sip.connections).toBe(0);
  });

  it('survives a peer that asks for an upgrade and is gone before anybody has taken its socket', async () => {
    const uncaught: Error[] = [];
    const monitor = (error: Error) => uncaught.push(error);
    process.on('uncaughtExceptionMonitor', monitor);
    for (const path of ['/nowhere', '/sip', '/nowhere']) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const head = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
      // As much as the server reads at once, so that it comes upon the reset in the same turn.
      socket.write(head.padEnd(65_536, 'a'));
      const upgraded = once(http, 'upgrade');
      socket.resetAndDestroy();
      await upgraded;
    }
    (await opened('/sip', ['sip'])).close();
    process.off('uncaughtExceptionMonitor', monitor);
    expect(uncaught).toEqual([]);
  });
});
