import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { SipWebSocket } from './index.ts';

let http: Server;
let sip: SipWebSocket;
let attached: Array<{ socket: WebSocket; remote: { address: string; port: number } }>;
let port: number;

async function open(yaml = ''): Promise<void> {
  attached = [];
  http = createServer();
  sip = new SipWebSocket({
    config: parseConfig(yaml),
    log: createLogger({ level: 'silent', destination: 'stderr' }),
    attach: (socket, remote) => attached.push({ socket, remote }),
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
    await open('registration: { webSocketPingSeconds: 0.05 }');
    const alive = await opened('/sip', ['sip']);
    let pings = 0;
    alive.on('ping', () => {
      pings += 1;
    });
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => {});
    const gone = new Promise((resolve) => silent.on('close', resolve));
    silent.resume();
    silent.write(
      'GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n',
    );
    await gone;
    expect(pings).toBeGreaterThan(0);
    expect(alive.readyState).toBe(WebSocket.OPEN);
    await vi.waitFor(() => expect(sip.connections).toBe(1));
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
    await vi.waitFor(() => expect(sip.connections).toBe(1));
    await opened('/sip', ['sip']);
  });

  it('leaves it to a trusted proxy how many connections a client has', async () => {
    await sip.close();
    http.close();
    await open(
      '{ sip: { limits: { maxConnectionsPerAddress: 1 } }, http: { trustedProxies: ["127.0.0.1"] } }',
    );
    await opened('/sip', ['sip']);
    await opened('/sip', ['sip']);
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
