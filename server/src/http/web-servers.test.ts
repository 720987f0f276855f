import { once } from 'node:events';
import type { Server } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { TestAuthority } from '@ringthrough/sip/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../config.ts';
import { redirectToHttps } from './https-redirect.ts';
import { type WebCertificate, WebServers } from './web-servers.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let servers: WebServers;
let server: Server;
let port: number;
const closers: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(http: object = {}, certificate?: WebCertificate): Promise<void> {
  servers = new WebServers(parseConfig(JSON.stringify({ http })).http, certificate);
  server = servers.create((_request, response) => response.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  closers.push(() => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    return closed;
  });
}

/** A TCP connection; what comes over it, and its end. */
async function line(): Promise<{ socket: Socket; text: () => string; gone: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('error', () => {});
  const gone = new Promise((resolve) => socket.on('close', resolve));
  closers.push(() => socket.destroy());
  await Promise.race([once(socket, 'connect'), gone]);
  return { socket, text: () => text, gone };
}

const connections = () =>
  new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));

describe('connections of one address', () => {
  it('are limited, and one that goes makes room', async () => {
    await open({ maxConnectionsPerAddress: 2 });
    const first = await line();
    await line();
    await expect.poll(connections).toBe(2);
    await (await line()).gone;
    expect(servers.limits.refused).toBe(1);
    first.socket.destroy();
    await expect.poll(connections).toBe(1);
    const next = await line();
    next.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(next.text).toContain('hello');
  });

  it('are limited in a minute: floods of handshakes cost no more than that', async () => {
    await open({ newConnectionsPerAddressPerMinute: 3 });
    for (let nth = 0; nth < 3; nth++) {
      const one = await line();
      one.socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      await one.gone;
      expect(one.text()).toContain('hello');
    }
    const fourth = await line();
    fourth.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await fourth.gone;
    expect([fourth.text(), servers.limits.refused]).toEqual(['', 1]);
  });

  it('are not limited when they are a trusted proxy’s', async () => {
    await open({
      maxConnectionsPerAddress: 1,
      newConnectionsPerAddressPerMinute: 1,
      trustedProxies: ['127.0.0.0/8'],
    });
    for (let nth = 0; nth < 3; nth++) await line();
    await expect.poll(connections).toBe(3);
    expect(servers.limits.refused).toBe(0);
  });

  it('are limited all together, too', async () => {
    await open({ maxConnections: 2, trustedProxies: ['loopback'] });
    for (let nth = 0; nth < 2; nth++) await line();
    await expect.poll(connections).toBe(2);
    await (await line()).gone;
    expect(servers.limits.refused).toBe(1);
  });
});

describe('those who are slow (slow-loris)', () => {
  it.each([
    ['says nothing', ''],
    ['never ends its header', 'GET / HTTP/1.1\r\nX: '],
    ['never ends its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n'],
  ])('a client that %s is closed in time, however often it sends a byte', async (_name, head) => {
    await open({ requestTimeoutSeconds: 0.2 });
    // Reads its request to the end, as the service does.
    server.removeAllListeners('request');
    server.on('request', (incoming, response) => incoming.resume().on('end', () => response.end()));
    const { socket, gone } = await line();
    socket.write(head);
    const drip = head === '' ? undefined : setInterval(() => socket.write('a'), 20);
    await gone;
    clearInterval(drip);
  });

  it('a client that asks and does not read is closed when nothing moves any more', async () => {
    await open({ idleTimeoutSeconds: 0.2, eventsHeartbeatSeconds: 0.05 });
    server.removeAllListeners('request');
    const ended = new Promise((resolve) =>
      server.on('request', (_request, response) => {
        response.on('close', resolve);
        response.write(Buffer.alloc(50_000_000));
      }),
    );
    const { socket } = await line();
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await ended;
  });
});

describe('HTTPS', () => {
  let authority: TestAuthority;
  const { available } = TestAuthority;
  beforeEach(async ({ skip }) => {
    skip(!available, 'no openssl on this machine');
    authority = await TestAuthority.create();
    closers.push(() => authority.remove());
  });

  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', ca: authority.ca, agent: false }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        answer.on('end', () => resolve(text));
      });
      asked.on('error', reject).end();
    });

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    await open({}, await authority.issue('one', 'IP:127.0.0.1'));
    expect(await ask()).toBe('hello');
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = connectTls({
        port,
        host: '127.0.0.1',
        ca: authority.ca,
        minVersion: version,
        maxVersion: version,
      });
      closers.push(() => socket.destroy());
      await once(socket, 'secureConnect');
      expect(socket.getProtocol()).toBe(version);
    }
    // With ciphers that a client of those days has, or our own end would refuse.
    const old = connectTls({
      port,
      host: '127.0.0.1',
      ca: authority.ca,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    closers.push(() => old.destroy());
    const error = await new Promise<Error>((resolve, reject) => {
      old.on('error', resolve);
      old.on('secureConnect', () => reject(new Error('TLS 1.1 was taken')));
    });
    expect(error.message).toMatch(/protocol version/i);
  });

  it('gives up a handshake that is never done, and lives through one of garbage', async () => {
    await open(
      { tls: { cert: 'x', key: 'x', handshakeTimeoutSeconds: 0.2 } },
      await authority.issue('one', 'IP:127.0.0.1'),
    );
    await (await line()).gone;
    const plain = await line();
    plain.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await plain.gone;
    expect(plain.text()).not.toContain('hello');
    const half = await line();
    half.socket.write(Buffer.from('16030100ff01', 'hex'));
    await half.gone;
    expect(await ask()).toBe('hello');
  });

  it('counts connections before their handshake', async () => {
    const certificate = await authority.issue('one', 'IP:127.0.0.1');
    await open({ tls: { cert: 'x', key: 'x' }, maxConnectionsPerAddress: 2 }, certificate);
    const first = await line();
    await line();
    await expect.poll(connections).toBe(2);
    await expect(ask()).rejects.toThrow();
    first.socket.destroy();
    await expect.poll(() => ask().catch(() => 'refused')).toBe('hello');
  });
});

describe('the redirection to HTTPS', () => {
  const answerTo = async (head: string): Promise<string> => {
    const one = await line();
    one.socket.write(`${head}\r\n\r\n`);
    await one.gone;
    return one.text();
  };
  const openRedirect = async (origin: string | undefined) => {
    await open();
    server.removeAllListeners('request');
    server.on(
      'request',
      redirectToHttps(origin, () => 8443),
    );
  };

  it('keeps path and query, and leads to the name of the service', async () => {
    await openRedirect('https://ring.example');
    const answer = await answerTo('GET /calls?x=1 HTTP/1.1\r\nHost: other.example:80');
    expect(answer).toMatch(/^HTTP\/1\.1 308 /);
    expect(answer).toContain('location: https://ring.example/calls?x=1\r\n');
    // The word of RFC 6797 counts over TLS only (section 7.2).
    expect(answer).not.toMatch(/strict-transport/i);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['ring.example:8080', 'ring.example'],
    ['[2001:db8::1]:80', '[2001:db8::1]'],
  ])('without a name leads to the host that was asked for: %s', async (host, name) => {
    await openRedirect(undefined);
    expect(await answerTo(`GET /a HTTP/1.1\r\nHost: ${host}`)).toContain(
      `location: https://${name}:8443/a\r\n`,
    );
  });

  it.each([
    'GET / HTTP/1.1\r\nHost: evil.example/@x',
    'GET / HTTP/1.0',
    'OPTIONS * HTTP/1.1\r\nHost: x',
    'GET http://evil.example/ HTTP/1.1\r\nHost: x',
  ])('leads nowhere with %j', async (head) => {
    await openRedirect(undefined);
    const answer = await answerTo(head);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).not.toContain('location');
  });
});
